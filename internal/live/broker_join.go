package live

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// join has subscriptions join at the snapshot of tx, which is b.at: it reads and
// delivers their first batches. Subscriptions whose turn has not come, because the
// step has read enough or long enough, join in a later step.
//
// The queries hold what clients bring, so that a client may make them fail, take long
// or even end the connection. Each is a savepoint of its own with a bounded time. When
// one for many subscriptions fails, those are read one by one from then on, and the one
// that fails alone is reset. The error is that of a connection that is lost.
func (b *Broker) join(ctx context.Context, tx pgx.Tx, joining []*Subscription) error {
	first := make(map[*Subscription]Batch)
	var fresh, suspect []*Subscription
	for _, s := range joining {
		switch {
		case s.start == startNow:
			first[s] = Batch{Cursor: b.at.text}
		case s.start == startReset, s.since.after(b.at), s.attempts >= b.bounds.attempts:
			first[s] = b.gap()
		case s.attempts > 0:
			suspect = append(suspect, s)
		default:
			fresh = append(fresh, s)
		}
	}
	b.welcome(first)
	if len(fresh)+len(suspect) == 0 {
		return nil
	}
	timeout := strconv.FormatInt(b.bounds.backlog.Milliseconds(), 10)
	if err := b.queries.TransactionSetStatementTimeout(ctx, tx, timeout); err != nil {
		return err
	}
	return b.resume(ctx, tx, fresh, suspect)
}

// resume reads backlogs: of fresh subscriptions in chunks, of suspects one by one.
func (b *Broker) resume(ctx context.Context, tx pgx.Tx, fresh, suspects []*Subscription) error {
	chunks := slices.Collect(slices.Chunk(fresh, b.bounds.chunk))
	for _, s := range suspects {
		chunks = append(chunks, []*Subscription{s})
	}
	began, count := time.Now(), 0
	failed := make(map[string]bool) // users one of whose suspects has failed
	for _, chunk := range chunks {
		if count >= b.bounds.budget || time.Since(began) >= b.bounds.join {
			break
		}
		if failed[chunk[0].user] && chunk[0].attempts > 0 {
			continue // the next one of the user may cost as much
		}
		r := b.reading(tx.Conn(), nil)
		r.now = b.at
		for _, s := range chunk {
			s.attempts++
		}
		err := guard(ctx, tx, func(db pgx.Tx) error {
			r.db = db
			return r.backlogs(ctx, chunk)
		})
		switch {
		case err == nil:
			b.welcome(r.first)
			count += r.count
		case tx.Conn().IsClosed() || ctx.Err() != nil:
			return err
		case len(chunk) == 1:
			failed[chunk[0].user] = true
			b.complain("[TaskSync] The events that a client has missed cannot be read; it has to read anew", err)
		}
	}
	b.resetSuspects(suspects, failed)
	return nil
}

// resetSuspects resets the subscriptions whose backlogs cannot be read, with all
// suspects of the same users: one user's backlogs delay the others at most once.
func (b *Broker) resetSuspects(suspects []*Subscription, failed map[string]bool) {
	first := make(map[*Subscription]Batch)
	for _, s := range suspects {
		if failed[s.user] {
			first[s] = b.gap()
		}
	}
	b.welcome(first)
}

// gap is the first batch of a subscription that has to read anew.
func (b *Broker) gap() Batch { return Batch{Cursor: b.at.text, Reset: true} }

// welcome sends subscriptions their first batches. From then on they are joined, unless
// they were before.
func (b *Broker) welcome(first map[*Subscription]Batch) {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	for s, batch := range first {
		if !s.joined {
			b.send(s, batch, now)
			s.joined = true
		}
	}
	b.joining = slices.DeleteFunc(b.joining, func(s *Subscription) bool { return s.joined })
}

// guard runs f in a savepoint, so that tx stays usable when a statement of f fails.
func guard(ctx context.Context, tx pgx.Tx, f func(pgx.Tx) error) error {
	savepoint, err := tx.Begin(ctx)
	if err != nil {
		return err
	}
	if err = f(savepoint); err == nil {
		return savepoint.Commit(ctx)
	}
	_ = savepoint.Rollback(ctx) // fails only with the connection, which the caller checks
	return err
}
