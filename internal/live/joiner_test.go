package live

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
)

// trouble replaces a table by a view of it. To read a row of a user there calls SQL, which
// may fail, take long, or end the connection.
func (b *bundle) trouble(table pgx.Identifier, user, sql string) {
	b.Helper()
	b.exec(fmt.Sprintf(`CREATE OR REPLACE FUNCTION public.trouble() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN %s; RETURN true; END $$`, sql))
	b.exec(fmt.Sprintf(`ALTER TABLE %s RENAME TO kept`, table.Sanitize()))
	b.exec(fmt.Sprintf(`CREATE VIEW %s AS SELECT * FROM %s WHERE user_id IS DISTINCT FROM '%s' OR public.trouble()`,
		table.Sanitize(), pgx.Identifier{table[0], "kept"}.Sanitize(), user))
}

var events = pgx.Identifier{"tasksync", "generation_events"}

// TestBacklogThatCannotBeRead costs its own user a reset, and no one else anything but a
// moment: neither those who follow nor those who resume in the same query.
func TestBacklogThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, sql := range map[string]string{
		"error":      `PERFORM 1/0`,
		"slow":       `PERFORM pg_sleep(3600)`,
		"connection": `PERFORM pg_terminate_backend(pg_backend_pid()), pg_sleep(10)`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			bad, good := newID(), newID()
			id := b.event(b.pool, good)
			b.event(b.pool, bad)
			b.trouble(events, bad, sql)
			broker := b.running(func(broker *Broker) { broker.bounds.backlog = 100 * time.Millisecond })
			follower, _ := b.subscribe(broker, newID(), "")
			var culprits, victims []*Subscription
			for range 3 { // they join together
				for _, user := range []string{bad, good} {
					s, err := broker.Subscribe(user, "1:1:")
					require.NoError(t, err)
					t.Cleanup(s.Close)
					if user == bad {
						culprits = append(culprits, s)
					} else {
						victims = append(victims, s)
					}
				}
			}
			own := b.event(b.pool, follower.user)
			ids, _ := b.follow(follower, own)
			require.Equal(t, []int64{own}, ids, "and no reset")
			for _, s := range victims {
				batch := b.next(s)
				require.False(t, batch.Reset)
				require.True(t, contains(batch.Events, id))
			}
			for _, s := range culprits {
				batch := b.next(s)
				require.True(t, batch.Reset)
				require.Empty(t, batch.Events)
			}
			own = b.event(b.pool, follower.user)
			ids, _ = b.follow(follower, own)
			require.Equal(t, []int64{own}, ids)
			if name != "connection" {
				require.Equal(t, 1, strings.Count(b.log.String(), "The events that a client has missed cannot be read"))
			}
		})
	}
}

// TestRowThatCannotBeRead costs its own user a reset, whether that user follows or
// resumes. The others get their rows.
func TestRowThatCannotBeRead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	bad, good := newID(), newID()
	broker := b.running()
	badReader, before := b.subscribe(broker, bad, "")
	goodReader, _ := b.subscribe(broker, good, "")
	b.trouble(pgx.Identifier{"public", "music_generations"}, bad, `PERFORM 1/0`)
	write := func() {
		b.exec(`WITH g AS (
				INSERT INTO public.kept (user_id, task_id, task_type, status)
				SELECT u, 't', 'generate', 'complete' FROM unnest($1::uuid[]) AS u, generate_series(1, 5) RETURNING id, user_id
			)
			INSERT INTO tasksync.generation_events (generation_id, user_id, from_status, to_status, via)
			SELECT id, user_id, 'queued', 'complete', 'poll' FROM g`, []string{bad, good})
	}
	check := func(batch Batch) {
		t.Helper()
		require.False(t, batch.Reset)
		for _, e := range batch.Events {
			require.NotNil(t, e.Generation)
		}
	}
	write()
	batch := b.next(goodReader)
	check(batch)
	require.Len(t, batch.Events, 5)
	require.True(t, b.next(badReader).Reset)

	_, batch = b.subscribe(broker, good, before.Cursor)
	check(batch)
	require.Len(t, batch.Events, 5)
	_, batch = b.subscribe(broker, bad, before.Cursor)
	require.True(t, batch.Reset)
	require.Contains(t, b.log.String(), "cannot be read")
	require.NotContains(t, b.log.String(), "interrupted")
	write() // while one joins
	_, err := broker.Subscribe(good, before.Cursor)
	require.NoError(t, err)
	batch = b.next(goodReader)
	check(batch)
	require.Len(t, batch.Events, 5)
}

// TestCursorsOfALaterEpoch: on a server past 2^32 transactions, a cursor that Postgres
// would refuse, though it is not from the future, is no cursor.
func TestCursorsOfALaterEpoch(t *testing.T) {
	t.Parallel()
	b := setupOn(t, postgrestest.OpenPool(t, postgrestest.LaterEpoch(t)))
	broker := b.running()
	follower, now := b.subscribe(broker, newID(), "")
	c, ok := parseCursor(now.Cursor)
	require.True(t, ok)
	require.Greater(t, c.xmin, uint64(1)<<32)
	user := newID()
	b.event(b.pool, user)
	for _, cursor := range []string{"4294967296:4294967296:", "4294967296:4294967301:", "5:4294967296:", fmt.Sprintf("5:%d:4294967296", c.xmax)} {
		_, batch := b.subscribe(broker, user, cursor)
		require.True(t, batch.Reset, cursor)
	}
	_, batch := b.subscribe(broker, user, now.Cursor)
	require.Len(t, batch.Events, 1)
	_, batch = b.subscribe(broker, user, "4294967297:4294967297:")
	require.Len(t, batch.Events, 1)
	id := b.event(b.pool, follower.user)
	ids, _ := b.follow(follower, id)
	require.Equal(t, []int64{id}, ids)
	require.NotContains(t, b.log.String(), "WARN")
}
