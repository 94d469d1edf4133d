package live

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
)

func TestEventsArriveAsTheyCommit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	broker := b.running()
	user := newID()
	b.event(b.pool, user) // before it joins
	s, first := b.subscribe(broker, user, "")
	require.Empty(t, first.Events)
	require.False(t, first.Reset)
	require.NotEmpty(t, first.Cursor)
	for range 3 {
		id := b.event(b.pool, user)
		batch := b.next(s)
		require.Len(t, batch.Events, 1)
		require.Equal(t, id, batch.Events[0].ID)
		require.NotEqual(t, first.Cursor, batch.Cursor)
	}
}

// TestLateCommit: one transaction writes first and commits last, another one stays
// open all the time. The events of both are delivered once, and no reader waits
// for the open transaction.
func TestLateCommit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	broker := b.running()
	user := newID()
	open := b.begin()
	var opened int64
	s, first := b.subscribe(broker, user, "")
	opened = b.event(open, user)
	late := b.begin()
	lateID := b.event(late, user)
	early := b.event(b.pool, user)
	require.Less(t, lateID, early)

	ids, _ := b.follow(s, early)
	require.Equal(t, []int64{early}, ids)
	require.NoError(t, late.Commit(t.Context()))
	ids, cursor := b.follow(s, lateID)
	require.Equal(t, []int64{lateID}, ids)

	other, batch := b.subscribe(broker, user, first.Cursor) // from the start
	require.Len(t, batch.Events, 2)
	_, batch = b.subscribe(broker, user, cursor) // from the end
	require.Empty(t, batch.Events)

	require.NoError(t, open.Commit(t.Context()))
	for _, s := range []*Subscription{s, other} {
		ids, _ = b.follow(s, opened)
		require.Equal(t, []int64{opened}, ids)
	}
}

func TestAbortedEventsAreNoEvents(t *testing.T) {
	t.Parallel()
	b := setup(t)
	broker := b.running()
	user := newID()
	s, _ := b.subscribe(broker, user, "")
	aborted, partly := b.begin(), b.begin()
	b.event(aborted, user)
	savepoint, err := partly.Begin(t.Context())
	require.NoError(t, err)
	b.event(savepoint, user)
	require.NoError(t, savepoint.Rollback(t.Context()))
	savepoint, err = partly.Begin(t.Context())
	require.NoError(t, err)
	kept := b.event(savepoint, user)
	require.NoError(t, savepoint.Commit(t.Context()))
	require.NoError(t, aborted.Rollback(t.Context()))
	require.NoError(t, partly.Commit(t.Context()))
	ids, _ := b.follow(s, kept)
	require.Equal(t, []int64{kept}, ids)
}

// TestIntervalAlone: without notifications, as behind a transaction pooler.
func TestIntervalAlone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(`DROP TRIGGER commit_is_announced ON tasksync.generation_events`)
	broker := b.running(func(broker *Broker) { broker.cfg.Interval = 100 * time.Millisecond })
	user := newID()
	s, _ := b.subscribe(broker, user, "")
	id := b.event(b.pool, user)
	ids, _ := b.follow(s, id)
	require.Equal(t, []int64{id}, ids)
}

func TestCursorsDoNotAge(t *testing.T) {
	t.Parallel()
	b := setup(t)
	broker := b.running(func(broker *Broker) {
		broker.cfg.Interval, broker.bounds.refresh = 10*time.Millisecond, 20*time.Millisecond
	})
	s, first := b.subscribe(broker, newID(), "")
	b.event(b.pool, newID())
	for batch := first; batch.Cursor == first.Cursor; {
		batch = b.next(s)
		require.Empty(t, batch.Events)
		require.False(t, batch.Reset)
	}
}

// TestJoinDoesNotWait: a new subscription makes the next step come at once.
func TestJoinDoesNotWait(t *testing.T) {
	t.Parallel()
	b := setup(t)
	broker := b.running()
	b.subscribe(broker, newID(), "")
	for range 3 {
		b.eventually(func() bool {
			broker.mu.Lock()
			defer broker.mu.Unlock()
			return broker.interrupt != nil
		})
		b.subscribe(broker, newID(), "")
	}
}

// TestQuietSteps: steps without news send no batches.
func TestQuietSteps(t *testing.T) {
	t.Parallel()
	b := setup(t)
	broker := b.running(func(broker *Broker) {
		broker.cfg.Interval, broker.bounds.pause = time.Millisecond, time.Millisecond
	})
	user := newID()
	s, _ := b.subscribe(broker, user, "")
	for range 20 {
		b.event(b.pool, newID())
	}
	before := b.steps(broker)
	b.eventually(func() bool { return b.steps(broker) > before+20 })
	id := b.event(b.pool, user)
	require.Equal(t, id, b.next(s).Events[0].ID) // the next one is this
}

// TestBurst: however many notifications there are, steps keep their distance.
func TestBurst(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const pause = 100 * time.Millisecond
	broker := b.running(func(broker *Broker) { broker.bounds.pause = pause })
	user := newID()
	began := time.Now()
	s, _ := b.subscribe(broker, user, "")
	var last int64
	for range 300 {
		last = b.event(b.pool, user)
	}
	ids, _ := b.follow(s, last)
	require.Len(t, ids, 300)
	// One more that was under way, and one for the events that came during the last.
	require.LessOrEqual(t, b.steps(broker), uint64(time.Since(began)/pause)+2)
}

