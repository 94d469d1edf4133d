package live

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const lyrics = 100 << 10

// heavy makes generations of a user, each with lyrics of 100 KiB and an event.
func (b *bundle) heavy(user string, n int) {
	b.Helper()
	b.exec(`WITH g AS (
			INSERT INTO public.music_generations (user_id, task_id, task_type, status)
			SELECT $1, 't', 'lyrics', 'complete' FROM generate_series(1, $2) RETURNING id, user_id
		), c AS (
			INSERT INTO public.music_clips (generation_id, clip_id, status, lyrics) SELECT id, 'c', 'complete', repeat('la la la! ', $3 / 10) FROM g
		)
		INSERT INTO tasksync.generation_events (generation_id, user_id, from_status, to_status, via)
		SELECT id, user_id, 'queued', 'complete', 'poll' FROM g`, user, n, lyrics)
}

// words returns the bytes of lyrics in a batch.
func words(batch Batch) (bytes int) {
	for _, e := range batch.Events {
		for _, c := range e.Generation.Clips {
			bytes += len(*c.Lyrics)
		}
	}
	return bytes
}

// TestMissedWaitsForRoom resumes many subscriptions of one user at once: a few at
// a time get their backlogs, in the end all of them.
func TestMissedWaitsForRoom(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const all, limit = 12, 8 << 20
	broker := b.running(func(broker *Broker) {
		broker.bounds.missedBytes, broker.bounds.userBytes = 3<<20, limit
		broker.cfg.Interval = 20 * time.Millisecond
	})
	user := newID()
	b.heavy(user, 20)
	var waiting []*Subscription
	for range all {
		s, err := broker.Subscribe(user, "1:1:")
		require.NoError(t, err)
		t.Cleanup(s.Close)
		waiting = append(waiting, s)
	}
	other, _ := b.subscribe(broker, newID(), "") // it need not wait
	type holding struct {
		s     *Subscription
		batch Batch
	}
	var held []holding
	bytes, most := 0, 0
	for served := 0; served < all; {
		rest := waiting[:0]
		for _, s := range waiting {
			select {
			case batch := <-s.Batches():
				require.False(t, batch.Reset)
				require.Len(t, batch.Events, 20)
				held, served = append(held, holding{s, batch}), served+1
				bytes += words(batch)
			default:
				rest = append(rest, s)
			}
		}
		waiting = rest
		require.LessOrEqual(t, bytes, limit)
		most = max(most, bytes)
		b.steady(other)
		broker.mu.Lock()
		require.LessOrEqual(t, broker.accounts[user].held, limit, "with what is on its way")
		broker.mu.Unlock()
		if len(held) > 0 && served%2 == 0 {
			held[0].s.Done(held[0].batch)
		} else if len(held) > 0 {
			held[0].s.Close()
		}
		if len(held) > 0 {
			bytes -= words(held[0].batch)
			held = held[1:]
		}
	}
	require.Greater(t, most, limit/3, "more than one at a time")
	for _, h := range held {
		h.s.Done(h.batch)
	}
	broker.mu.Lock()
	defer broker.mu.Unlock()
	require.Zero(t, broker.accounts[user].held)
}

// steady waits for the next step, as a joined subscription sees it.
func (b *bundle) steady(s *Subscription) {
	b.Helper()
	id := b.event(b.pool, s.user)
	b.follow(s, id)
}

// TestMissedTooHeavy: a subscription whose backlog is too heavy is reset, before
// all of the backlog has been loaded.
func TestMissedTooHeavy(t *testing.T) {
	t.Parallel()
	b := setup(t)
	broker := b.running(func(broker *Broker) { broker.bounds.missedBytes, broker.bounds.views = 1<<20, 2 })
	user, other := newID(), newID()
	b.heavy(user, 40)
	b.heavy(other, 9)
	s, batch := b.subscribe(broker, user, "1:1:")
	require.True(t, batch.Reset)
	require.Empty(t, batch.Events)
	b.steady(s)
	_, batch = b.subscribe(broker, other, "1:1:")
	require.False(t, batch.Reset)
	require.Len(t, batch.Events, 9)
	require.GreaterOrEqual(t, words(batch), 9*lyrics)

	r := broker.reading(nil, b.pool)
	var err error
	r.now, err = broker.snapshot(context.Background(), b.pool)
	require.NoError(t, err)
	again := &Subscription{user: user}
	again.startFrom("1:1:")
	require.NoError(t, r.resume(t.Context(), []*Subscription{again}, 0))
	loaded := r.hydration()
	require.Len(t, loaded.ids, 41)
	require.NoError(t, loaded.load(t.Context()))
	require.LessOrEqual(t, len(loaded.views), 12)
}

// TestHoldingIsBounded: a subscription that deals with heavy batches too slowly is
// dropped before its buffer is full.
func TestHoldingIsBounded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	broker := b.running(func(broker *Broker) { broker.cfg.Buffer, broker.bounds.userBytes = 1000, 1<<20 })
	user := newID()
	slow, _ := b.subscribe(broker, user, "")
	quick, _ := b.subscribe(broker, user, "")
	for range 20 {
		b.heavy(user, 1)
		batch := b.next(quick)
		require.Len(t, batch.Events, 1)
		quick.Done(batch)
	}
	require.ErrorIs(t, b.ended(slow), ErrSlow)
	b.heavy(user, 15) // more than the bound, but it holds nothing
	require.Len(t, b.next(quick).Events, 15)
}

// TestPlaceUntilClose: a dropped subscription counts until Close, because it may
// still hold a batch.
func TestPlaceUntilClose(t *testing.T) {
	t.Parallel()
	b := setup(t)
	broker := b.running(func(broker *Broker) { broker.cfg.Buffer, broker.cfg.MaxPerUser = 1, 1 })
	user := newID()
	s, err := broker.Subscribe(user, "")
	require.NoError(t, err)
	other, _ := b.subscribe(broker, newID(), "")
	b.eventually(func() bool {
		b.event(b.pool, user)
		b.steady(other)
		broker.mu.Lock()
		defer broker.mu.Unlock()
		return s.ended
	})
	_, err = broker.Subscribe(user, "")
	require.ErrorIs(t, err, ErrUserFull)
	s.Close()
	s, err = broker.Subscribe(user, "")
	require.NoError(t, err)
	s.Close()
	broker.mu.Lock()
	defer broker.mu.Unlock()
	require.Len(t, broker.accounts, 1, "only the other's")
	require.Equal(t, 1, broker.open)
}
