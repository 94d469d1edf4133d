package feed

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
)

// TestSwitchingTriggersKeepsNoWriterWaiting: an open transaction has written. The
// switch waits for it, and other writers do not wait for the switch.
func TestSwitchingTriggersKeepsNoWriterWaiting(t *testing.T) {
	t.Parallel()
	pool, err := pgxpool.New(t.Context(), postgrestest.URL(t))
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	const insert = `INSERT INTO music_generations (task_id) VALUES ('t')`
	open, err := pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = open.Exec(t.Context(), insert)
	require.NoError(t, err)
	require.Contains(t, holder(t.Context(), pool, "public.music_generations"), "idle in transaction")

	done := make(chan error, 1)
	go func() { done <- SetTriggers(context.Background(), pool, false) }()
	require.Eventually(t, func() bool {
		var waits bool
		err := pool.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'music_generations'::regclass)`).Scan(&waits)
		return err == nil && waits
	}, 10*time.Second, time.Millisecond)
	writer, err := pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = writer.Exec(t.Context(), `SET LOCAL statement_timeout = '8s'`)
	require.NoError(t, err)
	_, err = writer.Exec(t.Context(), insert)
	require.NoError(t, err)
	require.NoError(t, writer.Commit(t.Context()))
	require.NoError(t, open.Commit(t.Context()))
	require.NoError(t, <-done)
	triggers, err := TriggersGet(t.Context(), pool)
	require.NoError(t, err)
	require.False(t, triggers.Enabled)
}
