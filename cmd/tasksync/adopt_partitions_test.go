package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The indexes of a partitioned table are built partition by partition beside its writers,
// are found again, made anew where an adoption was interrupted, and grow with the table.
func TestAdoptPartitions(t *testing.T) {
	t.Parallel()
	var s shape
	for _, s = range shapes {
		if s.name == "month_songs" {
			break
		}
	}
	w := newAdopted(t, s)
	exec := func(sql string) {
		t.Helper()
		_, err := w.pool.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	invalid := func() (names []string) {
		for _, r := range collect[struct{ Name string }](t, w.pool, `SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid`) {
			names = append(names, r.Name)
		}
		return names
	}
	count := func() (n int) {
		require.NoError(t, w.pool.QueryRow(t.Context(), `SELECT count(*) FROM pg_class AS c, pg_partition_tree(c.oid) AS t WHERE c.relname LIKE 'tasksync\_adopted\_%' AND c.relkind = 'I' AND NOT c.relispartition AND t.isleaf`).Scan(&n))
		return n
	}
	args := append([]string{"adopt"}, s.adopt...)
	exec(`CREATE INDEX tasksync_adopted_task_id ON ONLY month_songs (title)`) // an adoption that was interrupted, with other words
	exec(`CREATE INDEX tasksync_adopted_task_id_2020 ON month_songs_2020 (title); ALTER INDEX tasksync_adopted_task_id ATTACH PARTITION tasksync_adopted_task_id_2020`)

	tx, err := w.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), s.insert, "open", time.Now().UTC())
	require.NoError(t, err)
	p := start(t, map[string]string{"DATABASE_URL": w.url}, args...)
	require.Eventually(t, func() bool { return strings.Contains(p.output(), "the table is locked by pid") }, worldPatience, 10*time.Millisecond)
	exec(`SET lock_timeout = '30s'; INSERT INTO month_songs (title) VALUES ('another writer')`)
	require.NoError(t, tx.Commit(t.Context()))
	select {
	case <-p.done:
	case <-time.After(worldPatience):
		t.Fatal(p.output())
	}
	require.Zero(t, p.cmd.ProcessState.ExitCode(), p.output())
	require.Empty(t, invalid())
	require.Equal(t, 5*3, count(), "five indexes on three partitions")

	code, out := command(w.url, args...)
	require.Zero(t, code, out)
	require.NotContains(t, out, "building index", "they are there")

	exec(`CREATE TABLE month_songs_2300 PARTITION OF month_songs FOR VALUES FROM ('2300-01-01') TO ('2301-01-01')`)
	require.Equal(t, 5*4, count(), "a new partition has them by itself")
	exec(`ALTER TABLE month_songs DETACH PARTITION month_songs_2020; ALTER TABLE month_songs ATTACH PARTITION month_songs_2020 FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')`)
	code, out = command(w.url, args...)
	require.Zero(t, code, out)
	require.Empty(t, invalid())
	require.Equal(t, 5*4, count())
	w.writes(t)

	code, out = command(w.url, append(args, "--word", "queued=processing")...) // other words need other indexes
	require.Zero(t, code, out)
	require.Regexp(t, `building index tasksync_adopted_task_id_\w+ on "other"."Songs, odd"`, out)
	require.Empty(t, invalid())
	require.Equal(t, 5*4, count())
	w.adopt(t, "--remove")
	require.Zero(t, count())
}
