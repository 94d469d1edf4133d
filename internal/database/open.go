package database

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tasksync/internal/wait"
)

const (
	// poolConns and the connections outside the pool keep a daemon within ten:
	// River's listener, the feed's session, a reader of the WAL, and the one that
	// follows events for the HTTP API.
	poolConns = 6
	// connectTimeout bounds one try to connect.
	connectTimeout = 5 * time.Second
	// pingTimeout bounds the check of a connection that was idle for a second,
	// before it is used again: it may be dead.
	pingTimeout = 2 * time.Second

	minBackoff = 250 * time.Millisecond
	maxBackoff = 10 * time.Second
)

// Config is what Open needs. All of it is required.
type Config struct {
	// URL is the address: a libpq URL or keyword string.
	URL    string
	Logger *slog.Logger
	// Report is told why the database is not reached, while Open waits for it.
	Report func(reason string)
}

// ValidateURL returns an error, without the password, for an address that cannot
// be parsed.
func ValidateURL(url string) error {
	_, err := parseURL(url)
	return err
}

func parseURL(url string) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New(RedactURL(err, url))
	}
	return cfg, nil
}

// Open connects to the database, and reports whether it is reached through a
// pooler in transaction mode. While the database is unreachable, Open waits with
// backoff. An error that waiting does not mend (a wrong password, a database that
// does not exist) is returned at once, with the next step.
func Open(ctx context.Context, cfg Config) (pool *pgxpool.Pool, pooled bool, err error) {
	pool, err = newPool(ctx, cfg.URL)
	if err != nil {
		return nil, false, err
	}
	if err := waitFor(ctx, pool, cfg); err != nil {
		pool.Close()
		return nil, false, err
	}
	if !sharesSessions(ctx, pool) {
		return pool, false, nil
	}
	cfg.Logger.WarnContext(ctx, "[TaskSync] DATABASE_URL leads to a pooler in transaction mode; River polls for jobs, and statements are not prepared on the server")
	pool, err = unprepared(ctx, pool)
	return pool, true, err
}

// Connect connects to a database that answers now. It does not wait as Open does.
func Connect(ctx context.Context, url string) (*pgxpool.Pool, error) {
	pool, err := newPool(ctx, url)
	if err != nil {
		return nil, err
	}
	if err := ping(ctx, pool); err != nil {
		pool.Close()
		return nil, unreachable(err, url)
	}
	if sharesSessions(ctx, pool) {
		return unprepared(ctx, pool)
	}
	return pool, nil
}

// newPool makes a pool without connecting yet.
func newPool(ctx context.Context, url string) (*pgxpool.Pool, error) {
	cfg, err := parseURL(url)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	cfg.MaxConns = poolConns
	cfg.ConnConfig.ConnectTimeout = connectTimeout
	cfg.PingTimeout = cmp.Or(cfg.PingTimeout, pingTimeout)
	if cfg.ConnConfig.RuntimeParams["application_name"] == "" {
		cfg.ConnConfig.RuntimeParams["application_name"] = "tasksync"
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	return pool, nil
}

// waitFor returns when the database answers, or an error that waiting does not mend.
func waitFor(ctx context.Context, pool *pgxpool.Pool, cfg Config) error {
	backoff := wait.Backoff{Least: minBackoff, Most: maxBackoff}
	for {
		err := ping(ctx, pool)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case permanentHint(err) != "":
			return unreachable(err, cfg.URL)
		}
		reason, pause := RedactURL(err, cfg.URL), backoff.Next()
		cfg.Report("database unreachable: " + reason)
		cfg.Logger.Warn("[TaskSync] Database unreachable; trying again", "error", reason, "retry_in", pause)
		if err := wait.For(ctx, pause); err != nil {
			return err
		}
	}
}

func ping(ctx context.Context, pool *pgxpool.Pool) error {
	ctx, cancel := context.WithTimeout(ctx, 2*connectTimeout)
	defer cancel()
	return pool.Ping(ctx)
}

// Close closes the connections of a pool, or leaves those that do not answer to
// the end of the process when ctx ends.
func Close(ctx context.Context, pool *pgxpool.Pool) {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		pool.Close()
	}()
	select {
	case <-closed:
	case <-ctx.Done():
	}
}

// DirectConfig is the configuration of a connection beside the pool. The settings
// of a pool, which the address may have, are not sent to the server. The system
// notices when the other end of the connection is gone.
func DirectConfig(url string) (*pgx.ConnConfig, error) {
	cfg, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	cfg.ConnConfig.DialFunc = dialer().DialContext
	return cfg.ConnConfig, nil
}