func TestSubscribeRefuses(t *testing.T) {
	t.Parallel()
	broker := New(Config{MaxSubscribers: 3, MaxPerUser: 2})
	for _, user := range []string{"", "x", "2F0E9C5E-0B43-4A7C-8D43-0E7C5B1D5E7A", newID() + "\n", newID()[1:], "{" + newID() + "}"} {
		_, err := broker.Subscribe(user, "")
		require.ErrorIs(t, err, ErrUser, "%q", user)
	}
	user := newID()
	first, err := broker.Subscribe(user, "")
	require.NoError(t, err)
	_, err = broker.Subscribe(user, "")
	require.NoError(t, err)
	_, err = broker.Subscribe(user, "")
	require.ErrorIs(t, err, ErrUserFull)
	require.ErrorIs(t, err, ErrFull)
	other, err := broker.Subscribe(newID(), "")
	require.NoError(t, err)
	_, err = broker.Subscribe(newID(), "")
	require.ErrorIs(t, err, ErrFull)
	require.NotErrorIs(t, err, ErrUserFull)
	other.Close()
	first.Close()
	first.Close()
	_, err = broker.Subscribe(user, "")
	require.NoError(t, err)
	require.InDelta(t, 2, testutil.ToFloat64(broker.metrics.subscribers), 0)
}

func TestCloseEndsASubscription(t *testing.T) {
	t.Parallel()
	b := setup(t)
	broker := b.running()
	user := newID()
	s, _ := b.subscribe(broker, user, "")
	other, _ := b.subscribe(broker, user, "")
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Close()
	}()
	s.Close()
	<-done
	require.NoError(t, b.ended(s))
	id := b.event(b.pool, user)
	b.follow(other, id)
}

func TestEndOfRunEndsAll(t *testing.T) {
	t.Parallel()
	b := setup(t)
	broker := b.broker()
	stop := b.run(broker)
	joined, _ := b.subscribe(broker, newID(), "")
	closed, _ := b.subscribe(broker, newID(), "")
	closed.Close()
	stop()
	require.ErrorIs(t, b.ended(joined), ErrClosing)
	require.NoError(t, b.ended(closed))
	_, err := broker.Subscribe(newID(), "")
	require.ErrorIs(t, err, ErrClosing)
	b.eventually(func() bool { return b.connections() == 0 })
	require.InDelta(t, 0, testutil.ToFloat64(broker.metrics.subscribers), 0)
	require.InDelta(t, 1, testutil.ToFloat64(broker.metrics.dropped.WithLabelValues(reasonClosing)), 0)

	waiting := b.broker() // its subscription never joins
	s, err := waiting.Subscribe(newID(), "")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, waiting.Run(ctx))
	require.ErrorIs(t, b.ended(s), ErrClosing)
}

// TestNoSubscriberNoCost: no connection before the first subscriber, no queries
// after the last, and then no connection.
func TestNoSubscriberNoCost(t *testing.T) {
	t.Parallel()
	b := setup(t)
	broker := b.running(func(broker *Broker) {
		broker.cfg.Interval, broker.bounds.pause = time.Millisecond, time.Millisecond
		broker.bounds.idle = 300 * time.Millisecond
	})
	for range 2 {
		b.event(b.pool, newID())
		require.Zero(t, b.connections())
		s, _ := b.subscribe(broker, newID(), "")
		require.Equal(t, 1, b.connections())
		s.Close()
		steps := b.steps(broker)
		b.event(b.pool, newID()) // no subscriber waits for it
		b.eventually(func() bool { return b.connections() == 0 })
		require.LessOrEqual(t, b.steps(broker), steps+1) // one was under way
	}
}

// TestSlowSubscriber: a slow subscriber is dropped with the batches that it has not
// taken; the others go on.
func TestSlowSubscriber(t *testing.T) {
	t.Parallel()
	b := setup(t)
	broker := b.running(func(broker *Broker) { broker.cfg.Buffer = 3 })
	user := newID()
	slow, first := b.subscribe(broker, user, "") // does not read on
	quick, _ := b.subscribe(broker, user, "")
	for range 5 {
		b.follow(quick, b.event(b.pool, user))
	}
	b.eventually(func() bool { return testutil.ToFloat64(broker.metrics.dropped.WithLabelValues(reasonSlow)) == 1 })
	_, open := <-slow.Batches()
	require.False(t, open)
	require.ErrorIs(t, slow.Err(), ErrSlow)

	// It comes back to where it stopped reading, and misses nothing.
	_, batch := b.subscribe(broker, user, first.Cursor)
	require.Len(t, batch.Events, 5)
}

func TestMetricNames(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	New(Config{Registerer: registry})
	problems, err := testutil.GatherAndLint(registry)
	require.NoError(t, err)
	require.Empty(t, problems)
	n, err := testutil.GatherAndCount(registry)
	require.NoError(t, err)
	require.Equal(t, 5, n)
}
