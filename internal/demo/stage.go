package demo

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
	"tasksync/upstream"
)

// anyPort is the address of a listener for this machine alone.
const anyPort = "127.0.0.1:0"

func baseURL(addr net.Addr) string { return "http://" + addr.String() }

// stage is what runs: Postgres, the simulator, the daemon and the page, opened
// in this order and closed in reverse.
type stage struct {
	Config
	warnings lockedBuffer // of the daemon, printed only if the demo fails

	server    *postgres.Server
	sim       *simulator.Simulator
	simURL    string
	daemonURL string
	adminURL  string // of metrics and health
	page      page
	link      string        // to the page
	db        *pgxpool.Pool // the application's own connections

	closers []func() error
	ended   chan struct{} // closed when a part has ended by itself
	endOnce sync.Once
	reason  error // read it after ended
}

func newStage(cfg Config) *stage { return &stage{Config: cfg, ended: make(chan struct{})} }

// open starts the parts. The caller must close the stage, also after an error.
func (s *stage) open(ctx context.Context, seed uint64) error {
	openSimulator := func(ctx context.Context) error { return s.openSimulator(ctx, seed) }
	for _, open := range []func(context.Context) error{s.openPostgres, openSimulator, s.listenPage, s.openDaemon, s.openPage} {
		if err := open(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) openPostgres(ctx context.Context) (err error) {
	s.server, err = postgres.Start(ctx, postgres.Config{Progress: func(msg string) { s.print("database", "%s", msg) }})
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
	s.print("database", "Postgres %s at %s", s.server.Version(), s.server.Addr())
	s.db, err = daemon.OpenPool(ctx, s.server.URL())
	if err != nil {
		return err
	}
	s.closers = append(s.closers, func() error { s.db.Close(); return nil })
	return nil
}

func (s *stage) openSimulator(ctx context.Context, seed uint64) error {
	listener, err := net.Listen("tcp", anyPort)
	if err != nil {
		return fmt.Errorf("serve the simulator: %w", err)
	}
	s.simURL = baseURL(listener.Addr())
	s.sim = simulator.New(simulator.Config{Provider: s.Provider.Name, Seed: seed, Speed: speed, MediaURL: s.simURL, SlowDelay: time.Second})
	s.background(ctx, func(ctx context.Context) error { return s.sim.Serve(ctx, listener) })
	s.print("upstream", "simulated %s API at %s", s.Provider.Name, s.simURL)
	s.print("", "its tasks run %d times faster than real ones; seed %d", speed, s.sim.Seed())
	return nil
}

// openDaemon starts the daemon, which creates the tables, and returns when the
// daemon is ready. The rate limit is off because it does not run faster than life.
func (s *stage) openDaemon(ctx context.Context) error {
	ready := make(chan net.Addr, 1)
	cfg := daemon.Config{
		DatabaseURL: s.server.URL(),
		Providers:   []daemon.Provider{{Provider: s.Provider, APIURL: s.simURL, APIKey: "demo", RateLimit: &upstream.Rate{}}},
		Timeout:     timeout, Handlers: faster(task.DefaultHandlers(), speed), NoCDNProbe: true,
		ListenAddr: anyPort, AdminAddr: anyPort, Version: s.Version, Logger: s.logger(), API: s.page.api(),
		AdminStarted: func(addr net.Addr) { s.adminURL = baseURL(addr) }, // before Started
		Started:      func(addr net.Addr) { ready <- addr },
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
	s.print("daemon", "ready; metrics at %s/metrics", s.adminURL)
	return nil
}

// background runs a part until the stage is closed. The part outlives ctx, so that
// the parts end in order.
func (s *stage) background(ctx context.Context, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	var err error
	go func() {
		defer close(done)
		if err = run(ctx); ctx.Err() == nil {
			s.end(cmp.Or(err, errors.New("one of its parts ended by itself")))
			err = nil // s.reason has it
		}
	}()
	s.closers = append(s.closers, func() error { cancel(); <-done; return err })
}

func (s *stage) end(err error) { s.endOnce.Do(func() { s.reason = err; close(s.ended) }) }

// why is the error of a part that has ended by itself.
func (s *stage) why() error { return fmt.Errorf("the demo cannot go on: %w", s.reason) }

// explain returns the reason of err: a part may have ended by itself, which can take
// a moment to show.
func (s *stage) explain(ctx context.Context, err error) error {
	select {
	case <-s.ended:
		return s.why()
	case <-ctx.Done():
	case <-time.After(time.Second):
	}
	return err
}

// wait returns when ctx ends: the user has seen enough.
func (s *stage) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-s.ended:
		return s.why()
	}
}

// close stops what runs, in reverse order.
func (s *stage) close() error {
	var errs []error
	for _, c := range slices.Backward(s.closers) {
		errs = append(errs, c())
	}
	s.closers = nil
	return errors.Join(errs...)
}

func (s *stage) print(part, format string, args ...any) {
	fmt.Fprintf(s.Err, "%-9s %s\n", part, fmt.Sprintf(format, args...))
}

// logger is the daemon's: the given one, else one that keeps warnings.
func (s *stage) logger() *slog.Logger {
	if s.Logger != nil {
		return s.Logger
	}
	return slog.New(slog.NewTextHandler(&s.warnings, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// printWarnings prints the daemon's warnings. Some of them belong to the demo, whose
// upstream has faults on purpose.
func (s *stage) printWarnings() {
	if text := s.warnings.String(); text != "" {
		fmt.Fprintf(s.Err, "\nWarnings of the daemon:\n%s", text)
	}
}

// psql is the name or the path of a psql that the guide can name.
func (s *stage) psql() string {
	if path, err := exec.LookPath(s.server.BinDir() + "/psql"); err == nil {
		if _, err := exec.LookPath("psql"); err != nil {
			return path
		}
	}
	return "psql"
}

// faster returns handlers whose schedules look speed times as often.
func faster(handlers task.Handlers, speed time.Duration) task.Handlers {
	for taskType, h := range handlers {
		h.Usual /= speed
		h.Schedule = slices.Clone(h.Schedule)
		for i := range h.Schedule {
			h.Schedule[i].Until /= speed
			h.Schedule[i].Every /= speed
		}
		handlers[taskType] = h
	}
	return handlers
}

// lockedBuffer is a buffer that is safe for concurrent use.
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

// String returns what has been written.
func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
