package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// poolConns and the feed's own connection keep the daemon within ten.
	poolConns = 8
	// connectTimeout bounds one try to connect.
	connectTimeout = 5 * time.Second
	maxBackoff     = 10 * time.Second
)

// openPool connects to the database. While it is unreachable, openPool waits
// with backoff and says so; what waiting cannot mend (a wrong password, a
// database that does not exist) it returns at once, with the next step.
func openPool(ctx context.Context, databaseURL string, logger *slog.Logger, report func(reason string)) (*pgxpool.Pool, error) {
	pool, err := newPool(ctx, databaseURL)
	if err != nil {
		return nil, err
	}
	if err := waitFor(ctx, pool, logger, report); err != nil {
		pool.Close()
		return nil, err
	}
	return pool, nil
}

// newPool makes a pool without connecting yet.
func newPool(ctx context.Context, databaseURL string) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(databaseURL)
	if err != nil {
		return nil, fmt.Errorf("%w: DATABASE_URL: %s", ErrConfig, redactDSN(err, databaseURL))
	}
	cfg.MaxConns = poolConns
	cfg.ConnConfig.ConnectTimeout = connectTimeout
	if cfg.ConnConfig.RuntimeParams["application_name"] == "" {
		cfg.ConnConfig.RuntimeParams["application_name"] = "tasksync"
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	return pool, nil
}

func waitFor(ctx context.Context, pool *pgxpool.Pool, logger *slog.Logger, report func(string)) error {
	for wait := 250 * time.Millisecond; ; wait = min(2*wait, maxBackoff) {
		err := ping(ctx, pool)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		}
		if hopeless(err) != "" {
			return unreachable(err, pool.Config().ConnString())
		}
		reason := redactDSN(err, pool.Config().ConnString())
		report("database unreachable: " + reason)
		logger.Warn("[TaskSync] Database unreachable; trying again", "error", reason, "retry_in", wait)
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

func ping(ctx context.Context, pool *pgxpool.Pool) error {
	ctx, cancel := context.WithTimeout(ctx, 2*connectTimeout)
	defer cancel()
	return pool.Ping(ctx)
}

// unreachable tells an operator that there is no connection, and what to do.
func unreachable(err error, dsn string) error {
	hint := cmp.Or(hopeless(err), "is the database up, and is DATABASE_URL its address?")
	return fmt.Errorf("connect to the database: %s: %s", redactDSN(err, dsn), hint)
}

// hopeless gives the next step for errors that no waiting mends.
func hopeless(err error) string {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return ""
	}
	switch pg.Code {
	case "28P01", "28000":
		return "check user and password (and pg_hba.conf) of DATABASE_URL"
	case "3D000":
		return "create the database, or correct its name in DATABASE_URL"
	case "42501":
		return "grant the role of DATABASE_URL the right to connect"
	}
	return ""
}

// redactDSN is err's text without the password of the address it speaks of.
func redactDSN(err error, dsn string) string {
	text := err.Error()
	if u, parseErr := url.Parse(dsn); parseErr == nil && u.User != nil {
		if password, ok := u.User.Password(); ok && password != "" {
			text = strings.ReplaceAll(text, password, "xxxxx")
			text = strings.ReplaceAll(text, url.QueryEscape(password), "xxxxx")
		}
	}
	return strings.ReplaceAll(text, dsn, "[DATABASE_URL]")
}

// sleep waits for d or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
