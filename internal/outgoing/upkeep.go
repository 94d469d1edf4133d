package outgoing

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/riverqueue/river"

	"tasksync/queries"
)

const (
	// deliveredRetention is how long a notification that was delivered can be replayed, and
	// deadRetention how long one that is dead.
	deliveredRetention = 7 * 24 * time.Hour
	deadRetention      = 30 * 24 * time.Hour
	// upkeepMax bounds the rows of a statement, and upkeepRounds the statements of a run.
	upkeepMax    = 1000
	upkeepRounds = 20
)

// resultNoURL is the result of a notification whose receiver was taken from the settings.
const resultNoURL = "its URL is no longer in TASKSYNC_NOTIFY_URL"

// Upkeep gives jobs to notifications that have lost theirs, ends those whose receivers are
// not configured any more, with their jobs, and deletes what is past its retention.
func (n *Notifier) Upkeep(ctx context.Context) error {
	lost, err := n.queries.NotificationListLost(ctx, n.cfg.Pool, queries.NotificationListLostParams{Receivers: n.names, MaxRows: upkeepMax})
	if err != nil {
		return fmt.Errorf("find notifications without a job: %w", err)
	}
	if len(lost) > 0 {
		params := make([]river.InsertManyParams, len(lost))
		for i, l := range lost {
			params[i] = n.job(l.ID, l.Receiver)
		}
		if _, err := n.jobs.InsertMany(ctx, params); err != nil {
			return fmt.Errorf("write jobs of notifications: %w", err)
		}
		n.cfg.Logger.InfoContext(ctx, "[TaskSync] Notifications that no job would send are sent", "notifications", len(lost))
	}
	if err := n.endUnwanted(ctx); err != nil {
		return fmt.Errorf("end notifications without a receiver: %w", err)
	}
	if err := n.deleteStrayJobs(ctx); err != nil {
		return fmt.Errorf("delete jobs without a receiver: %w", err)
	}
	return upTo(upkeepRounds, func() (int64, error) {
		return n.queries.NotificationDeleteOld(ctx, n.cfg.Pool, queries.NotificationDeleteOldParams{
			DeadSeconds: deadRetention.Seconds(), DeliveredSeconds: deliveredRetention.Seconds(), MaxRows: upkeepMax,
		})
	})
}

// endUnwanted ends the notifications whose receivers are not configured.
func (n *Notifier) endUnwanted(ctx context.Context) error {
	var ended int64
	err := upTo(upkeepRounds, func() (int64, error) {
		rows, err := n.queries.NotificationEndUnwanted(ctx, n.cfg.Pool, queries.NotificationEndUnwantedParams{Result: resultNoURL, Receivers: n.names, MaxRows: upkeepMax})
		ended += rows
		return rows, err
	})
	if ended > 0 {
		n.metrics.deliveries.WithLabelValues(dead).Add(float64(ended))
		n.cfg.Logger.ErrorContext(ctx, "[TaskSync] Notifications are dead: their URL is no longer configured", "notifications", ended,
			"hint", "`tasksync notify list --dead` lists them, `tasksync notify replay --to` sends them to another URL")
	}
	return err
}

// deleteStrayJobs deletes the jobs in queues of receivers that are not configured. Nobody
// works them, and River keeps what was never worked.
func (n *Notifier) deleteStrayJobs(ctx context.Context) error {
	return upTo(upkeepRounds, func() (int64, error) {
		return n.queries.NotificationDeleteStrayJobs(ctx, n.cfg.Pool, queries.NotificationDeleteStrayJobsParams{Queues: slices.Collect(maps.Keys(n.Queues())), MaxRows: upkeepMax})
	})
}

// upTo repeats f while it finds a full statement's worth of rows.
func upTo(rounds int, f func() (int64, error)) error {
	for range rounds {
		if rows, err := f(); err != nil || rows < upkeepMax {
			return err
		}
	}
	return nil
}
