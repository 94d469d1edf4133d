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
// database.ErrNoListen or errTriggersOff.
func (a *adviser) explainPolling(ctx context.Context, err error, retry time.Duration) {
	if a.advised.Swap(true) {
		a.cfg.Logger.DebugContext(ctx, "[TaskSync] Still polling", "error", err, "retry_in", retry.String())
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

// suggestTriggersOff says that the triggers can be switched off, if they are on:
// while the feed polls, writers pay for them and gain nothing.
func (a *adviser) suggestTriggersOff(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if on, err := TriggersOn(ctx, a.cfg.Pool); err == nil && on {
		a.cfg.Logger.WarnContext(ctx, "[TaskSync] Every new row is announced to nobody, which slows its writers; while rows are polled for, run `tasksync feed trigger off`")
	}
}
