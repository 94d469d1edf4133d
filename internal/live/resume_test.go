package live

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/queries"
)

func TestResetOfUselessCursors(t *testing.T) {
	t.Parallel()
	b := setup(t)
	broker := b.running()
	user := newID()
	s, now := b.subscribe(broker, user, "")
	id := b.event(b.pool, user)
	b.follow(s, id)

	long := "1:99999:" + strings.Repeat("2,", 1)
	for n := 3; len(long) <= maxCursor; n++ {
		long += fmt.Sprintf("%d,", n)
	}
	useless := append([]string{
		strings.TrimSuffix(long, ","),                // a snapshot, but too long
		"1:18446744073709551615:",                    // of a database that has come further
		"18446744073709551615:18446744073709551615:", // likewise
	}, hostile...)
	for _, cursor := range useless {
		back, batch := b.subscribe(broker, user, cursor)
		back.Close()
		require.True(t, batch.Reset, "%q", cursor)
		require.Empty(t, batch.Events)
		back, batch = b.subscribe(broker, user, batch.Cursor)
		back.Close()
		require.False(t, batch.Reset)
	}
	_, batch := b.subscribe(broker, user, now.Cursor)
	require.Len(t, batch.Events, 1)
	_, batch = b.subscribe(broker, user, "1:1:") // from the beginning
	require.Len(t, batch.Events, 1)

	id = b.event(b.pool, user) // and the others go on
	ids, _ := b.follow(s, id)
	require.Equal(t, []int64{id}, ids)
}

func TestResetOfTooLargeBacklog(t *testing.T) {
	t.Parallel()
	b := setup(t)
	broker := b.running(func(broker *Broker) { broker.bounds.missed = 10 })
	user, other := newID(), newID()
	_, now := b.subscribe(broker, user, "")
	for range 10 {
		b.event(b.pool, user)
		b.event(b.pool, other)
	}
	_, batch := b.subscribe(broker, user, now.Cursor)
	require.Len(t, batch.Events, 10)
	b.event(b.pool, user)
	_, batch = b.subscribe(broker, user, now.Cursor)
	require.True(t, batch.Reset)
	require.Empty(t, batch.Events)
	_, batch = b.subscribe(broker, other, now.Cursor)
	require.Len(t, batch.Events, 10)
}

// TestResetOfDeletedEvents: a cursor from before the oldest event that is kept
// may have missed some.
func TestResetOfDeletedEvents(t *testing.T) {
	t.Parallel()
	b := setup(t)
	broker := b.running()
	user := newID()
	_, before := b.subscribe(broker, user, "")
	b.event(b.pool, user)
	_, between := b.subscribe(broker, user, "")
	oldest := b.event(b.pool, newID())
	_, after := b.subscribe(broker, user, "")
	b.event(b.pool, user)

	_, batch := b.subscribe(broker, user, before.Cursor)
	require.Len(t, batch.Events, 2)
	b.exec(`DELETE FROM tasksync.generation_events WHERE id < $1`, oldest)
	for _, cursor := range []string{before.Cursor, between.Cursor} { // the second one might have missed none
		_, batch = b.subscribe(broker, user, cursor)
		require.True(t, batch.Reset)
	}
	_, batch = b.subscribe(broker, user, after.Cursor)
	require.False(t, batch.Reset)
	require.Len(t, batch.Events, 1)
}

// TestTooMuchAtOnce: when a step finds too many events, subscriptions resume one by
// one, and only the one with too many of its own is reset.
func TestTooMuchAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	broker := b.running(func(broker *Broker) {
		broker.bounds.joined, broker.bounds.missed, broker.bounds.chunk, broker.bounds.budget = 30, 20, 2, 5
	})
	users := []string{newID(), newID(), newID(), newID(), newID()}
	var subscriptions []*Subscription
	for _, user := range users {
		s, _ := b.subscribe(broker, user, "")
		subscriptions = append(subscriptions, s)
	}
	flooded, _ := b.subscribe(broker, newID(), "")
	tx := b.begin()
	last := map[string]int64{}
	for range 10 {
		for _, user := range users {
			last[user] = b.event(tx, user)
		}
	}
	for range 21 {
		b.event(tx, flooded.user)
	}
	require.NoError(t, tx.Commit(t.Context()))
	for _, s := range subscriptions {
		ids, _ := b.follow(s, last[s.user])
		require.Len(t, ids, 10)
	}
	require.True(t, b.next(flooded).Reset)
	for _, s := range append(subscriptions, flooded) {
		id := b.event(b.pool, s.user)
		ids, _ := b.follow(s, id)
		require.Equal(t, []int64{id}, ids)
	}
}

