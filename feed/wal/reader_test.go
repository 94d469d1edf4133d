package wal

import (
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHandsOnWhatIsCommitted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	before := b.insert(1)
	run := b.run()
	want := b.insert(1)
	want = append(want, b.insert(3)...)
	for _, status := range []string{"submitted", "queued", "processing", "streaming"} {
		want = append(want, b.one(`INSERT INTO music_generations (task_type, status) VALUES ('lyrics', $1) RETURNING id::text`, status))
	}
	b.exec(`INSERT INTO music_generations (task_id) VALUES ('of V1')`)
	b.exec(`INSERT INTO music_generations (task_type, status) VALUES ('generate', 'complete'), ('generate', 'failed'), ('generate', 'unheard of')`)

	tx, err := b.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `INSERT INTO music_generations (task_type) VALUES ('generate')`)
	require.NoError(t, err)
	require.NoError(t, tx.Rollback(t.Context()))

	want = append(want, b.savepoints()...)
	want = append(want, b.insert(1)...) // the last one: nothing more comes after it
	b.awaitExactly(want)
	require.NotContains(t, b.got.sorted(), before[0])
	b.stop(run)
}

// savepoints inserts in subtransactions, some of which are rolled back, and
// returns the ids of the others.
func (b *bundle) savepoints() []string {
	b.Helper()
	tx, err := b.pool.Begin(b.Context())
	require.NoError(b, err)
	var ids []string
	insert := func() {
		var id string
		require.NoError(b, tx.QueryRow(b.Context(), `INSERT INTO music_generations (task_type) VALUES ('generate') RETURNING id::text`).Scan(&id))
		ids = append(ids, id)
	}
	exec := func(sql string) {
		_, err := tx.Exec(b.Context(), sql)
		require.NoError(b, err)
	}
	insert()
	exec(`SAVEPOINT a`)
	insert()
	exec(`SAVEPOINT b`)
	insert()
	exec(`ROLLBACK TO b`)
	ids = ids[:2]
	insert()
	exec(`RELEASE a`)
	exec(`SAVEPOINT c`)
	insert()
	exec(`ROLLBACK TO c`)
	ids = ids[:3]
	exec(`DO $$ BEGIN
		INSERT INTO music_generations (task_type) VALUES ('generate');
		RAISE EXCEPTION 'no';
	EXCEPTION WHEN OTHERS THEN NULL;
	END $$`)
	insert()
	require.NoError(b, tx.Commit(b.Context()))
	return ids
}

func TestHandsOnWhatMessagesName(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ids := b.insert(3)
	b.run()
	b.exec(`SELECT pg_logical_emit_message(true, 'tasksync', $1)`, ids[0])
	b.exec(`SELECT pg_logical_emit_message(true, 'somebody else', $1)`, ids[1])
	b.exec(`SELECT pg_logical_emit_message(false, 'tasksync', $1)`, ids[1])
	b.exec(`SELECT pg_logical_emit_message(true, 'tasksync', 'no id')`)
	b.exec(`UPDATE music_generations SET task_id = 'another' WHERE id = $1`, ids[1])
	b.exec(`SELECT pg_logical_emit_message(true, 'tasksync', $1)`, ids[2])
	b.awaitExactly([]string{ids[0], ids[2]})
}

// updateTrigger names the rows that an update makes pending, while the other
// trigger is quiet. It needs no replica identity.
const updateTrigger = `
CREATE FUNCTION tasksync.name_generation() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
    PERFORM pg_catalog.pg_logical_emit_message(true, 'tasksync', NEW.id::pg_catalog.text);
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END
$$;
CREATE TRIGGER tasksync_name_update
    AFTER UPDATE ON public.music_generations
    FOR EACH ROW
    WHEN (NEW.task_type IS NOT NULL
        AND NEW.status IN ('submitted', 'queued', 'processing', 'streaming')
        AND (OLD.task_type IS NULL
            OR (OLD.status IN ('submitted', 'queued', 'processing', 'streaming')) IS NOT TRUE
            OR (coalesce(OLD.task_id, '') = '' AND coalesce(NEW.task_id, '') <> ''))
        AND pg_catalog.current_setting('wal_level') = 'logical'
        AND NOT pg_catalog.pg_try_advisory_xact_lock_shared(8386110886476607075))
    EXECUTE FUNCTION tasksync.name_generation()`

func TestHandsOnWhatATriggerNames(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(updateTrigger)
	b.exec(`ALTER TABLE music_generations DROP CONSTRAINT music_generations_pkey CASCADE`)
	failed := b.one(`INSERT INTO music_generations (task_type, status) VALUES ('generate', 'failed') RETURNING id::text`)
	v1 := b.one(`INSERT INTO music_generations (task_id) VALUES ('of V1') RETURNING id::text`)
	pending := b.insert(1)
	b.run()
	b.exec(`UPDATE music_generations SET status = 'processing' WHERE id = $1`, pending[0]) // like the updates of tasksync itself
	b.exec(`UPDATE music_generations SET status = 'submitted', task_id = 'again' WHERE id = $1`, failed)
	b.exec(`UPDATE music_generations SET task_type = 'generate' WHERE id = $1`, v1)
	b.awaitExactly([]string{failed, v1})
}

