package feed

import (
	"context"
	"errors"
	"time"
)

// errTriggersOff ends a session of mode auto that nobody would tell of rows.
var errTriggersOff = errors.New("the triggers are off")

// adviseDeaf says why rows are polled for, and what to set.
func (f *Feed) adviseDeaf(ctx context.Context, err error, retry time.Duration) {
	if f.advised.Swap(true) {
		f.cfg.Logger.DebugContext(ctx, "[TaskSync] Still polling", "error", err, "retry_in", retry.String())
		return
	}
	if errors.Is(err, errTriggersOff) {
		f.cfg.Logger.WarnContext(ctx, "[TaskSync] The triggers are off; polling. To hear of rows at once, run `tasksync feed trigger on`")
		return
	}
	f.cfg.Logger.WarnContext(ctx, "[TaskSync] LISTEN does not work, as behind a pooler in transaction mode; polling. "+
		"To hear of rows at once, leave DATABASE_URL for queries and set TASKSYNC_LISTEN_URL to a direct connection or a pooler in session mode", "error", err)
	f.adviseTriggers(ctx)
}

// advisePoll is for those who want to poll.
func (f *Feed) advisePoll(ctx context.Context) { f.adviseTriggers(ctx) }

// adviseTriggers says what the triggers cost for nothing.
func (f *Feed) adviseTriggers(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if on, err := TriggersOn(ctx, f.cfg.Pool); err == nil && on {
		f.cfg.Logger.WarnContext(ctx, "[TaskSync] Every new row is announced to nobody, which slows its writers; while rows are polled for, run `tasksync feed trigger off`")
	}
}
