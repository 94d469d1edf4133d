package live

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/jackc/pgx/v5"

	"tasksync/internal/view"
	"tasksync/queries"
)

// result is what a reading has read.
type result struct {
	now      cursor                  // the snapshot that was read with
	reset    bool                    // the joined subscriptions have to read everything anew
	overflow bool                    // there are too many events: the joined subscriptions resume one by one
	events   map[string][]Event      // for joined subscriptions, by user
	resets   map[string]bool         // the users whose joined subscriptions have to read everything anew
	first    map[*Subscription]Batch // the first batches of subscriptions that join
}

// reading reads a result.
type reading struct {
	result

	queries *queries.Queries
	bounds  bounds
	show    view.Options
	conn    *pgx.Conn    // of db
	db      queries.DBTX // a transaction if subscriptions join
	count   int          // events read so far

	isolate    bool  // a generation that cannot be read resets its user's subscriptions
	unreadable error // why a generation could not be read
}

// follow reads the events that are new since a cursor, for the joined subscriptions
// of users.
func (r *reading) follow(ctx context.Context, since cursor, users map[string]bool) error {
	rows, err := r.queries.EventListSince(ctx, r.db, queries.EventListSinceParams{
		Since: since.text, MaxRows: int32(r.bounds.joined) + 1,
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
	r.overflow = len(rows) > r.bounds.joined
	if r.reset || r.overflow {
		return nil
	}
	for _, row := range rows {
		if row.ID == 0 || !users[row.UserID] { // 0: the row only brings the snapshot
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

// backlogs makes the first batches of resuming subscriptions.
func (r *reading) backlogs(ctx context.Context, resuming []*Subscription) error {
	oldest, err := r.oldest(ctx)
	if err != nil {
		return err
	}
	if err := r.resume(ctx, resuming, oldest); err != nil {
		return err
	}
	return r.hydrate(ctx)
}

// seenByNone is a transaction that no cursor sees.
const seenByNone = math.MaxUint64

// oldest returns the transaction of the oldest event, if older events were
// deleted: a cursor that does not see this transaction may have missed some of
// them. It returns 0, which every cursor sees, if the first event (with id 1) is
// there, if there were never any events, or if the oldest comes from a dump; and
// seenByNone if all events were deleted.
func (r *reading) oldest(ctx context.Context) (uint64, error) {
	rows, err := r.queries.EventOldest(ctx, r.db)
	if err != nil {
		return 0, fmt.Errorf("find the oldest event: %w", err)
	}
	switch {
	case len(rows) == 0:
		deleted, err := r.queries.EventsDeleted(ctx, r.db)
		if err != nil {
			return 0, fmt.Errorf("find out whether there were events: %w", err)
		}
		if deleted {
			return seenByNone, nil
		}
		return 0, nil
	case rows[0].ID == 1:
		return 0, nil
	}
	xid, err := strconv.ParseUint(rows[0].Xid, 10, 64)
	if err != nil || xid >= r.now.xmax {
		return 0, err
	}
	return xid, nil
}

// resume reads the backlogs of resuming subscriptions, and makes their first batches.
func (r *reading) resume(ctx context.Context, resuming []*Subscription, oldest uint64) error {
	p := queries.EventListResumedParams{MaxRows: int32(r.bounds.missed) + 1}
	for i, s := range resuming {
		p.Readers = append(p.Readers, int32(i)) //nolint:gosec // a chunk is small
		p.UserIds = append(p.UserIds, s.user)
		p.Since = append(p.Since, s.since.text)
	}
	rows, err := r.queries.EventListResumed(ctx, r.db, p)
	if err != nil {
		return fmt.Errorf("list missed events: %w", err)
	}
	r.count += len(rows)
	missed := make([][]Event, len(resuming))
	for _, row := range rows {
		missed[row.Reader] = append(missed[row.Reader], Event{
			ID: row.ID, GenerationID: row.GenerationID, FromStatus: row.FromStatus, ToStatus: row.ToStatus,
			Via: row.Via, UpstreamStatus: null(row.UpstreamStatus), CreatedAt: row.CreatedAt.UTC(),
		})
	}
	for i, s := range resuming {
		batch := Batch{Cursor: r.now.text, Events: missed[i]}
		if len(batch.Events) > r.bounds.missed || !s.since.sees(oldest) {
			batch.Reset, batch.Events = true, nil
		}
		r.first[s] = batch
	}
	return nil
}

// null returns nil for "", which stands for NULL.
func null(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
