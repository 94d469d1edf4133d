package api

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
)

// event writes a change of status of a row.
func (b *bundle) event(id, user string) {
	b.Helper()
	_, err := b.pool.Exec(context.Background(), `INSERT INTO tasksync.generation_events (generation_id, user_id, from_status, to_status, via)
		VALUES ($1, $2, 'queued', 'processing', 'poll')`, id, user)
	require.NoError(b, err)
	b.announcer.Announce()
}

// TestOneUsersCursor: on a server past 2^32 transactions, whatever one user sends as
// Last-Event-ID, the others get their events at once.
func TestOneUsersCursor(t *testing.T) {
	t.Parallel()
	b := setupOn(t, postgrestest.OpenPool(t, postgrestest.LaterEpoch(t)), -1)
	id := b.insert(alice, "generate", "task")
	s := b.openStream(b.url, alice)
	defer s.close()
	for _, cursor := range []string{"4294967296:4294967296:", "4294967296:4294967301:", "5:4294967296:", "4294967297:4294967299:4294967298"} {
		for range 5 {
			hostile := b.openStream(b.url, bob, "Last-Event-ID", cursor)
			began := time.Now()
			b.event(id, alice)
			require.Equal(t, id, s.next("status").change(t).GenerationID)
			require.Less(t, time.Since(began), 5*time.Second, "a step that fails is only given up after three tries")
			hostile.close()
		}
	}
	require.NotContains(t, b.log.String(), "interrupted")
}
