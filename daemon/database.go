package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"tasksync/queries"
)

const (
	// poolConns and the connections that are not of the pool keep the daemon within
	// ten: River's listener, the feed's own, a reader of the WAL, and one that
	// follows the events for the HTTP API.
	poolConns = 6
	// connectTimeout bounds one try to connect.
	connectTimeout = 5 * time.Second
	// pingTimeout bounds the check of a connection that was idle for a second,
	// before it is used again: a dead one must not be waited for.
	pingTimeout = 2 * time.Second
	// closeTimeout bounds the end of the pool, whose connections may be dead.
	closeTimeout = time.Second
	maxBackoff   = 10 * time.Second
)

// openPool connects to the database, and reports whether it is reached through a
// pooler in transaction mode. While it is unreachable, openPool waits with
// backoff and says so; what waiting cannot mend (a wrong password, a database
// that does not exist) it returns at once, with the next step.
func openPool(ctx context.Context, cfg Config, report func(reason string)) (pool *pgxpool.Pool, pooled bool, err error) {
	pool, err = newPool(ctx, cfg.DatabaseURL)
	if err != nil {
		return nil, false, err
	}
	if err := waitFor(ctx, pool, cfg.Logger, report); err != nil {
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

// newPool makes a pool without connecting yet.
func newPool(ctx context.Context, databaseURL string) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(databaseURL)
	if err != nil {
		return nil, wrong("DatabaseURL", ": %s", redactDSN(err, databaseURL))
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

// directConfig is of a connection beside the pool, to Config.ListenURL. The
// settings of a pool, which the address may have, are not the server's.
func directConfig(listenURL string) (*pgx.ConnConfig, error) {
	cfg, err := pgxpool.ParseConfig(listenURL)
	if err != nil {
		return nil, wrong("ListenURL", ": %s", redactDSN(err, listenURL))
	}
	cfg.ConnConfig.DialFunc = dialer().DialContext
	return cfg.ConnConfig, nil
}

// closePool closes the connections. Those that do not answer are left to the end
// of the process.
func closePool(pool *pgxpool.Pool) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		pool.Close()
	}()
	timer := time.NewTimer(closeTimeout)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
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

// databaseReason tells why the database is of no use now: it does not answer, or
// somebody has taken tables away.
func databaseReason(pool *pgxpool.Pool) string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	missing, err := queries.New().DoctorTableListMissing(ctx, pool)
	switch {
	case err != nil:
		return "database does not answer: " + redactDSN(err, pool.Config().ConnString())
	case len(missing) > 0:
		return missingTables(missing)
	}
	return ""
}

// missingTables tells what to do when tables are gone that the migrations made.
func missingTables(names []string) string {
	return "tables are missing: " + strings.Join(names, ", ") +
		"; run `tasksync migrate up`, and if they are missing still, restore them from a backup, or have them made anew: DROP SCHEMA IF EXISTS tasksync CASCADE; DROP TABLE public.tasksync_goose_version; and then `tasksync migrate up`"
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

// redactDSN is err's text without the address dsn and without the password in
// it, however it is written there; dsn need not be a good one.
func redactDSN(err error, dsn string) string {
	text := strings.ReplaceAll(err.Error(), dsn, "[DATABASE_URL]")
	for _, password := range passwords(dsn) {
		text = strings.ReplaceAll(text, password, "xxxxx")
	}
	return text
}

var passwordPattern = regexp.MustCompile(`://[^:@/]*:([^@]+)@|password\s*=\s*(?:'((?:[^'\\]|\\.)+)'|([^\s'&]+))`)

// passwords are the password of dsn, in clear and in the ways to write it in a
// URL, the longest first.
func passwords(dsn string) []string {
	var raw []string
	for _, m := range passwordPattern.FindAllStringSubmatch(dsn, -1) {
		raw = append(raw, m[1:]...)
	}
	if cfg, err := pgconn.ParseConfig(dsn); err == nil {
		raw = append(raw, cfg.Password)
	}
	var all []string
	for _, p := range raw {
		if p != "" {
			all = append(all, p, url.QueryEscape(p), url.PathEscape(p))
		}
	}
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	return all
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

// databaseClock is the database's clock, as it differed from ours when the
// daemon started: created_at and River's times are of that clock, and a deadline
// must not depend on how the daemon's machine is set.
func databaseClock(ctx context.Context, pool *pgxpool.Pool, logger *slog.Logger) (func() time.Time, error) {
	before := time.Now()
	theirs, err := queries.New().ClockNow(ctx, pool)
	if err != nil {
		return nil, fmt.Errorf("read the database's clock: %w", err)
	}
	offset := theirs.Sub(before.Add(time.Since(before) / 2))
	if offset.Abs() > time.Second {
		logger.Warn("[TaskSync] This machine's clock differs from the database's; the database's counts", "difference", offset.Round(time.Millisecond).String())
	}
	return func() time.Time { return time.Now().Add(offset) }, nil
}
