package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
	"unicode"
)

// defaultAdminAddr is where the daemon has its metrics unless it is told otherwise.
const defaultAdminAddr = "127.0.0.1:9464"

// healthcheckCmd is `tasksync healthcheck`.
type healthcheckCmd struct {
	AdminAddr string `env:"TASKSYNC_ADMIN_ADDR" placeholder:"ADDR" help:"Where the daemon has /healthz and /readyz (default: 127.0.0.1:9464)."`
	Ready     bool   `help:"Ask whether the daemon is ready for work, instead of whether it serves."`
}

// Help implements kong's HelpProvider.
func (healthcheckCmd) Help() string {
	return "For a container's HEALTHCHECK: the exit status is 0 if a daemon on this machine serves, else 1."
}

// healthcheckTimeout is how long the daemon may take.
const healthcheckTimeout = 5 * time.Second

// Run implements kong's command.
func (c healthcheckCmd) Run(ctx context.Context, std *streams) error {
	path := "/healthz"
	if c.Ready {
		path = "/readyz"
	}
	status, body, err := askAdmin(ctx, cmp.Or(c.AdminAddr, defaultAdminAddr), path)
	if err != nil {
		return fmt.Errorf("no daemon answers: %w", err)
	}
	fmt.Fprintln(std.out, body)
	if status != http.StatusOK {
		return errQuiet
	}
	return nil
}

// adminClient asks no proxy and follows no redirect: what responds must be the daemon, which
// is on this machine, whatever its address is. A watchdog that could not ask would have
// systemd end a daemon that works.
var adminClient = &http.Client{ //nolint:gochecknoglobals // it has no state but its connection
	Transport:     &http.Transport{},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// askAdmin asks the daemon at addr, which may lack a host or have one that means all
// addresses of the machine.
func askAdmin(ctx context.Context, addr, path string) (status int, body string, err error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return 0, "", usageError{fmt.Errorf("TASKSYNC_ADMIN_ADDR is no address: %w", err)}
	}
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, healthcheckTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+path, http.NoBody)
	if err != nil {
		return 0, "", err
	}
	resp, err := adminClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	return resp.StatusCode, strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' {
			return -1
		}
		return r
	}, strings.TrimSpace(string(text))), err
}
