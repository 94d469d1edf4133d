package feed

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// An adviser logs what would be better than to poll.
type adviser struct {
	cfg     Config
	advised atomic.Bool
}

// explainPolling says once why the feed polls, and what to change. err wraps
// database.ErrNoListen, errTwoPhase, ErrNoTriggers or errTriggersOff.
func (a *adviser) explainPolling(ctx context.Context, err error, retry time.Duration) {
	if a.advised.Swap(true) {
		a.cfg.Logger.DebugContext(ctx, "[TaskSync] Still polling", "error", err, "retry_in", retry.String())
		return
	}
	if errors.Is(err, errTwoPhase) {
		a.cfg.Logger.WarnContext(ctx, "[TaskSync] The server permits two-phase commits (max_prepared_transactions), and Postgres refuses PREPARE TRANSACTION to a transaction that has notified, so new rows are not announced; polling. "+
			"To hear of rows sooner, let the WAL be read; or, if no application prepares transactions, run `tasksync feed trigger on`", "wal", err)
		return
	}
	if errors.Is(err, ErrNoTriggers) {
		a.cfg.Logger.WarnContext(ctx, "[TaskSync] The triggers are missing, so new rows are not announced; polling. A migration makes them on a table, `tasksync adopt` for a view")
		return
	}
	if errors.Is(err, errTriggersOff) {
		a.cfg.Logger.WarnContext(ctx, "[TaskSync] The triggers are off; polling. To hear of rows at once, run `tasksync feed trigger on`")
		return
	}
	a.cfg.Logger.WarnContext(ctx, "[TaskSync] LISTEN does not work, as behind a pooler in transaction mode; polling. "+
		"To hear of rows at once, leave DATABASE_URL for queries and set TASKSYNC_LISTEN_URL to a direct connection or a pooler in session mode", "error", err)
	a.suggestTriggersOff(ctx)
}

// explainWAL says once why the feed reads the WAL without having been told to.
func (a *adviser) explainWAL(ctx context.Context) {
	if !a.advised.Swap(true) {
		a.cfg.Logger.InfoContext(ctx, "[TaskSync] The server permits two-phase commits (max_prepared_transactions), and Postgres refuses PREPARE TRANSACTION to a transaction that has notified; new rows are read from the WAL")
	}
}

// suggestTriggersOff says that the triggers can be switched off, if they are on:
// while the feed polls, writers pay for them and gain nothing.
func (a *adviser) suggestTriggersOff(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if triggers, err := TriggersGet(ctx, a.cfg.Pool); err == nil && triggers.Announce() {
		a.cfg.Logger.WarnContext(ctx, "[TaskSync] Every new row is announced without a listener, which slows its writers; while rows are polled for, run `tasksync feed trigger off`")
	}
}
