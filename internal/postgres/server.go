package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	superuser    = "postgres"
	readyTimeout = 2 * time.Minute // a start takes 50 ms, but a recovery may take longer
	readyPoll    = 10 * time.Millisecond

	invalidPassword = "28P01" // SQLSTATE
)

// A Server is a running private Postgres. Its methods are safe for concurrent use.
type Server struct {
	cluster  *cluster
	bin      binaries
	port     int
	watchdog *watchdog

	mu      sync.Mutex // held while starting or stopping Postgres
	process *process   // the last one started; nil before the first
	stopped bool
	stopErr error

	endOnce sync.Once
	ended   chan struct{}
	err     error // read it after ended
}

// Start finds or downloads a Postgres, makes a cluster, starts it and returns when it accepts
// connections. The caller must Stop it. ctx bounds only the start: if ctx ends before, everything
// is undone. If this process ends without Stop, a watchdog stops Postgres and cleans up.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	s, err := start(ctx, cfg)
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w: %w", cause, err) // the error of a command that ctx has killed is a consequence
	}
	if err != nil {
		return nil, fmt.Errorf("start a private Postgres: %w", err)
	}
	return s, nil
}

func start(ctx context.Context, cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	a, err := runAs()
	if err != nil {
		return nil, err
	}
	bin, err := cmp.Or(cfg.finder, machineFinder()).find(ctx, cfg, a)
	if err != nil {
		return nil, err
	}
	w, err := startWatchdog()
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin, watchdog: w, ended: make(chan struct{})}
	s.cluster, err = makeCluster(ctx, cfg, a, w)
	if err == nil {
		err = s.boot(ctx, cfg)
	}
	if err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// boot makes the data unless it exists, and starts Postgres on a free port.
func (s *Server) boot(ctx context.Context, cfg Config) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.cluster.init(ctx, s.bin, cfg, s.watchdog); err != nil {
		return err
	}
	settings := cfg.settings()
	for try := 0; ; try++ {
		var err error
		if s.port, err = freePort(); err != nil {
			return err
		}
		settings["port"] = strconv.Itoa(s.port)
		if err := s.cluster.configure(settings); err != nil {
			return err
		}
		if err := s.launch(ctx); !errors.Is(err, errPortTaken) || try == 4 {
			return err
		}
	}
}

// launch starts a postmaster and waits until it accepts connections. After an error none runs.
func (s *Server) launch(ctx context.Context) error {
	p, err := startProcess(s.cluster, s.bin, s.watchdog)
	if err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	s.process = p
	if err := s.awaitReady(ctx, p); err != nil {
		return errors.Join(err, p.stop(immediate))
	}
	go s.watch(p)
	return nil
}

// errEnded stands for the error of a Postgres that ended by itself with exit status 0.
var errEnded = errors.New("exit status 0")

// watch closes Done if p, which was ready, ends by itself.
func (s *Server) watch(p *process) {
	<-p.exited
	if !p.stopping.Load() {
		s.end(fmt.Errorf("Postgres ended by itself (%w)%s", cmp.Or(p.err, errEnded), s.cluster.logTail()))
	}
}

func (s *Server) awaitReady(ctx context.Context, p *process) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		err := s.ping(ctx)
		if err == nil || isWrongPassword(err) {
			return err
		}
		select {
		case <-p.exited:
			if portTaken(s.port) {
				return errPortTaken
			}
			return fmt.Errorf("postgres: %w%s", p.err, s.cluster.logTail())
		case <-ctx.Done():
			return fmt.Errorf("wait until Postgres is ready: %w; last: %w", context.Cause(ctx), err)
		case <-time.After(readyPoll):
		}
	}
}

func (s *Server) ping(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.URL())
	if err != nil {
		return err
	}
	return errors.Join(conn.Ping(ctx), conn.Close(ctx))
}

func isWrongPassword(err error) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pgErr.Code == invalidPassword
}

// URL returns the address of database "postgres" for the superuser, with the password.
func (s *Server) URL() string { return s.DatabaseURL("postgres") }

// DatabaseURL returns the address of a database for the superuser, whether it exists or not.
func (s *Server) DatabaseURL(name string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(superuser, s.cluster.password),
		Host:     s.Addr(),
		Path:     "/" + name,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// CreateDatabase creates an empty database and returns its address.
func (s *Server) CreateDatabase(ctx context.Context, name string) (string, error) {
	conn, err := pgx.Connect(ctx, s.URL())
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()); err != nil {
		return "", err
	}
	return s.DatabaseURL(name), nil
}

// Addr returns host and port. They stay the same for the life of the Server.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// Version returns the version of Postgres, such as "15.18".
func (s *Server) Version() string { return s.bin.version }

// BinDir returns the folder of initdb and postgres. Some installations have psql and pgbench there
// too.
func (s *Server) BinDir() string { return s.bin.dir }
