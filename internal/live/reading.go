package live

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"tasksync/queries"
)

// reading is a look that is being taken.
type reading struct {
	look

	queries *queries.Queries
	limits  limits
	db      queries.DBTX // a transaction, if somebody joins
	count   int          // of the events read
}

// follow reads what is new for users since a cursor.
func (r *reading) follow(ctx context.Context, since cursor, users map[string]bool) error {
	rows, err := r.queries.EventListSince(ctx, r.db, queries.EventListSinceParams{
		Since: since.text, MaxRows: int32(r.limits.live) + 1,
	})
	if err != nil {
		return fmt.Errorf("list events: %w", err)
	}
	if len(rows) == 0 {
		return errors.New("list events: no snapshot")
	}
	if r.now, err = ownCursor(rows[0].Snapshot); err != nil {
		return err
	}
	r.reset = since.after(r.now)
	r.overflow = len(rows) > r.limits.live
	if r.reset || r.overflow {
		return nil
	}
	for _, row := range rows {
		if row.ID == 0 || !users[row.UserID] { // 0: there are no events
			continue
		}
		r.count++
		r.events[row.UserID] = append(r.events[row.UserID], Event{
			ID: row.ID, GenerationID: row.GenerationID, FromStatus: row.FromStatus, ToStatus: row.ToStatus,
			Via: row.Via, UpstreamStatus: null(row.UpstreamStatus), CreatedAt: row.CreatedAt.UTC(),
		})
	}
	return nil
}

// join reads what those need who join: all whose beginning needs no reading, and
// of the others as many as the budget allows.
func (r *reading) join(ctx context.Context, joining []*Subscription) error {
	var resumed []*Subscription
	for _, s := range joining {
		switch {
		case s.start == fromNow:
			r.joined[s] = Batch{Cursor: r.now.text}
		case s.start == anew, s.since.after(r.now):
			r.joined[s] = Batch{Cursor: r.now.text, Reset: true}
		default:
			resumed = append(resumed, s)
		}
	}
	if len(resumed) == 0 {
		return nil
	}
	oldest, err := r.oldest(ctx)
	if err != nil {
		return err
	}
	for chunk := range slices.Chunk(resumed, r.limits.chunk) {
		if r.count >= r.limits.budget {
			return nil
		}
		if err := r.resume(ctx, chunk, oldest); err != nil {
			return err
		}
	}
	return nil
}

// oldest is the transaction of the first event that is kept, if older ones were
// deleted. One for which it is news may have missed some of those. It is 0, which
// is news to nobody, if none were deleted, or if the event is from a dump.
func (r *reading) oldest(ctx context.Context) (uint64, error) {
	rows, err := r.queries.EventOldest(ctx, r.db)
	if err != nil {
		return 0, fmt.Errorf("find the oldest event: %w", err)
	}
	if len(rows) == 0 || rows[0].ID == 1 {
		return 0, nil
	}
	xid, err := strconv.ParseUint(rows[0].Xid, 10, 64)
	if err != nil || xid >= r.now.xmax {
		return 0, err
	}
	return xid, nil
}

// resume reads what those who come back have missed.
func (r *reading) resume(ctx context.Context, back []*Subscription, oldest uint64) error {
	p := queries.EventListResumedParams{MaxRows: int32(r.limits.resumed) + 1}
	for i, s := range back {
		p.Readers = append(p.Readers, int32(i)) //nolint:gosec // a chunk is small
		p.UserIds = append(p.UserIds, s.user)
		p.Since = append(p.Since, s.since.text)
	}
	rows, err := r.queries.EventListResumed(ctx, r.db, p)
	if err != nil {
		return fmt.Errorf("list missed events: %w", err)
	}
	r.count += len(rows)
	missed := make([][]Event, len(back))
	for _, row := range rows {
		missed[row.Reader] = append(missed[row.Reader], Event{
			ID: row.ID, GenerationID: row.GenerationID, FromStatus: row.FromStatus, ToStatus: row.ToStatus,
			Via: row.Via, UpstreamStatus: null(row.UpstreamStatus), CreatedAt: row.CreatedAt.UTC(),
		})
	}
	for i, s := range back {
		batch := Batch{Cursor: r.now.text, Events: missed[i]}
		if len(batch.Events) > r.limits.resumed || !s.since.sees(oldest) {
			batch.Reset, batch.Events = true, nil
		}
		r.joined[s] = batch
	}
	return nil
}

// null is nil for the text that stands for NULL.
func null(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
