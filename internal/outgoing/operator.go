package outgoing

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"tasksync/internal/database"
	"tasksync/internal/view"
	"tasksync/queries"
)

// Notification is one as an operator sees it.
type Notification struct {
	MessageID, Receiver, Type, GenerationID string
	CreatedAt                               time.Time
	State                                   string // pending, delivered or dead
	Attempts                                int
	NextAt                                  time.Time // of the next attempt, if it is pending
	Result                                  string    // of the last attempt
	SeenAt                                  time.Time // by the same clock, the database's
}

// States returns the states of a notification.
func States() []string { return []string{pending, delivered, dead} }

// List returns the newest notifications in some states.
func List(ctx context.Context, db queries.DBTX, states []string, limit int) ([]Notification, error) {
	rows, err := queries.New().NotificationList(ctx, db, queries.NotificationListParams{States: states, MaxRows: int32(limit)}) //nolint:gosec // bounded by the caller
	if err != nil {
		return nil, fmt.Errorf("list notifications: %w", err)
	}
	list := make([]Notification, len(rows))
	for i, r := range rows {
		list[i] = Notification{
			MessageID: messageID(r.MessageID), Receiver: r.Receiver, Type: r.Type, GenerationID: r.GenerationID, CreatedAt: r.CreatedAt,
			State: r.State, Attempts: int(r.Attempts), Result: r.Result, SeenAt: r.SeenAt,
		}
		if r.State == pending {
			list[i].NextAt = r.NextAt
		}
	}
	return list, nil
}

// ReplayRequest says which notifications are sent again.
type ReplayRequest struct {
	IDs       []string  // of messages (with or without msg_) or generations, in any state; none: the other fields choose
	Since     time.Time // only events since then
	Delivered bool      // those that were delivered, too
	Pending   bool      // those that wait for their next attempt, too
	To        string    // the name of the receiver for those whose own is not configured
	DryRun    bool      // count only
}

// Replay makes notifications pending and due, as if their events were new, and returns how
// many. Those whose receiver is not configured go to req.To, or to the only receiver that
// is; otherwise they are left, and strangers is their number.
func (n *Notifier) Replay(ctx context.Context, req ReplayRequest) (replayed, strangers int, err error) {
	p := queries.NotificationReplayManyParams{Receivers: n.names, Instead: req.To, Since: req.Since, States: []string{dead}, MaxRows: upkeepMax}
	if req.Delivered {
		p.States = append(p.States, delivered)
	}
	if req.Pending {
		p.States = append(p.States, pending)
	}
	for _, id := range req.IDs {
		p.Ids = append(p.Ids, strings.TrimPrefix(id, messagePrefix))
	}
	if p.Instead == "" && len(n.names) == 1 {
		p.Instead = n.names[0]
	}
	count, err := n.queries.NotificationCountStrangers(ctx, n.cfg.Pool, queries.NotificationCountStrangersParams{Receivers: n.names, States: p.States, Since: p.Since, Ids: p.Ids})
	if err != nil {
		return 0, 0, fmt.Errorf("count notifications: %w", database.WithoutDetail(err))
	}
	if p.Instead == "" {
		strangers = int(count.Strangers)
	}
	if req.DryRun {
		return int(count.Found) - strangers, strangers, nil
	}
	for {
		rows, err := n.replayBatch(ctx, p)
		replayed += len(rows)
		if err != nil || len(rows) < upkeepMax {
			return replayed, strangers, err
		}
		p.AfterID = rows[len(rows)-1].ID
	}
}

// replayBatch replays the next notifications, and writes their jobs, in one transaction.
func (n *Notifier) replayBatch(ctx context.Context, p queries.NotificationReplayManyParams) (rows []queries.NotificationReplayManyRow, err error) {
	err = pgx.BeginFunc(ctx, n.cfg.Pool, func(tx pgx.Tx) error {
		rows, err = n.queries.NotificationReplayMany(ctx, tx, p)
		if err != nil || len(rows) == 0 {
			return err
		}
		params := make([]river.InsertManyParams, len(rows))
		for i, r := range rows {
			params[i] = n.job(r.ID, r.Receiver)
			params[i].Args = args{ID: r.ID, Now: true}
		}
		_, err = n.jobs.InsertManyTx(ctx, tx, params)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("replay notifications: %w", database.WithoutDetail(err))
	}
	return rows, nil
}

// Receivers returns the names of the receivers.
func (n *Notifier) Receivers() []string { return n.names }

// Tested is what a receiver answered to an example.
type Tested struct {
	Receiver  string
	Delivered bool
	Result    string
}

// Test sends an example of a notification to each receiver. It needs no database.
func Test(ctx context.Context, cfg Config) ([]Tested, error) {
	n := &Notifier{cfg: cfg, client: newClient(cfg.Receivers)}
	defer n.Close()
	now := time.Now().UTC().Truncate(time.Millisecond)
	const example = "00000000-0000-4000-8000-000000000000"
	text, err := encode(test, now, view.Generation{ID: example, Status: "complete", CreatedAt: &now, CompletedAt: &now, Clips: []view.Clip{}})
	if err != nil {
		return nil, err
	}
	results := make([]Tested, len(cfg.Receivers))
	for i, r := range cfg.Receivers {
		a := n.post(ctx, r, message{id: messageID(example), body: text})
		results[i] = Tested{Receiver: r.Name, Delivered: a.delivered, Result: a.result}
	}
	return results, ctx.Err()
}
