package jobs

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/task"
)

// told returns the events of new rows, as "id user status".
func (b *bundle) told() []string {
	b.Helper()
	rows, err := b.pool.Query(context.Background(), `SELECT generation_id || ' ' || user_id || ' ' || from_status || ' ' || to_status || ' ' || via
		FROM tasksync.generation_events ORDER BY id`)
	require.NoError(b, err)
	defer rows.Close()
	var events []string
	for rows.Next() {
		var e string
		require.NoError(b, rows.Scan(&e))
		events = append(events, e)
	}
	require.NoError(b, rows.Err())
	return events
}

func (b *bundle) userOf(id string) (user string) {
	b.Helper()
	require.NoError(b, b.pool.QueryRow(context.Background(), `SELECT coalesce(user_id::text, '') FROM music_generations WHERE id = $1`, id).Scan(&user))
	return user
}

// TestNewRowsAreTold: each row that has a user has one event, in tasksync's words, with
// its job; whether the feed or the sweep brings it, and however often.
func TestNewRowsAreTold(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var committed atomic.Int64
	c := b.newClient(func(c *Config) { c.Committed = func() { committed.Add(1) } })
	first, second, swept := b.insert(task.Generate, "a", 0), b.insert(task.Lyrics, "b", 0), b.insert(task.Generate, "c", time.Minute)
	b.exec(`UPDATE music_generations SET status = 'Running' WHERE id = $1`, second)
	nobodys, old := b.insert(task.Generate, "d", 0), b.insert(task.Generate, "e", time.Hour)
	b.exec(`UPDATE music_generations SET user_id = NULL WHERE id = $1`, nobodys)
	looked := b.insert(task.Generate, "f", 0)
	b.exec(`INSERT INTO tasksync.generation_events (generation_id, from_status, to_status, via) VALUES ($1, 'submitted', 'processing', 'request')`, looked)
	b.exec(`UPDATE tasksync.generation_events SET user_id = $1`, b.userOf(looked))
	want := []string{fmt.Sprintf("%s %s submitted processing request", looked, b.userOf(looked))}

	for range 2 {
		require.NoError(t, c.HandOn(t.Context(), []string{first, nobodys, looked}))
	}
	require.Equal(t, int64(1), committed.Load(), "what is not new is not announced")
	require.NoError(t, c.HandOn(t.Context(), []string{second}))
	_, err := c.Sweep(t.Context(), sweepGrace)
	require.NoError(t, err)
	for i, id := range []string{first, second, swept} {
		status := []string{"submitted", "processing", "submitted"}[i]
		want = append(want, strings.Join([]string{id, b.userOf(id), status, status, "insert"}, " "))
	}
	require.Equal(t, want, b.told())
	require.Equal(t, int64(3), committed.Load())
	followed := 0
	for _, job := range b.jobs() {
		followed += len(job.IDs)
	}
	require.Equal(t, 9, followed, "with three twice, and the old row")
	require.NotEmpty(t, old)
}

// TestNobodyToTell: without the API for users there are no events of new rows.
func TestNobodyToTell(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, b.client.HandOn(t.Context(), []string{b.insert(task.Generate, "a", 0)}))
	b.insert(task.Generate, "b", time.Minute)
	_, err := b.client.Sweep(t.Context(), 0)
	require.NoError(t, err)
	require.Empty(t, b.told())
	require.Len(t, b.jobs(), 2)
}

// TestEventsThatAreRejected keep no row from its job, and the log says so once.
func TestEventsThatAreRejected(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.newClient(func(c *Config) { c.Committed = func() { t.Error("nothing was told") } })
	b.exec(`ALTER TABLE tasksync.generation_events ADD CONSTRAINT never CHECK (via <> 'insert')`)
	for range 3 {
		require.NoError(t, c.HandOn(t.Context(), []string{b.insert(task.Generate, "a", 0)}))
	}
	b.insert(task.Generate, "b", time.Minute)
	_, err := c.Sweep(t.Context(), sweepGrace)
	require.NoError(t, err)
	require.Len(t, b.jobs(), 4)
	require.Equal(t, 1, strings.Count(b.log.String(), "Pages are not told of new rows"), b.log)
}
