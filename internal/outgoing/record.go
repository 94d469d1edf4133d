package outgoing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"tasksync/queries"
)

// The states of a notification.
const (
	pending   = "pending"
	delivered = "delivered"
	dead      = "dead"
)

// record writes what became of an attempt, and says what becomes of its job.
func (n *Notifier) record(ctx context.Context, t queries.NotificationTakeRow, r *state, a answer) error {
	if !a.delivered && ctx.Err() != nil { // a stop has cut it short: it counts as no attempt
		return n.postpone(ctx, queries.NotificationPostponeParams{ID: t.ID}, 0)
	}
	if a.wait > 0 {
		r.closedUntil.Store(time.Now().Add(a.wait).UnixNano())
	}
	if a.delivered {
		return n.end(ctx, t, delivered, a.result)
	}
	space, more := spaceAfter(int(t.Attempts) + 1)
	if a.gone || !more {
		return n.end(ctx, t, dead, a.result)
	}
	n.metrics.deliveries.WithLabelValues(resultFailed).Inc()
	n.warn(ctx, "failed "+r.Name, "[TaskSync] A notification was not delivered; it is sent again later",
		"receiver", r.Name, "result", a.result, "type", t.Type, "generation_id", t.GenerationID, "attempts", t.Attempts+1)
	return n.postpone(ctx, queries.NotificationPostponeParams{ID: t.ID, Attempts: 1, Result: a.result}, max(space, a.wait))
}

// postpone ends an attempt that has not delivered.
func (n *Notifier) postpone(ctx context.Context, p queries.NotificationPostponeParams, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	p.WaitSeconds = wait.Seconds()
	if err := n.queries.NotificationPostpone(ctx, n.cfg.Pool, p); err != nil {
		return fmt.Errorf("postpone a notification: %w", err)
	}
	return river.JobSnooze(wait)
}

// end ends a notification, and has the next one of its row sent.
func (n *Notifier) end(ctx context.Context, t queries.NotificationTakeRow, state, result string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	if err := n.queries.NotificationEnd(ctx, n.cfg.Pool, queries.NotificationEndParams{ID: t.ID, State: state, Result: result}); err != nil {
		return fmt.Errorf("end notification %s: %w", messageID(t.MessageID), err)
	}
	n.metrics.deliveries.WithLabelValues(state).Inc()
	if state == dead && n.told.First("dead "+t.Receiver, n.cfg.Now()) {
		n.cfg.Logger.ErrorContext(ctx, "[TaskSync] A notification is dead: it is not sent any more", "receiver", t.Receiver, "result", result,
			"message_id", messageID(t.MessageID), "type", t.Type, "generation_id", t.GenerationID, "attempts", t.Attempts+1,
			"hint", "`tasksync notify list --dead` lists such notifications, `tasksync notify replay` sends them again")
	}
	return n.next(ctx, t.ID)
}

// next makes a job for the notification that waits for the one that has ended.
func (n *Notifier) next(ctx context.Context, id int64) error {
	waiting, err := n.queries.NotificationNext(ctx, n.cfg.Pool, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find the next notification: %w", err)
	}
	j := n.job(waiting.ID, waiting.Receiver)
	if _, err := n.jobs.Insert(ctx, j.Args, j.InsertOpts); err != nil {
		return fmt.Errorf("write the job of the next notification: %w", err)
	}
	return nil
}
