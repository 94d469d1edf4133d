package wal

import (
	"context"
	"errors"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tasksync/internal/database"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"tasksync/internal/wait"
)

func TestTakesOverWhenTheOtherEnds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := b.run()
	second := b.launch()
	b.until("the second does not wait", func() bool { return b.log.has("Another process reads the WAL") })
	ids := b.insert(2)
	b.awaitAll(ids)
	select {
	case <-second.ready:
		require.Fail(t, "two read at once")
	default:
	}
	b.stop(first)
	ids = append(ids, b.insert(2)...)
	b.await(second.ready, second)
	ids = append(ids, b.insert(2)...)
	b.awaitExactly(ids)
}

// hung reads from the slot like a stopped process: its connection is there, and it
// gives no sign of life.
func (b *bundle) hung(timeout time.Duration) (ended func() bool) {
	b.Helper()
	r := b.reader(func(cfg *Config) { cfg.Timeout, cfg.Heartbeat = timeout, timeout/2 })
	require.NoError(b, r.ensurePublication(b.Context()))
	conn, err := r.open(b.Context())
	require.NoError(b, err)
	b.Cleanup(func() { closeConn(conn) })
	pid := conn.PID()
	return func() bool { return b.one(`SELECT count(*)::text FROM pg_stat_activity WHERE pid = $1`, pid) == "0" }
}

func TestTakesOverFromAHungReader(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ended := b.hung(time.Second)
	ids := b.insert(2)
	b.run()
	require.True(t, ended())
	b.awaitExactly(ids)
}

// Run waits for a reader that the role may not end, and logs that once.
func TestAwaitsAReaderThatMayNotBeEnded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ended := b.hung(2 * time.Second)
	var asked atomic.Int32
	b.run(func(cfg *Config) {
		cfg.Evict = func(context.Context, int) error {
			asked.Add(1)
			return &pgconn.PgError{Code: database.InsufficientPrivilege}
		}
	})
	require.True(t, ended())
	require.EqualValues(t, 1, asked.Load())
	require.True(t, b.log.has(stepSignal))
}

// Only a reader that is still there at the second check is ended.
func TestEvictsWhoeverDoesNotEnd(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ended := b.hung(time.Hour)
	pid := b.status().ActivePID
	b.run(func(cfg *Config) {
		cfg.Evict = func(ctx context.Context, reader int) error {
			require.Equal(t, pid, reader)
			_, err := b.pool.Exec(ctx, `SELECT pg_terminate_backend($1)`, reader)
			return err
		}
	})
	require.True(t, ended())
}

// A server that has fallen silent keeps its connections open.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	run := b.run(func(cfg *Config) { cfg.Timeout = time.Second })
	pid := b.status().ActivePID
	require.NoError(t, syscall.Kill(pid, syscall.SIGSTOP))
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGCONT) }) // before the server stops
	err := b.end(run)
	require.NoError(t, syscall.Kill(pid, syscall.SIGCONT))
	require.ErrorContains(t, err, "silent")
	ids := b.insert(2)
	b.run()
	b.awaitExactly(ids)
}

func TestSlotHoldsTooMuch(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.got.set(errors.New("the database is away"), nil)
	run := b.run(func(cfg *Config) { cfg.SlotLimit = 8 << 20 })
	b.insert(1)
	b.writeWAL(16)
	require.ErrorIs(t, b.end(run), ErrSlotDropped)
	require.False(t, b.status().Present)
	b.got.set(nil, nil)
	b.run()
	ids := b.insert(2)
	b.awaitExactly(ids)
}

// Any daemon drops the slot of a daemon that is gone, and need not read the WAL
// itself.
func TestGuardDropsADeadSlot(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.stop(b.run())
	other := b.reader(func(cfg *Config) { cfg.ConnConfig, cfg.To, cfg.SlotLimit = nil, nil, 8<<20 })
	require.NoError(t, other.Guard(t.Context()))
	require.True(t, b.status().Present)
	b.writeWAL(16)
	require.NoError(t, other.Guard(t.Context()))
	require.False(t, b.status().Present)
	require.NoError(t, other.Guard(t.Context())) // there is nothing to drop
}

