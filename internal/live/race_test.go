package live

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"tasksync/internal/wait"
)

// truth holds the ids of the events that the writers have committed, by user.
type truth struct {
	mu        sync.Mutex
	committed map[string][]int64
}

func (tr *truth) add(events map[string][]int64) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	for user, ids := range events {
		tr.committed[user] = append(tr.committed[user], ids...)
	}
}

// writer makes transactions that are short, long, nested, rolled back, or many
// at once, so that ids, transaction ids and commits are all in different orders.
type writer struct {
	*bundle
	random *rand.Rand
	users  []string
	truth  *truth
}

func (w *writer) run(ctx context.Context, transactions int) error {
	for range transactions {
		if err := w.transaction(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) transaction(ctx context.Context) error {
	tx, err := w.pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(ctx) //nolint:errcheck // nothing after Commit
	written := map[string][]int64{}
	for range 1 + w.random.IntN(4) {
		if err := w.events(ctx, tx, written); err != nil {
			return err
		}
		if w.random.IntN(3) == 0 { // others overtake
			if _, err := tx.Exec(ctx, `SELECT pg_sleep($1)`, w.random.Float64()/20); err != nil {
				return err
			}
		}
	}
	if w.random.IntN(5) == 0 {
		return tx.Rollback(ctx)
	}
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	w.truth.add(written)
	return nil
}

// events writes an event, in a savepoint or not, and notes it if it stays.
func (w *writer) events(ctx context.Context, tx pgx.Tx, written map[string][]int64) error {
	user := w.users[w.random.IntN(len(w.users))]
	nested := w.random.IntN(3) == 0
	if nested {
		savepoint, err := tx.Begin(ctx)
		if err != nil {
			return err
		}
		defer func() { tx = nil }()
		tx = savepoint
	}
	id, err := insertEvent(ctx, tx, user, newID())
	if err != nil {
		return err
	}
	switch {
	case nested && w.random.IntN(2) == 0:
		return tx.Rollback(ctx)
	case nested:
		err = tx.Commit(ctx)
	}
	written[user] = append(written[user], id)
	return err
}

// reader follows a user over many subscriptions, which it closes and resumes at
// random.
type reader struct {
	random *rand.Rand
	user   string
	cursor string
	broker *atomic.Pointer[Broker] // the current one
	seen   []int64
}

// run reads until the user's last event, which has status complete.
func (r *reader) run() error {
	for {
		s, err := r.broker.Load().Subscribe(r.user, r.cursor)
		if errors.Is(err, ErrClosing) {
			continue // the next one does not
		}
		if err != nil {
			return err
		}
		done, err := r.read(s, r.random.IntN(6))
		s.Close() // batches that it has not read come again
		if done || err != nil {
			return err
		}
	}
}

// read reads some batches.
func (r *reader) read(s *Subscription, most int) (done bool, err error) {
	for range 1 + most {
		select {
		case batch, open := <-s.Batches():
			if !open {
				if errors.Is(s.Err(), ErrClosing) {
					return false, nil
				}
				return false, fmt.Errorf("ended: %w", s.Err())
			}
			if batch.Reset {
				return false, fmt.Errorf("reset from %q", r.cursor)
			}
			for _, e := range batch.Events {
				r.seen = append(r.seen, e.ID)
				done = done || e.ToStatus == "complete"
			}
			r.cursor = batch.Cursor
		case <-time.After(patience):
			return false, errors.New("nothing comes")
		}
		if done {
			return true, nil
		}
	}
	return false, nil
}

// chaos replaces the broker, or cuts its connection, until ctx ends. A new broker
// runs before the old one ends, so that readers always find a broker.
func (b *bundle) chaos(ctx context.Context, random *rand.Rand, current *atomic.Pointer[Broker], stop func()) error {
	for ctx.Err() == nil {
		_ = wait.For(ctx, time.Duration(20+random.IntN(150))*time.Millisecond)
		if random.IntN(2) == 0 {
			_, err := b.pool.Exec(context.Background(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
				WHERE datname = current_database() AND application_name = 'tasksync events'`)
			if err != nil {
				return err
			}
			continue
		}
		next := b.broker()
		stopNext := b.run(next)
		current.Store(next)
		stop()
		stop = stopNext
	}
	return nil
}

// TestNothingIsLostOrDoubled: writers race readers that leave and resume, while
// brokers are stopped and replaced and their connections are cut. One transaction
// stays open all the time.
func TestNothingIsLostOrDoubled(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Log("seed", seed)
	b := setup(t)
	users := []string{newID(), newID(), newID()}
	written := &truth{committed: map[string][]int64{}}
	var current atomic.Pointer[Broker]
	broker := b.broker()
	stop := b.run(broker)
	current.Store(broker)
	var readers []*reader
	for n := range 4 * len(users) {
		_, first := b.subscribe(broker, users[n%len(users)], "")
		readers = append(readers, &reader{
			random: rand.New(rand.NewPCG(seed, uint64(100+n))), user: users[n%len(users)], cursor: first.Cursor, broker: &current,
		})
	}
	open := b.begin()
	for _, user := range users {
		written.add(map[string][]int64{user: {b.event(open, user)}})
	}

	var reading, writing, breaking errgroup.Group
	for _, r := range readers {
		reading.Go(r.run)
	}
	for n := range 3 {
		w := &writer{bundle: b, random: rand.New(rand.NewPCG(seed, uint64(n))), users: users, truth: written}
		writing.Go(func() error { return w.run(context.Background(), 150) })
	}
	ctx, cancel := context.WithCancel(t.Context())
	breaking.Go(func() error { return b.chaos(ctx, rand.New(rand.NewPCG(seed, 99)), &current, stop) })
	require.NoError(t, writing.Wait())
	require.NoError(t, open.Commit(t.Context()))
	tx := b.begin()
	for _, user := range users {
		written.add(map[string][]int64{user: {b.event(tx, user)}})
	}
	_, err := tx.Exec(t.Context(), `UPDATE tasksync.generation_events SET to_status = 'complete' WHERE xid = pg_current_xact_id()`)
	require.NoError(t, err)
	require.NoError(t, tx.Commit(t.Context()))
	require.NoError(t, reading.Wait())
	cancel()
	require.NoError(t, breaking.Wait())

	for _, r := range readers {
		require.ElementsMatch(t, written.committed[r.user], r.seen)
		_, batch := b.subscribe(current.Load(), r.user, r.cursor)
		require.Empty(t, batch.Events)
	}
	t.Log("events", len(written.committed[users[0]]), "of the first of", len(users), "users")
}
