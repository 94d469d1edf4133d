package database

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strings"
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
	Guard  *Guard
	// Report is told why the database is not reached, while Open waits for it.
	Report func(reason string)
}

// ValidateURL returns an error, without the password, for an address that cannot
// be parsed.
func ValidateURL(url string) error {
	_, _, err := parseURL(url)
	return err
}

// Open connects to the database, and reports whether it is reached through a
// pooler in transaction mode. While the database is unreachable, Open waits with
// backoff, and so it does while it is read-only: it may be a standby that is
// promoted. An error that waiting does not mend (a wrong password, a database that
// does not exist, a server without TLS) is returned at once, with the next step.
func Open(ctx context.Context, cfg Config) (pool *pgxpool.Pool, pooled bool, err error) {
	if dropped := Dropped(cfg.URL); dropped != "" {
		cfg.Logger.InfoContext(ctx, "[TaskSync] DATABASE_URL has parameters that neither tasksync nor Postgres knows; they are left out", "parameters", dropped)
	}
	pool, err = cfg.Guard.newPool(ctx, cfg.URL)
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
	pool, err = cfg.Guard.unprepared(ctx, pool)
	return pool, true, err
}

// Dropped names the parameters of an address that are left out, because neither pgx
// nor Postgres knows them; "" if there are none.
func Dropped(url string) string {
	_, dropped, err := parseURL(url)
	if err != nil {
		return ""
	}
	return strings.Join(dropped, ", ")
}

// Connect connects to a database that answers now. It does not wait as Open does.
func Connect(ctx context.Context, url string) (*pgxpool.Pool, error) {
	guard := &Guard{}
	pool, err := guard.newPool(ctx, url)
	if err != nil {
		return nil, err
	}
	if err := ping(ctx, pool); err != nil {
		pool.Close()
		return nil, unreachable(err)
	}
	if sharesSessions(ctx, pool) {
		return guard.unprepared(ctx, pool)
	}
	return pool, nil
}

// connLifetime is how long a session of the pool lives, unless the address says
// otherwise: what was set for the database or the role when it was opened holds no
// longer.
const connLifetime = 5 * time.Minute

// newPool makes a pool without connecting yet.
func (g *Guard) newPool(ctx context.Context, url string) (*pgxpool.Pool, error) {
	cfg, _, err := parseURL(url)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	cfg.MaxConns = poolConns
	cfg.ConnConfig.ConnectTimeout = connectTimeout
	cfg.PingTimeout = cmp.Or(cfg.PingTimeout, pingTimeout)
	if !strings.Contains(url, "pool_max_conn_lifetime") {
		cfg.MaxConnLifetime = connLifetime
	}
	if cfg.ConnConfig.RuntimeParams["application_name"] == "" {
		cfg.ConnConfig.RuntimeParams["application_name"] = "tasksync"
	}
	cfg.ConnConfig.DialFunc = dial(poolGoneAfter)
	g.watch(cfg.ConnConfig)
	return g.open(ctx, cfg)
}

// open makes the pool whose sessions the Guard watches.
func (g *Guard) open(ctx context.Context, cfg *pgxpool.Config) (*pgxpool.Pool, error) {
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	g.pool.Store(pool)
	return pool, nil
}

// waitFor returns when the database answers, or an error that waiting does not mend.
// The Guard logs why it is waited for.
func waitFor(ctx context.Context, pool *pgxpool.Pool, cfg Config) error {
	backoff := wait.Backoff{Least: minBackoff, Most: maxBackoff}
	for {
		err := ping(ctx, pool)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		}
		d := diagnose(err)
		if d.permanent {
			return unreachable(err)
		}
		cfg.Report("database unreachable: " + d.String())
		if err := wait.For(ctx, backoff.Next()); err != nil {
			return err
		}
	}
}

// ping makes sure that there is a connection. If not, its error says so when another
// program than Postgres listens at the address.
func ping(ctx context.Context, pool *pgxpool.Pool) error {
	pingCtx, cancel := context.WithTimeout(ctx, 2*connectTimeout)
	defer cancel()
	err := pool.Ping(pingCtx)
	if err != nil && ctx.Err() == nil {
		return unmask(ctx, err, pool.Config().ConnConfig)
	}
	return err
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

// DirectConfig is the configuration of a connection beside the pool, which the Guard
// watches too. The settings of a pool, which the address may have, are not sent to
// the server. The system notices when the other end of the connection is gone.
func (g *Guard) DirectConfig(url string) (*pgx.ConnConfig, error) {
	cfg, _, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	cfg.ConnConfig.DialFunc = dial(goneAfter)
	g.watch(cfg.ConnConfig)
	return cfg.ConnConfig, nil
}