// TestUnreadable: events that cannot be read do not stop the broker for ever.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	b := setup(t)
	broker := b.running()
	user := newID()
	s, now := b.subscribe(broker, user, "")
	b.exec(`ALTER TABLE tasksync.generation_events RENAME COLUMN via TO via2`)
	tx := b.begin()
	_, err := tx.Exec(t.Context(), `INSERT INTO tasksync.generation_events (generation_id, user_id, from_status, to_status, via2)
		VALUES ($1, $2, 'queued', 'processing', 'poll')`, newID(), user)
	require.NoError(t, err)
	require.NoError(t, tx.Commit(t.Context()))
	require.True(t, b.next(s).Reset)
	_, batch := b.subscribe(broker, user, now.Cursor)
	require.True(t, batch.Reset)
	require.Contains(t, b.log.String(), "Live updates are interrupted")
	b.exec(`ALTER TABLE tasksync.generation_events RENAME COLUMN via2 TO via`)
	id := b.event(b.pool, user)
	for batch := b.next(s); !contains(batch.Events, id) && !batch.Reset; {
		batch = b.next(s)
	}
	b.eventually(func() bool { return strings.Contains(b.log.String(), "Live updates go on") })
}

// TestSlowStep: a step that takes too long is given up, and in the end its events
// too.
func TestSlowStep(t *testing.T) {
	t.Parallel()
	b := setup(t)
	broker := b.running(func(broker *Broker) { broker.bounds.step = 500 * time.Millisecond })
	user := newID()
	s, _ := b.subscribe(broker, user, "")
	lock := b.begin()
	b.event(lock, user)
	_, err := lock.Exec(t.Context(), `LOCK TABLE public.music_generations IN ACCESS EXCLUSIVE MODE`)
	require.NoError(t, err)
	b.event(b.pool, user)
	require.True(t, b.next(s).Reset)
	require.NoError(t, lock.Commit(t.Context()))
	batch := b.next(s)
	require.True(t, batch.Reset || len(batch.Events) > 0)
}

// TestResetOfAnotherPast: the database has been replaced by one that is not as far.
func TestResetOfAnotherPast(t *testing.T) {
	t.Parallel()
	b := setup(t)
	broker := b.broker()
	l, err := connect(t.Context(), b.pool.Config().ConnConfig)
	require.NoError(t, err)
	t.Cleanup(l.close)
	user := newID()
	s, err := broker.Subscribe(user, "")
	require.NoError(t, err)
	require.NoError(t, broker.step(t.Context(), l))
	require.False(t, b.next(s).Reset)
	broker.at, _ = parseCursor("9000000000000000000:9000000000000000000:")
	require.NoError(t, broker.step(t.Context(), l))
	require.True(t, b.next(s).Reset)
	id := b.event(b.pool, user)
	require.NoError(t, broker.step(t.Context(), l))
	require.Equal(t, id, b.next(s).Events[0].ID)
}

// TestRestoredDump: rows with the transaction ids of another database are not
// delivered while these ids are in the future here, or in progress.
func TestRestoredDump(t *testing.T) {
	t.Parallel()
	b := setup(t)
	broker := b.running()
	user := newID()
	s, before := b.subscribe(broker, user, "")
	open := b.begin()
	opened := b.event(open, user)
	var xid string
	require.NoError(t, open.QueryRow(t.Context(), `SELECT pg_current_xact_id()::text`).Scan(&xid))
	b.exec(`INSERT INTO tasksync.generation_events (generation_id, user_id, from_status, to_status, via, xid)
		SELECT gen_random_uuid(), $1, 'queued', 'processing', 'poll', x::xid8
		FROM unnest(ARRAY[$2, '9000000000000000001', '9000000000000000002']) AS x`, user, xid)
	for range 3 {
		id := b.event(b.pool, user)
		ids, _ := b.follow(s, id)
		require.Equal(t, []int64{id}, ids)
	}
	_, batch := b.subscribe(broker, user, before.Cursor)
	require.Len(t, batch.Events, 3)
	require.NoError(t, open.Commit(t.Context()))
	ids, _ := b.follow(s, opened)
	require.Len(t, ids, 2) // with the row of the dump that has the same transaction id

	b.exec(`DELETE FROM tasksync.generation_events WHERE xid < '9000000000000000000'`)
	_, batch = b.subscribe(broker, user, before.Cursor)
	require.False(t, batch.Reset, "the oldest event is one of the dump, and says nothing")
}

