package main

import (
	"context"
	"fmt"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"tasksync/internal/simulator"
)

// simulateCmd is `tasksync simulate`.
type simulateCmd struct {
	Provider  string  `default:"${default_provider}" enum:"${provider_names}" help:"The upstream API that is simulated: ${enum}."`
	Dialect   string  `placeholder:"NAME" help:"Dialect of the API: old for kie, single, data-only or integer for sunoproxy, wrapped or sentinel for sunoclips."`
	Addr      string  `default:":9090" help:"Where the API is served (${default})."`
	Seed      uint64  `help:"Seed of all random choices; the same seed and order of submits give the same tasks (default: random, and printed)."`
	Speed     string  `default:"1" help:"How many times faster than life tasks run, or instant (${default})."`
	Lengths   string  `placeholder:"MEDIAN,SIGMA" help:"How long tasks take, by a log-normal distribution: 110s,0.35 (default: as measured at the providers)."`
	Key       string  `name:"key" placeholder:"KEY" help:"The API key that requests must have (default: every key is accepted)."`
	RateLimit int     `placeholder:"N" help:"Requests that a key may make in 10 s (default: no limit)."`
	FaultRate float64 `placeholder:"P" help:"Share of status requests that are answered with a fault, 0 to 1."`
}

// Help implements kong's detailed help.
func (c *simulateCmd) Help() string { return simulator.Help() }

// Run implements kong's command.
func (c *simulateCmd) Run(ctx context.Context, std *streams) error {
	cfg, err := c.config()
	if err != nil {
		return usageError{err}
	}
	listener, err := net.Listen("tcp", c.Addr)
	if err != nil {
		return fmt.Errorf("serve the simulator: %w; choose another address with --addr", err)
	}
	cfg.MediaURL = c.baseURL(listener.Addr())
	sim := simulator.New(cfg)
	fmt.Fprintf(std.out, "simulated %s API at %s, seed %d\n", c.Provider, cfg.MediaURL, sim.Seed())
	return sim.Serve(ctx, listener)
}

func (c *simulateCmd) config() (simulator.Config, error) {
	speed, err := parseSpeed(c.Speed)
	switch {
	case err != nil:
		return simulator.Config{}, err
	case c.FaultRate < 0 || c.FaultRate > 1:
		return simulator.Config{}, fmt.Errorf("--fault-rate %g is not between 0 and 1", c.FaultRate)
	case c.Dialect != "" && !slices.Contains(simulator.Dialects(c.Provider), c.Dialect):
		return simulator.Config{}, fmt.Errorf("--dialect %q is none of %s: %q", c.Dialect, c.Provider, simulator.Dialects(c.Provider))
	case c.RateLimit < 0:
		return simulator.Config{}, fmt.Errorf("--rate-limit %d is negative", c.RateLimit)
	}
	lengths, err := parseLengths(c.Lengths)
	if err != nil {
		return simulator.Config{}, err
	}
	return simulator.Config{Provider: c.Provider, Dialect: c.Dialect, Seed: c.Seed, Speed: speed, Lengths: lengths, APIKey: c.Key, RateLimit: c.RateLimit, FaultRate: c.FaultRate}, nil
}

func parseSpeed(s string) (float64, error) {
	if s == "instant" {
		return math.Inf(1), nil
	}
	speed, err := strconv.ParseFloat(strings.TrimSuffix(s, "x"), 64)
	if err != nil || !(speed > 0) || math.IsInf(speed, 0) {
		return 0, fmt.Errorf("--speed %q is neither a number above 0 nor instant", s)
	}
	return speed, nil
}

func parseLengths(s string) (l simulator.Lengths, err error) {
	if s == "" {
		return l, nil
	}
	median, sigma, _ := strings.Cut(s, ",")
	l.Median, err = time.ParseDuration(median)
	if err == nil {
		l.Sigma, err = strconv.ParseFloat(sigma, 64)
	}
	if err != nil || l.Median <= 0 || !(l.Sigma >= 0) || l.Sigma > 10 {
		return l, fmt.Errorf("--lengths %q is no median and sigma, like 110s,0.35", s)
	}
	return l, nil
}

// baseURL is the address by which this machine reaches the listener. A name in --addr
// stays: the archive trusts files of the very host that TASKSYNC_API_URL names.
func (c *simulateCmd) baseURL(addr net.Addr) string {
	_, port, _ := net.SplitHostPort(addr.String())
	if host, _, _ := net.SplitHostPort(c.Addr); host != "" && net.ParseIP(host) == nil {
		return "http://" + net.JoinHostPort(host, port)
	}
	tcp, ok := addr.(*net.TCPAddr)
	if !ok || tcp.IP.IsUnspecified() {
		return "http://localhost:" + port
	}
	return "http://" + addr.String()
}