func TestHugeTransaction(t *testing.T) {
	t.Parallel()
	b, _ := setupServer(t, nil) // new slots of other tests would wait for this transaction
	b.run()
	ids := b.insert(200_000)
	ids = append(ids, b.insert(1)...)
	b.awaitExactly(ids)
	b.got.mu.Lock()
	require.LessOrEqual(t, b.got.largest, maxHandOn)
	b.got.mu.Unlock()
	b.until("the end of it is not confirmed", func() bool { return b.status().LagBytes < 1<<20 })
}

func TestGoesOnWhereTheLastOneStopped(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := b.run()
	ids := b.insert(10)
	b.awaitExactly(ids)
	b.stop(first)
	ids = append(ids, b.insert(10)...)
	b.run()
	b.awaitExactly(ids)
	b.got.mu.Lock()
	defer b.got.mu.Unlock()
	for id, n := range b.got.ids {
		require.Equal(t, 1, n, id) // a regular stop confirms everything first
	}
}

func TestHandOnFails(t *testing.T) {
	t.Parallel()
	b := setup(t)
	run := b.run()
	b.got.set(errors.New("the database is away"), nil)
	ids := b.insert(2)
	position := b.one(`SELECT pg_current_wal_lsn()::text`)
	b.until("nothing is handed on", func() bool { return b.got.refusals() > 2 })
	ids = append(ids, b.insert(3)...)
	require.Equal(t, "true", b.one(`SELECT ($1::text::pg_lsn < $2::text::pg_lsn)::text`, b.status().Confirmed, position))
	require.Empty(t, b.got.sorted())
	b.got.set(nil, nil)
	b.awaitExactly(ids)
	b.until("it is not confirmed", func() bool {
		return b.one(`SELECT ($1::text::pg_lsn >= $2::text::pg_lsn)::text`, b.status().Confirmed, position) == "true"
	})
	b.stop(run)
}

// A reader stops reading while too many rows cannot be handed on. The server must
// not take it for dead.
func TestFullBacklog(t *testing.T) {
	t.Parallel()
	b, _ := setupServer(t, nil) // only a superuser sees when a reader replied
	hold := make(chan struct{})
	b.got.set(nil, hold)
	run := b.run()
	ids := b.insert(3 * maxBacklog)
	for _, n := range []int{1, 2, 3} {
		ids = append(ids, b.insert(n)...)
	}
	pid := b.status().ActivePID
	replied := func() string {
		return b.one(`SELECT coalesce(max(reply_time), '-infinity')::text FROM pg_stat_replication WHERE pid = $1`, pid)
	}
	for range 5 {
		last := replied()
		b.until("it gives no sign of life", func() bool { return replied() != last })
	}
	close(hold)
	b.awaitExactly(ids)
	require.Equal(t, pid, b.status().ActivePID)
	b.stop(run)
}

func TestChangesOfTheTable(t *testing.T) {
	t.Parallel()
	b := setup(t)
	run := b.run()
	ids := b.insert(2)
	b.awaitAll(ids)
	b.exec(`TRUNCATE music_generations CASCADE`)
	ids = b.insert(2)
	b.awaitAll(ids)
	b.exec(`ALTER TABLE music_generations ADD COLUMN extra text DEFAULT 'x', DROP COLUMN user_id`)
	ids = append(ids, b.insert(2)...)
	b.exec(`ALTER TABLE music_generations DROP CONSTRAINT music_generations_pkey CASCADE`)
	b.exec(`UPDATE music_generations SET extra = 'without a replica identity'`)
	b.exec(`DELETE FROM music_generations WHERE id = ANY ($1::uuid[])`, b.insert(1))
	ids = append(ids, b.insert(2)...)
	b.until("not every row is handed on", func() bool { return b.got.all(ids) })
	b.stop(run)
}

func TestPublicationIsDropped(t *testing.T) {
	t.Parallel()
	b := setup(t)
	run := b.run()
	b.awaitAll(b.insert(1))
	b.exec(`DROP PUBLICATION tasksync`)
	b.insert(1)
	require.ErrorIs(t, b.end(run), ErrSlotDropped)
	require.False(t, b.status().Present)
	b.run()
	b.awaitAll(b.insert(1))
}

// A table that is dropped leaves the publication.
func TestTableIsReplaced(t *testing.T) {
	t.Parallel()
	b := setup(t)
	run := b.run()
	b.exec(`CREATE TABLE copy (LIKE music_generations INCLUDING ALL)`)
	b.exec(`DROP TABLE music_generations CASCADE`)
	b.exec(`ALTER TABLE copy RENAME TO music_generations`)
	require.ErrorIs(t, b.end(run), ErrSlotDropped)
	b.run()
	b.awaitAll(b.insert(1))
}

func TestConnectionIsCut(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var ids []string
	for range 5 {
		run := b.run()
		ids = slices.Concat(ids, b.insert(1), b.insert(10))
		b.exec(`SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1`, b.status().Slot)
		err := b.end(run)
		require.Error(t, err)
		require.NotErrorIs(t, err, ErrSlotDropped)
		require.NotErrorIs(t, err, ErrUnavailable)
		ids = append(ids, b.insert(2)...)
	}
	b.run()
	b.awaitExactly(ids)
}
