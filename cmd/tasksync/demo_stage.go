package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os/exec"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"tasksync/daemon"
	"tasksync/internal/postgres"
	"tasksync/internal/simulator"
	"tasksync/task"
)

// demoStage is what runs: Postgres, the simulator, the daemon and the page, opened
// in this order and closed in reverse.
type demoStage struct {
	std      *streams
	provider string
	verbose  bool
	warnings lockedBuffer // of the daemon, told only if the demo fails

	server    *postgres.Server
	sim       *simulator.Simulator
	simURL    string
	daemonURL string
	page      demoPage
	link      string        // to the page
	db        *pgxpool.Pool // the application's own connections

	closers []func() error
	ended   chan struct{} // closed when a part has ended by itself
	endOnce sync.Once
	reason  error // read it after ended
}

func newDemoStage(std *streams, provider string, verbose bool) *demoStage {
	return &demoStage{std: std, provider: provider, verbose: verbose, ended: make(chan struct{})}
}

// open starts the parts. The caller must close the stage, also after an error.
func (s *demoStage) open(ctx context.Context, seed uint64) error {
	for _, part := range []func() error{
		func() error { return s.openPostgres(ctx) },
		func() error { return s.openSimulator(ctx, seed) },
		s.listenPage,
		func() error { return s.openDaemon(ctx) },
		func() error { return s.openPage(ctx) },
	} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

func (s *demoStage) openPostgres(ctx context.Context) (err error) {
	s.server, err = postgres.Start(ctx, postgres.Config{Progress: func(msg string) { s.tell("database", "%s", msg) }})
	if err != nil {
		return err
	}
	s.closers = append(s.closers, s.server.Stop)
	go func() {
		<-s.server.Done()
		if err := s.server.Err(); err != nil {
			s.end(err)
		}
	}()
	s.tell("database", "Postgres %s at %s", s.server.Version(), s.server.Addr())
	s.db, err = daemon.OpenPool(ctx, s.server.URL())
	if err != nil {
		return err
	}
	s.closers = append(s.closers, func() error { s.db.Close(); return nil })
	return nil
}

func (s *demoStage) openSimulator(ctx context.Context, seed uint64) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("serve the simulator: %w", err)
	}
	s.simURL = baseURL(listener.Addr())
	s.sim = simulator.New(simulator.Config{Provider: s.provider, Seed: seed, Speed: demoSpeed, MediaURL: s.simURL, SlowDelay: time.Second})
	s.background(ctx, func(ctx context.Context) error { return serveHTTP(ctx, listener, s.sim) })
	s.tell("upstream", "simulated %s API at %s, %d times faster than life, seed %d", s.provider, s.simURL, demoSpeed, s.sim.Seed())
	return nil
}

// openDaemon starts the daemon, which brings the tables, and returns when it is
// ready. The rate limit is off because it does not run faster than life.
func (s *demoStage) openDaemon(ctx context.Context) error {
	ready := make(chan net.Addr, 1)
	cfg := daemon.Config{
		DatabaseURL: s.server.URL(),
		Providers:   []daemon.Provider{{Provider: named(s.provider), APIURL: s.simURL, APIKey: "demo", RateLimit: new(0.0)}},
		Timeout:     demoTimeout, Handlers: hastened(task.DefaultHandlers(), demoSpeed), NoCDNProbe: true,
		ListenAddr: "127.0.0.1:0", Version: version(), Logger: s.logger(), API: s.page.api(),
		Started: func(addr net.Addr) { ready <- addr },
	}
	s.background(ctx, func(ctx context.Context) error { return daemon.Run(ctx, cfg) })
	select {
	case addr := <-ready:
		s.daemonURL = baseURL(addr)
	case <-s.ended:
		return s.why()
	case <-ctx.Done():
		return ctx.Err()
	}
	s.tell("daemon", "ready; metrics at %s/metrics", s.daemonURL)
	return nil
}

// background runs a part until the stage is closed. It outlives ctx, so that
// the parts end in order.
func (s *demoStage) background(ctx context.Context, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	var err error
	go func() {
		defer close(done)
		if err = run(ctx); ctx.Err() == nil {
			s.end(cmp.Or(err, errors.New("a part of it ended by itself")))
			err = nil // told
		}
	}()
	s.closers = append(s.closers, func() error { cancel(); <-done; return err })
}

func (s *demoStage) end(err error) { s.endOnce.Do(func() { s.reason = err; close(s.ended) }) }

// why tells, when a part has ended by itself, what the matter is.
func (s *demoStage) why() error { return fmt.Errorf("the demo cannot go on: %w", s.reason) }

// explain looks whether err is but the consequence of a part that has ended, which
// may take a moment to show.
func (s *demoStage) explain(ctx context.Context, err error) error {
	select {
	case <-s.ended:
		return s.why()
	case <-ctx.Done():
	case <-time.After(time.Second):
	}
	return err
}

// wait returns when the user has seen enough.
func (s *demoStage) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-s.ended:
		return s.why()
	}
}

// close stops what runs. It returns what went wrong with that.
func (s *demoStage) close() error {
	var errs []error
	for _, c := range slices.Backward(s.closers) {
		errs = append(errs, c())
	}
	s.closers = nil
	return errors.Join(errs...)
}

func (s *demoStage) tell(part, format string, args ...any) {
	fmt.Fprintf(s.std.err, "%-9s %s\n", part, fmt.Sprintf(format, args...))
}

// logger is the daemon's: shown if wanted, else only kept.
func (s *demoStage) logger() *slog.Logger {
	if s.verbose {
		return logFlags{LogFormat: "text", LogLevel: "info"}.logger(s.std)
	}
	return slog.New(slog.NewTextHandler(&s.warnings, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// tellWarnings shows what the daemon complained of. Some of it belongs to the
// demo, whose upstream has faults on purpose.
func (s *demoStage) tellWarnings() {
	if text := s.warnings.String(); text != "" {
		fmt.Fprintf(s.std.err, "\nWarnings of the daemon:\n%s", text)
	}
}

// psql is the client to tell people of.
func (s *demoStage) psql() string {
	if path, err := exec.LookPath(s.server.BinDir() + "/psql"); err == nil {
		if _, err := exec.LookPath("psql"); err != nil {
			return path
		}
	}
	return "psql"
}

// hastened are handlers that look speed times as often.
func hastened(handlers task.Handlers, speed time.Duration) task.Handlers {
	for kind, h := range handlers {
		h.Schedule = slices.Clone(h.Schedule)
		for i := range h.Schedule {
			h.Schedule[i].Until /= speed
			h.Schedule[i].Every /= speed
		}
		handlers[kind] = h
	}
	return handlers
}

// lockedBuffer is a buffer that many may write to.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// String is what has been written.
func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
