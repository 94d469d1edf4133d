package live

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const crowd = 2000

// TestCrowd has 2,000 subscribers of as many users on one connection: all get
// their events, come back at once, and get what they have missed.
func TestCrowd(t *testing.T) {
	t.Parallel()
	b := setup(t)
	broker := b.running()
	users := make([]string, crowd)
	subscriptions := make([]*Subscription, crowd)
	for i := range users {
		users[i] = newID()
	}
	join := func(since []string) []Batch {
		first := make([]Batch, crowd)
		for i, user := range users {
			var err error
			subscriptions[i], err = broker.Subscribe(user, since[i])
			require.NoError(t, err)
		}
		for i, s := range subscriptions {
			first[i] = b.next(s)
			require.False(t, first[i].Reset)
			since[i] = first[i].Cursor
		}
		return first
	}
	write := func() {
		b.exec(`WITH g AS (
				INSERT INTO public.music_generations (user_id, task_id, task_type, status)
				SELECT u, 't', 'generate', 'complete' FROM unnest($1::uuid[]) AS u RETURNING id, user_id
			), c AS (
				INSERT INTO public.music_clips (generation_id, clip_id, status) SELECT id, n::text, 'complete' FROM g, generate_series(1, 2) AS n
			)
			INSERT INTO tasksync.generation_events (generation_id, user_id, from_status, to_status, via)
			SELECT id, user_id, 'queued', 'complete', 'poll' FROM g`, users)
	}
	check := func(i int, batch Batch) {
		require.Len(t, batch.Events, 1)
		require.Equal(t, users[i], *batch.Events[0].Generation.UserID)
		require.Len(t, batch.Events[0].Generation.Clips, 2)
	}
	cursors := make([]string, crowd)
	began := time.Now()
	for _, batch := range join(cursors) {
		require.Empty(t, batch.Events)
	}
	t.Log("joined", time.Since(began))
	require.Equal(t, 1, b.connections())

	write()
	began = time.Now()
	for i, s := range subscriptions {
		batch := b.next(s)
		check(i, batch)
		cursors[i] = batch.Cursor
	}
	t.Log("all had their event after", time.Since(began))

	for _, s := range subscriptions {
		s.Close()
	}
	write()
	began = time.Now()
	for i, batch := range join(cursors) {
		check(i, batch)
	}
	t.Log("resumed", time.Since(began))
	require.Equal(t, 1, b.connections())
	id := b.event(b.pool, users[crowd-1])
	b.follow(subscriptions[crowd-1], id)
}

// TestCutConnection: a subscriber only gets its events later.
func TestCutConnection(t *testing.T) {
	t.Parallel()
	b := setup(t)
	broker := b.running()
	user := newID()
	s, _ := b.subscribe(broker, user, "")
	for range 5 {
		first := b.event(b.pool, user)
		b.exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND application_name = 'tasksync events'`)
		last := b.event(b.pool, user)
		ids, _ := b.follow(s, last)
		require.Equal(t, []int64{first, last}, ids)
	}
	b.eventually(func() bool { return b.connections() == 1 })
}