func TestGuardDropsAnIdleSlot(t *testing.T) {
	t.Parallel()
	b := setup(t)
	run := b.run()
	other := b.reader(func(cfg *Config) { cfg.SlotIdle = time.Millisecond })
	for range 3 {
		require.NoError(t, other.Guard(t.Context()))
		require.NoError(t, wait.For(t.Context(), 2*time.Millisecond))
	}
	require.True(t, b.status().Present)
	b.stop(run)
	b.until("it stays", func() bool {
		require.NoError(t, other.Guard(t.Context()))
		return !b.status().Present
	})
}

func TestGuardEndsAHungReader(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ended := b.hung(time.Hour)
	b.writeWAL(16)
	require.NoError(t, b.reader(func(cfg *Config) { cfg.SlotLimit = 8 << 20 }).Guard(t.Context()))
	require.False(t, b.status().Present)
	b.until("it does not end", ended)
}

// A reader ends when another daemon drops its slot, and the next one starts anew.
func TestGuardDropsALiveSlot(t *testing.T) {
	t.Parallel()
	b := setup(t)
	run := b.run()
	b.writeWAL(1)
	require.NoError(t, b.reader(func(cfg *Config) { cfg.SlotLimit = 1 }).Guard(t.Context()))
	require.Error(t, b.end(run))
	require.False(t, b.status().Present)
	b.run()
	b.awaitAll(b.insert(1))
}

// The server itself can end a slot that holds too much.
func TestLostSlot(t *testing.T) {
	t.Parallel()
	b, _ := setupServer(t, map[string]string{"max_slot_wal_keep_size": "1MB", "min_wal_size": "32MB", "max_wal_size": "32MB"})
	b.stop(b.run())
	for b.status().WALStatus != "lost" {
		b.writeWAL(16)
		b.exec(`SELECT pg_switch_wal()`)
		b.exec(`CHECKPOINT`)
	}
	run := b.run()
	require.True(t, b.log.has("its WAL is lost"))
	b.awaitAll(b.insert(1))
	b.stop(run)
	for b.status().WALStatus != "lost" {
		b.writeWAL(16)
		b.exec(`SELECT pg_switch_wal()`)
		b.exec(`CHECKPOINT`)
	}
	require.NoError(t, b.reader().Guard(t.Context()))
	require.False(t, b.status().Present)
}

// On a table where nothing happens the slot moves on with the rest of the server.
func TestQuietTable(t *testing.T) {
	t.Parallel()
	b, _ := setupServer(t, nil)
	run := b.run()
	for range 4 {
		b.writeWAL(16)
		b.exec(`CHECKPOINT`) // which is also a place from where a slot can be read again
		b.until("the slot does not move on", func() bool {
			s := b.status()
			return s.LagBytes < 1<<20 && s.RetainedBytes < 4<<20
		})
	}
	require.Empty(t, b.got.sorted())
	b.stop(run)
}

// A server that shuts down waits for the readers of its WAL to confirm all of it.
func TestShutdownDoesNotWaitForUs(t *testing.T) {
	t.Parallel()
	for name, hold := range map[string]bool{"when all is handed on": false, "when something is not": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, server := setupServer(t, nil)
			run := b.run(func(cfg *Config) { cfg.To = needsDatabase{b} })
			ids := b.insert(1)
			b.awaitAll(ids)
			if hold {
				b.got.set(errors.New("the jobs do not take it"), nil)
				b.insert(1)
				b.until("nothing is handed on", func() bool { return b.got.refusals() > 0 })
			}
			var pid int
			require.NoError(t, b.pool.QueryRow(t.Context(), `SELECT split_part(pg_read_file('postmaster.pid'), E'\n', 1)::integer`).Scan(&pid))
			require.NoError(t, syscall.Kill(pid, syscall.SIGINT)) // a fast shutdown
			select {
			case <-server.Done():
			case <-time.After(longest):
				require.Fail(t, "it waits for us", b.log)
			}
			require.Error(t, b.end(run))
			require.NotErrorIs(t, run.err, ErrSlotDropped)
			require.Equal(t, hold, shuttingDown(run.err), "%v", run.err) // not because patience has ended
			require.NoError(t, server.Resume(t.Context()))
			b.pool.Reset() // its connections are dead
			b.got.set(nil, nil)
			b.run()
			b.awaitAll(b.insert(1))
		})
	}
}

// needsDatabase needs the database to hand on, as the jobs do.
type needsDatabase struct{ *bundle }

func (n needsDatabase) HandOn(ctx context.Context, ids []string) error {
	if err := n.pool.Ping(ctx); err != nil {
		return err
	}
	return n.got.HandOn(ctx, ids)
}
