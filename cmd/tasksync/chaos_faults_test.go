//go:build chaos

package main

import (
	"context"
	"maps"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
)

// kind is one kind of fault.
type kind struct {
	name string
	do   func()
}

// kinds returns the faults; d is the daemon that those of one daemon hit.
func (c *chaos) kinds(t *testing.T, d *chaosDaemon) []kind {
	kinds := []kind{
		{"kill -9", func() { _, d.dead = d.cmd.Process.Kill(), true }},
		{"SIGSTOP", func() { d.stopped = !d.dead && d.cmd.Process.Signal(syscall.SIGSTOP) == nil }},
		{"SIGTERM", func() {
			if !d.dead && !d.stopped {
				_, d.dead = d.cmd.Process.Signal(syscall.SIGTERM), true
			}
		}},
		{"stalled connections", func() { d.proxy.FallSilent(false) }},
		{"stalled network", func() { d.proxy.FallSilent(true) }},
		{"terminated sessions", func() {
			c.exec(t, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'tasksync%' AND random() < 0.5`)
		}},
		{"deleted jobs", func() { c.exec(t, `DELETE FROM tasksync.river_job WHERE random() < 0.7`) }},
		{"garbage in jobs", func() { c.exec(t, `UPDATE tasksync.river_job SET args = '{"ids": 7}' WHERE random() < 0.7`) }},
		{"empty jobs", func() { c.exec(t, `UPDATE tasksync.river_job SET args = '{}' WHERE random() < 0.7`) }},
		{"restart of Postgres", func() { c.restart(t) }},
		{"exhausted connections", func() { c.exhaust(t) }},
	}
	kinds = append(kinds, c.applicationKinds(t)...)
	return append(kinds, c.upstreamKinds()...)
}

// applicationKinds are what an application or its operator does.
func (c *chaos) applicationKinds(t *testing.T) []kind {
	return []kind{
		{"locked table", func() { c.hold(t, `LOCK TABLE music_generations IN ACCESS EXCLUSIVE MODE`) }},
		{"locked rows", func() {
			c.hold(t, `SELECT FROM music_generations WHERE status NOT IN ('complete', 'failed') FOR UPDATE`)
		}},
		{"long transaction", func() { c.hold(t, `SELECT pg_current_xact_id()`) }},
		{"dropped slot", func() {
			c.exec(t, `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name LIKE 'tasksync%' AND active_pid IS NOT NULL`)
			c.exec(t, `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name LIKE 'tasksync%' AND NOT active`)
		}},
		{"dropped publication", func() {
			c.exec(t, `DO $$ DECLARE p text; BEGIN FOR p IN SELECT pubname FROM pg_publication LOOP EXECUTE format('DROP PUBLICATION %I', p); END LOOP; END $$`)
		}},
		{"disabled triggers", func() {
			c.exec(t, `SET LOCAL lock_timeout = '1s'; ALTER TABLE music_generations DISABLE TRIGGER tasksync_notify_insert`)
			c.mends = append(c.mends, func() {
				c.exec(t, `SET LOCAL lock_timeout = '5s'; ALTER TABLE music_generations ENABLE TRIGGER tasksync_notify_insert`)
			})
		}},
		{"updates of the application's", func() {
			c.exec(t, `SET LOCAL lock_timeout = '1s'; UPDATE music_generations SET updated_at = now() WHERE random() < 0.3`)
		}},
		{"deleted rows", func() { c.deleteRows(t) }},
		{"deleted memory", func() {
			c.exec(t, `SET LOCAL lock_timeout = '1s'; DELETE FROM tasksync.feed_lease; DELETE FROM tasksync.budget_shares; DELETE FROM tasksync.look_models`)
		}},
	}
}

// upstreamKinds are what a provider does, to all calls until it is mended.
func (c *chaos) upstreamKinds() (kinds []kind) {
	for _, f := range []simulator.Fault{simulator.HTTP500, simulator.HTTP503, simulator.HTTP429, simulator.Maintenance, simulator.BadKey, simulator.NoCredits, simulator.HTML, simulator.Cut, simulator.Hang} {
		kinds = append(kinds, kind{"provider: " + string(f), func() {
			c.sim.Outage(f)
			from := time.Now()
			c.mends = append(c.mends, func() {
				c.sim.Outage(simulator.NoFault)
				c.outages = append(c.outages, span{from, time.Now().Add(pauseAfter)})
			})
		}})
	}
	return kinds
}

// pauseAfter is how long calls may pause after the provider is well again: a paused
// account and an open breaker are tried again now and then.
const pauseAfter = 30 * time.Second

// hold runs a statement in a transaction that stays open until the mend.
func (c *chaos) hold(t *testing.T, sql string) {
	ctx := context.WithoutCancel(t.Context())
	conn, err := pgx.Connect(ctx, c.url)
	if err != nil {
		t.Log(err)
		return
	}
	from := time.Now()
	_, err = conn.Exec(ctx, `SET lock_timeout = '1s'; BEGIN; `+sql)
	if err != nil {
		t.Log(err)
	}
	c.mends = append(c.mends, func() {
		_ = conn.Close(ctx)
		c.outages = append(c.outages, span{from, time.Now()})
	})
}

// exhaust takes all connections that are left.
func (c *chaos) exhaust(t *testing.T) {
	ctx := context.WithoutCancel(t.Context())
	var held []*pgx.Conn
	from := time.Now()
	for len(held) < 200 {
		conn, err := pgx.Connect(ctx, c.url)
		if err != nil {
			break
		}
		held = append(held, conn)
	}
	c.mends = append(c.mends, func() {
		for _, conn := range held {
			_ = conn.Close(ctx)
		}
		c.outages = append(c.outages, span{from, time.Now()})
	})
}

// deleteRows deletes some rows that are under way, as an application does when a user
// closes an account.
func (c *chaos) deleteRows(t *testing.T) {
	rows, err := c.pool.Query(t.Context(), `DELETE FROM music_generations WHERE id IN (
		SELECT id FROM music_generations WHERE status NOT IN ('complete', 'failed') ORDER BY random() LIMIT 3 FOR UPDATE SKIP LOCKED) RETURNING id::text`)
	if err != nil {
		t.Log(err)
		return
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Log(err)
		return
	}
	for _, id := range ids {
		delete(c.rows, id)
	}
}

// insertRows inserts rows, ten at a time, and tries again while the database is away.
func (c *chaos) insertRows(t *testing.T, n int) {
	for range n / 10 {
		before := maps.Clone(c.rows)
		for try := 0; ; try++ {
			err := c.tryBurst(t.Context(), 10)
			if err == nil {
				break
			}
			require.Less(t, try, 200, "%v", err)
			c.rows = maps.Clone(before)
			<-time.After(200 * time.Millisecond)
		}
	}
}

// watchEnds has a trigger write down each change of a row that has ended.
func (c *chaos) watchEnds(t *testing.T) {
	c.exec(t, `
		CREATE TABLE rewritten (id uuid, was text, is_now text);
		CREATE FUNCTION note_rewritten() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN INSERT INTO public.rewritten VALUES (OLD.id, OLD.status, NEW.status); RETURN NULL; END $$;
		CREATE TRIGGER note_rewritten AFTER UPDATE OF status ON music_generations FOR EACH ROW
		WHEN (OLD.status IN ('complete', 'failed')) EXECUTE FUNCTION note_rewritten()`)
}
