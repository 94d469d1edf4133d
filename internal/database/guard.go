package database

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A Guard decides from the server's words what a session is worth, for all sessions
// to one address: those of the pool, River's, the feed's, the WAL reader's, those of
// live updates and of the migrations.
//
//   - A session is opened only where writes are taken (requireReadWrite). So none can
//     be left over from a read-only time: a session keeps the default_transaction_read_only
//     of its begin, of its database and its role.
//   - A session on which the server says that it takes no writes, or that the session
//     has lost its state, is closed at once: pgx closes it when OnPgError says so, and
//     a pool does not take a closed one back. If that concerns the whole server, the
//     pool gives up its idle sessions too.
//   - A session that was closed is ended on the server too (EndLeft), which may not have
//     noticed.
//   - The database is in trouble from the first such word, or the first connection that
//     cannot be made, until a connection is made. Trouble says why; the log says so
//     once, then once a minute, and once more when it is over.
//
// The zero value is ready to use and logs nothing. A Guard is safe for concurrent use.
type Guard struct {
	Logger *slog.Logger // default: discard

	pool    atomic.Pointer[pgxpool.Pool]
	doubted atomic.Bool // see Doubted
	left    leftovers

	mu     sync.Mutex
	reason string    // why the database is of no use; "": it serves
	since  time.Time // when that began
	echoed time.Time // when the last trouble was over, or a session was ended
	said   time.Time // when a line about a trouble was last logged
	told   bool      // of this trouble
	errors int       // since said
	lost   time.Time // when a line about sessions that were ended was last logged
}

const (
	// sayAgain is the time between two log lines about a trouble.
	sayAgain = time.Minute
	// sayOften is the least time between the lines of two troubles that begin soon after
	// each other, as when some sessions can be opened and others not.
	sayOften = 15 * time.Second
)

// watch has every session that is opened with cfg obey the rules above.
func (g *Guard) watch(cfg *pgx.ConnConfig) {
	fatal := cfg.OnPgError
	cfg.ValidateConnect = g.requireReadWrite
	cfg.AfterConnect = setFormats
	cfg.OnPgError = func(conn *pgconn.PgConn, err *pgconn.PgError) bool {
		return g.keeps(err) && fatal(conn, err)
	}
	cfg.Tracer = connectTracer{g}
}

// worthless are the codes of errors after which a session is thrown away.
var worthless = []string{
	ReadOnlyTransaction, // the session's default, or the server's role, has changed
	AdminShutdown, CrashShutdown, CannotConnectNow, IdleSessionTimeout, DatabaseDropped,
	InvalidSQLStatementName, // a pooler, or DISCARD ALL, has taken the prepared statements away
}

// keeps reports whether a session is still of use after an error.
func (g *Guard) keeps(err *pgconn.PgError) bool {
	switch err.Code {
	case ReadOnlyTransaction:
		g.suspect("the server takes no writes, so it is read-only: " + err.Message)
		g.ended(err)
		g.reset()
	case AdminShutdown, CrashShutdown:
		g.ended(err)
		g.reset()
	case UndefinedColumn, UndefinedTable, UndefinedFunction, DatatypeMismatch, InsufficientPrivilege:
		g.doubted.Store(true)
	}
	return !slices.Contains(worthless, err.Code)
}

// reset closes the idle sessions of the pool, and the others when they are released.
func (g *Guard) reset() {
	if pool := g.pool.Load(); pool != nil {
		pool.Reset()
	}
}

// Doubted reports whether, since it was last asked, a statement has failed as it does
// where a table has lost a column, or the role a privilege: one of tasksync's, or of the
// application's in a trigger.
func (g *Guard) Doubted() bool { return g.doubted.Swap(false) }

// Trouble tells why the database is of no use now; "" if it serves.
func (g *Guard) Trouble() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.reason
}

// suspect notes why the database may be of no use. The next session will tell: it is
// opened, or it is not and gives the reason.
func (g *Guard) suspect(reason string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.reason == "" {
		g.reason, g.since, g.told = reason, time.Now(), false
	}
}

// trouble notes why a session could not be opened.
func (g *Guard) trouble(reason string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if g.reason == "" {
		g.since, g.told = now, false
	}
	g.reason = reason
	g.errors++
	if last := now.Sub(g.said); last < sayOften || last < sayAgain && g.told {
		return
	}
	g.logger().Warn("[TaskSync] Database unreachable or read-only; waiting until it takes writes",
		"reason", reason, "errors", g.errors, "for", now.Sub(g.since).Round(time.Second).String())
	g.said, g.told, g.errors = now, true, 0
}

// ended notes that the server has ended a session, as it does with all of them when it
// stops. New ones are opened; if that fails, there is a trouble to tell of.
func (g *Guard) ended(err *pgconn.PgError) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.echoed = time.Now()
	if !g.told && g.echoed.Sub(g.lost) >= sayAgain {
		g.lost = g.echoed
		g.logger().Warn("[TaskSync] The server has ended sessions; opening new ones", "error", err.Message)
	}
}

// serves notes that a session was opened, to a server that takes writes.
func (g *Guard) serves() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.reason == "" {
		return
	}
	g.reason, g.echoed = "", time.Now()
	if g.told {
		g.logger().Info("[TaskSync] The database takes writes again", "after", g.echoed.Sub(g.since).Round(100*time.Millisecond).String(), "errors", g.errors)
	}
	g.errors, g.told = 0, false
}

func (g *Guard) logger() *slog.Logger {
	if g.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return g.Logger
}

// connectTracer tells a Guard which connections were made and which not.
type connectTracer struct{ guard *Guard }

var _ pgx.ConnectTracer = connectTracer{}

// TraceConnectStart implements pgx.ConnectTracer.
func (connectTracer) TraceConnectStart(ctx context.Context, _ pgx.TraceConnectStartData) context.Context {
	return Opening(ctx)
}

// TraceConnectEnd implements pgx.ConnectTracer.
func (t connectTracer) TraceConnectEnd(_ context.Context, data pgx.TraceConnectEndData) {
	switch {
	case data.Err == nil:
		t.guard.serves()
	case !errors.Is(data.Err, context.Canceled): // by the caller, who stops
		t.guard.trouble(diagnose(data.Err).String())
	}
}

// TraceQueryStart implements pgx.QueryTracer, which pgx asks of every tracer.
func (connectTracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (connectTracer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
