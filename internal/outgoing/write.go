package outgoing

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"tasksync/internal/database"
	"tasksync/internal/view"
	"tasksync/queries"
	"tasksync/syncer"
)

var _ syncer.Effect = (*Notifier)(nil).Effect

// Effect is the syncer's: it writes a notification of each end, for each receiver.
func (n *Notifier) Effect(ctx context.Context, tx pgx.Tx, ends []syncer.Ending) error {
	events := make([]event, len(ends))
	for i, e := range ends {
		events[i] = event{Type: typeOf(e), GenerationID: e.Generation.ID}
	}
	return n.write(ctx, tx, events)
}

// Notify writes a notification of one type about generations, for each receiver, in the
// caller's transaction, which has locked their rows: so the order of notifications is that
// of the events. It returns an error only if the transaction should be tried again.
func (n *Notifier) Notify(ctx context.Context, tx pgx.Tx, t Type, generationIDs []string) error {
	events := make([]event, len(generationIDs))
	for i, id := range generationIDs {
		events[i] = event{Type: t, GenerationID: id}
	}
	return n.write(ctx, tx, events)
}

// write writes notifications with their bodies. If the database rejects that, it writes
// them without: the bodies are then made when they are sent. If it rejects that too, the
// events are logged and counted, and the rows end all the same.
func (n *Notifier) write(ctx context.Context, tx pgx.Tx, events []event) error {
	err := n.writeIn(ctx, tx, events, true)
	if err == nil || again(ctx, err) {
		return err
	}
	n.warn(ctx, "bodies", "[TaskSync] The bodies of notifications cannot be made with their events; they are made when they are sent", "error", database.WithoutDetail(err))
	if err = n.writeIn(ctx, tx, events, false); err == nil || again(ctx, err) {
		return err
	}
	n.metrics.deliveries.WithLabelValues(resultUnwritten).Add(float64(len(events) * len(n.names)))
	for _, e := range events {
		n.cfg.Logger.ErrorContext(ctx, "[TaskSync] A notification cannot be written, and will not be sent; `tasksync doctor` says what to mend",
			"generation_id", e.GenerationID, "type", e.Type, "error", database.WithoutDetail(err))
	}
	return nil
}

// again reports whether the whole transaction must be tried again.
func again(ctx context.Context, err error) bool {
	return ctx.Err() != nil || database.Away(err) || database.HasClass(err, database.ClassTransactionRollback, database.LockNotAvailable)
}

// writeIn writes notifications and their jobs in a savepoint.
func (n *Notifier) writeIn(ctx context.Context, tx pgx.Tx, events []event, bodies bool) error {
	return pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
		made := map[string]string{}
		if bodies {
			var err error
			if made, err = n.bodies(ctx, tx, events); err != nil {
				return err
			}
		}
		p := queries.NotificationInsertManyParams{Receivers: n.names}
		for _, e := range events {
			p.GenerationIds = append(p.GenerationIds, e.GenerationID)
			p.Types = append(p.Types, string(e.Type))
			p.Payloads = append(p.Payloads, made[e.GenerationID])
		}
		rows, err := n.queries.NotificationInsertMany(ctx, tx, p)
		if err != nil {
			return fmt.Errorf("write notifications: %w", err)
		}
		params := make([]river.InsertManyParams, len(rows))
		for i, r := range rows {
			params[i] = n.job(r.ID, r.Receiver)
		}
		if _, err := n.jobs.InsertManyTx(ctx, tx, params); err != nil {
			return fmt.Errorf("write jobs of notifications: %w", err)
		}
		return nil
	})
}

// bodies returns the bodies of events by their generations; a generation that is not found
// has none.
func (n *Notifier) bodies(ctx context.Context, tx queries.DBTX, events []event) (map[string]string, error) {
	ids, types := make([]string, len(events)), make(map[string]Type, len(events))
	for i, e := range events {
		ids[i], types[e.GenerationID] = e.GenerationID, e.Type
	}
	shown, err := view.Load(ctx, tx, ids, n.cfg.Show)
	if err != nil {
		return nil, err
	}
	now, out := n.cfg.Now(), make(map[string]string, len(shown))
	for _, g := range shown {
		text, err := encode(types[g.ID], now, g)
		if err != nil {
			return nil, fmt.Errorf("encode a notification: %w", err)
		}
		out[g.ID] = string(text)
	}
	return out, nil
}

// warn logs a message once a minute.
func (n *Notifier) warn(ctx context.Context, key, message string, attrs ...any) {
	if n.told.First(key, n.cfg.Now()) {
		n.cfg.Logger.WarnContext(ctx, message, attrs...) //nolint:sloglint // the callers' messages are constant
	}
}
