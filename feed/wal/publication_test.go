package wal

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/task"
)

// filter returns the row filter that the server has, or "".
func (b *bundle) filter() string {
	b.Helper()
	return b.one(`SELECT coalesce(to_jsonb(t) ->> 'rowfilter', '') FROM pg_publication_tables AS t WHERE pubname = 'tasksync'`)
}

func TestServerFilters(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, b.reader().ensurePublication(t.Context()))
	if b.one(`SHOW server_version_num`) < "150000" {
		require.Empty(t, b.filter())
	} else {
		require.Contains(t, b.filter(), "task_type IS NOT NULL")
		require.Contains(t, b.filter(), "streaming")
	}
	require.NoError(t, b.reader().ensurePublication(t.Context())) // it is there
}

// A table that was there before tasksync may have a type of its own for the status,
// which a row filter may not use.
func TestStatusThatIsAnEnum(t *testing.T) {
	t.Parallel()
	b := setupOn(t, postgrestest.Empty(t))
	b.exec(`CREATE TYPE status AS ENUM ('submitted', 'queued', 'processing', 'streaming', 'complete', 'failed')`)
	b.exec(`CREATE TABLE music_generations (task_type varchar(20), note text, status status, id uuid DEFAULT gen_random_uuid())`)
	run := b.run()
	require.Empty(t, b.filter())
	ids := b.ids(`INSERT INTO music_generations (task_type, status) VALUES ('generate', 'submitted'), ('generate', 'queued') RETURNING id::text`)
	b.exec(`INSERT INTO music_generations (task_type, status) VALUES ('generate', 'complete'), (NULL, 'queued')`)
	b.exec(`UPDATE music_generations SET note = 'there is no replica identity'`)
	b.awaitExactly(ids)
	b.stop(run)
}

func TestPartitionedTable(t *testing.T) {
	t.Parallel()
	b := setupOn(t, postgrestest.Empty(t))
	b.exec(`CREATE TABLE music_generations (id uuid DEFAULT gen_random_uuid(), task_type text, status text DEFAULT 'submitted', n integer) PARTITION BY RANGE (n)`)
	b.exec(`CREATE TABLE first PARTITION OF music_generations FOR VALUES FROM (0) TO (10)`)
	run := b.run()
	b.exec(`CREATE TABLE second PARTITION OF music_generations FOR VALUES FROM (10) TO (20)`)
	ids := b.ids(`INSERT INTO music_generations (task_type, n) SELECT 'generate', n FROM generate_series(0, 19) AS n RETURNING id::text`)
	b.exec(`INSERT INTO music_generations (task_type, status, n) VALUES ('generate', 'failed', 1), (NULL, 'queued', 11)`)
	b.awaitExactly(ids)
	b.stop(run)
}

// A publication of that name that others have made is good if it publishes our rows.
// Else it is replaced, together with the slot that reads it.
func TestPublicationOfOthers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(`CREATE PUBLICATION tasksync FOR TABLE music_generations, music_clips`)
	run := b.run()
	b.awaitExactly(b.insert(2))
	b.stop(run)
	b.exec(`ALTER PUBLICATION tasksync SET TABLE music_clips`)
	run = b.run()
	require.True(t, b.log.has("there is no publication to read it with"))
	b.awaitAll(b.insert(2))
	b.stop(run)
}

// An older version's filter has fewer words for a pending row; it is brought up to
// date, and the slot stays.
func TestPublicationOfAnOlderVersion(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.stop(b.run())
	if b.one(`SHOW server_version_num`) >= "150000" {
		b.exec(`ALTER PUBLICATION tasksync SET TABLE music_generations (id, task_type, status) WHERE (task_type IS NOT NULL AND status IN ('submitted', 'queued', 'processing', 'streaming'))`)
	}
	run := b.run()
	ids := b.ids(`INSERT INTO music_generations (task_type, status) SELECT 'generate', w FROM unnest($1::text[]) AS w RETURNING id::text`, append(task.PendingWords(), "PENDING", "Submitted"))
	b.exec(`INSERT INTO music_generations (task_type, status) VALUES ('generate', 'Complete'), ('generate', 'draft'), (NULL, 'PENDING')`)
	b.awaitExactly(ids)
	require.False(t, b.log.has("there is no publication to read it with"))
	b.stop(run)
}

// Whatever the type of the column: where the server cannot filter by it, the reader
// does.
func TestStatusesOfAllTypes(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"varchar(20)", "char(20)", "citext", "word", "text COLLATE tr"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := setupOn(t, postgrestest.Empty(t))
			b.exec(`CREATE EXTENSION citext`)
			b.exec(`CREATE DOMAIN word AS text`)
			b.exec(`CREATE COLLATION tr (provider = icu, locale = 'tr-TR')`)
			b.exec(`CREATE TABLE music_generations (task_type text, status ` + kind + `, id uuid DEFAULT gen_random_uuid())`)
			run := b.run()
			ids := b.ids(`INSERT INTO music_generations (task_type, status) SELECT 'generate', w FROM unnest($1::text[]) AS w RETURNING id::text`, append(task.PendingWords(), "PENDING", "IN_PROGRESS"))
			b.exec(`INSERT INTO music_generations (task_type, status) VALUES ('generate', 'Complete'), ('generate', NULL), ('generate', ''), (NULL, 'PENDING')`)
			b.awaitExactly(ids)
			b.stop(run)
		})
	}
}