func TestGenerations(t *testing.T) {
	t.Parallel()
	b := setup(t)
	broker := b.running()
	user, mine, others, gone := newID(), newID(), newID(), newID()
	insert := `INSERT INTO public.music_generations (id, user_id, task_id, task_type, status) VALUES ($1, $2, 't', 'generate', 'complete')`
	b.exec(insert, mine, user)
	b.exec(insert, others, newID())
	b.exec(`INSERT INTO public.music_clips (generation_id, clip_id, status, title) VALUES ($1, 'c', 'complete', 'Rain')`, mine)
	s, before := b.subscribe(broker, user, "")
	tx := b.begin()
	ids := []int64{b.eventOf(tx, user, mine), b.eventOf(tx, user, others), b.eventOf(tx, user, gone), b.eventOf(tx, user, mine)}
	_, err := tx.Exec(t.Context(), `UPDATE tasksync.generation_events SET upstream_status = 'SUCCESS' WHERE id = $1`, ids[0])
	require.NoError(t, err)
	require.NoError(t, tx.Commit(t.Context()))
	_, resumed := b.subscribe(broker, user, before.Cursor)
	for _, batch := range []Batch{b.next(s), resumed} {
		require.Len(t, batch.Events, 4)
		require.Equal(t, "SUCCESS", *batch.Events[0].UpstreamStatus)
		require.Nil(t, batch.Events[1].UpstreamStatus)
		require.Equal(t, "processing", batch.Events[0].ToStatus)
		require.Equal(t, "Rain", *batch.Events[0].Generation.Clips[0].Title)
		require.Equal(t, mine, batch.Events[3].Generation.ID)
		require.Nil(t, batch.Events[1].Generation, "it is another user's now")
		require.Nil(t, batch.Events[2].Generation)
		require.WithinDuration(t, time.Now(), batch.Events[0].CreatedAt, time.Hour)
	}
}

// TestEventsOfTheSyncer: events as the daemon writes them, many in one statement,
// with a user id that is none.
func TestEventsOfTheSyncer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	broker := b.running()
	user := newID()
	s, _ := b.subscribe(broker, user, "")
	text := func(s string) []string { return []string{s, s, s} }
	require.NoError(t, queries.New().EventInsertMany(context.Background(), b.pool, queries.EventInsertManyParams{
		GenerationIds: []string{newID(), newID(), newID()}, UserIds: []string{strings.ToUpper(user), "", newID()},
		FromStatuses: text("submitted"), ToStatuses: text("failed"), Vias: text("webhook"), UpstreamStatuses: text("x"),
	}))
	batch := b.next(s)
	require.Len(t, batch.Events, 1)
	require.Equal(t, "webhook", batch.Events[0].Via)
}

// TestResetWhenAllEventsAreDeleted: a table that lost all its events is not one that
// never had any.
func TestResetWhenAllEventsAreDeleted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	broker := b.running()
	user := newID()
	_, before := b.subscribe(broker, user, "")
	b.event(b.pool, user)
	b.exec(`DELETE FROM tasksync.generation_events`)
	_, batch := b.subscribe(broker, user, before.Cursor)
	require.True(t, batch.Reset)
	require.Empty(t, batch.Events)
	b.event(b.pool, user)
	_, batch = b.subscribe(broker, user, before.Cursor)
	require.True(t, batch.Reset, "the events before the new one are missing")
}

// TestNoResetBeforeTheFirstEvent: nothing is missing where nothing has happened.
func TestNoResetBeforeTheFirstEvent(t *testing.T) {
	t.Parallel()
	b := &bundle{TB: t, pool: postgrestest.Pool(t), log: &logBuffer{}}
	broker := b.running()
	user := newID()
	_, now := b.subscribe(broker, user, "")
	_, batch := b.subscribe(broker, user, now.Cursor)
	require.False(t, batch.Reset)
	id := b.event(b.pool, user)
	_, batch = b.subscribe(broker, user, now.Cursor)
	require.False(t, batch.Reset)
	require.True(t, contains(batch.Events, id))
}
