package wal

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
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
	// The setting takes effect when the checkpointer reads it: until then commits
	// return at once.
	var mu sync.Mutex
	var inserted []string
	committed := make(chan error, 1)
	go func() {
		defer conn.Release()
		for {
			id := uuid()
			mu.Lock()
			inserted = append(inserted, id)
			mu.Unlock()
			tag, err := conn.Exec(t.Context(), `INSERT INTO music_generations (id, task_type)
				SELECT $1::uuid, 'generate' WHERE NOT EXISTS (SELECT FROM music_generations WHERE task_id = 'enough')`, id)
			if err != nil || tag.RowsAffected() == 0 {
				committed <- err
				return
			}
		}
	}()
	b.until("it does not wait", func() bool {
		return b.one(`SELECT coalesce(wait_event, '') FROM pg_stat_activity WHERE pid = $1`, pid) == "SyncRep"
	})
	mu.Lock()
	others, waiting := slices.Clone(inserted[:len(inserted)-1]), inserted[len(inserted)-1]
	mu.Unlock()
	position := b.one(`SELECT pg_current_wal_lsn()::text`)

	for range 5 {
		others = append(others, b.insertAlone())
		b.awaitExactly(others)
	}
	require.Equal(t, "true", b.one(`SELECT ($1::text::pg_lsn < $2::text::pg_lsn)::text`, b.status().Confirmed, position))

	require.NoError(t, pgx.BeginFunc(t.Context(), b.pool, func(tx pgx.Tx) error { // no V2 row, so it is not handed on
		_, err := tx.Exec(t.Context(), `SET LOCAL synchronous_commit = local`)
		if err == nil {
			_, err = tx.Exec(t.Context(), `INSERT INTO music_generations (task_id) VALUES ('enough')`)
		}
		return err
	}))
	b.exec(`SELECT pg_cancel_backend($1)`, pid) // the commit then waits no more, and stays
	require.NoError(t, <-committed)
	b.awaitExactly(append(others, waiting))
	b.until("it is not confirmed", func() bool {
		return b.one(`SELECT ($1::text::pg_lsn >= $2::text::pg_lsn)::text`, b.status().Confirmed, position) == "true"
	})
	b.stop(run)
}

// uuid returns a new id.
func uuid() string {
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // never fails
	return fmt.Sprintf("%x-%x-%x-%x-%x", raw[:4], raw[4:6], raw[6:8], raw[8:10], raw[10:])
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

// A commit is in the WAL before other transactions can see it. HandOn must see every
// row that it is given.
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
