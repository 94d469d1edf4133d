package wal

import (
	"context"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// A commit that waits for a standby is in the WAL, and cannot be seen. It must
// not be handed on yet, nor hold up others, nor be confirmed.
func TestCommitThatWaitsForAStandby(t *testing.T) {
	t.Parallel()
	b, _ := setupServer(t, nil)
	run := b.run()
	b.exec(`ALTER SYSTEM SET synchronous_standby_names = 'nobody'`)
	b.exec(`SELECT pg_reload_conf()`)
	b.until("the setting is not read", func() bool { return b.one(`SHOW synchronous_standby_names`) == "nobody" })

	conn, err := b.pool.Acquire(t.Context())
	require.NoError(t, err)
	pid := conn.Conn().PgConn().PID()
	const waiting = "0b1e2f3a-4c5d-4e6f-8a9b-0c1d2e3f4a5b"
	committed := make(chan error, 1)
	go func() {
		defer conn.Release()
		_, err := conn.Exec(t.Context(), `INSERT INTO music_generations (id, task_type) VALUES ($1, 'generate')`, waiting)
		committed <- err
	}()
	b.until("it does not wait", func() bool {
		return b.one(`SELECT coalesce(wait_event, '') FROM pg_stat_activity WHERE pid = $1`, pid) == "SyncRep"
	})
	position := b.one(`SELECT pg_current_wal_lsn()::text`)

	var others []string
	for range 5 {
		others = append(others, b.insertAlone())
		b.awaitExactly(others)
	}
	require.Equal(t, "true", b.one(`SELECT ($1::text::pg_lsn < $2::text::pg_lsn)::text`, b.status().Confirmed, position))

	b.exec(`SELECT pg_cancel_backend($1)`, pid) // it then waits no more, and stays committed
	require.NoError(t, <-committed)
	b.awaitExactly(append(others, waiting))
	b.until("it is not confirmed", func() bool {
		return b.one(`SELECT ($1::text::pg_lsn >= $2::text::pg_lsn)::text`, b.status().Confirmed, position) == "true"
	})
	b.stop(run)
}

// insertAlone makes a row whose commit waits for no standby.
func (b *bundle) insertAlone() (id string) {
	b.Helper()
	require.NoError(b, pgx.BeginFunc(b.Context(), b.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(b.Context(), `SET LOCAL synchronous_commit = local`); err != nil {
			return err
		}
		return tx.QueryRow(b.Context(), `INSERT INTO music_generations (task_type) VALUES ('generate') RETURNING id::text`).Scan(&id)
	}))
	return id
}

// The WAL tells of a commit before others can see it. Whoever is handed a row
// must find it.
func TestRowsCanBeSeenWhenHandedOn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	run := b.run()
	const writers, each = 8, 500
	var mu sync.Mutex
	var ids []string
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for range each {
				var id string
				if err := b.pool.QueryRow(context.Background(), `INSERT INTO music_generations (task_type) VALUES ('generate') RETURNING id::text`).Scan(&id); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				ids = append(ids, id)
				mu.Unlock()
			}
		})
	}
	group.Wait()
	b.awaitExactly(ids)
	b.stop(run)
}
