package view

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/task"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// A row's stage is that of its furthest clip, and was entered when the first clip got
// there. Its time begins as its memory says.
func TestStageOfARow(t *testing.T) {
	t.Parallel()
	pool := postgrestest.Pool(t)
	var id string
	require.NoError(t, pool.QueryRow(t.Context(), `INSERT INTO music_generations (task_id, task_type, provider, status, created_at)
		VALUES ('t', 'generate', 'kie', 'processing', '2026-01-01 12:00:00Z') RETURNING id`).Scan(&id))
	var seen Pending
	load := func() Generation {
		t.Helper()
		rows, err := Load(t.Context(), pool, []string{id}, Options{Foretell: func(p Pending) (p50, p90 time.Time, ok bool) {
			seen = p
			return p50, p90, false
		}})
		require.NoError(t, err)
		require.Len(t, rows, 1)
		require.Nil(t, rows[0].Eta)
		return rows[0]
	}
	exec := func(sql string) {
		t.Helper()
		_, err := pool.Exec(t.Context(), sql, id)
		require.NoError(t, err)
	}
	at := func(second int) time.Time { return time.Date(2026, 1, 1, 12, 0, second, 0, time.UTC) }

	exec(`INSERT INTO music_clips (generation_id, clip_id, status, title, updated_at)
		VALUES ($1, 't-generate-0', 'submitted', 'mine', '2026-01-01 12:00:00Z'), ($1, 't-generate-1', 'submitted', 'mine', '2026-01-01 12:00:00Z')`)
	require.Equal(t, "submitted", *load().Stage)
	require.True(t, seen.Entered.IsZero())
	require.Equal(t, task.Generation{Type: task.Generate, Provider: "kie", CreatedAt: seen.Row.CreatedAt}, withoutMemory(seen.Row))
	require.True(t, seen.Row.CreatedAt.Equal(at(0)))
	require.True(t, seen.Row.Memory.BeganAt.IsZero())

	exec(`UPDATE music_clips SET status = 'processing', updated_at = '2026-01-01 12:00:20Z' WHERE generation_id = $1`)
	require.Equal(t, "text", *load().Stage)
	require.True(t, seen.Entered.Equal(at(20)))
	exec(`UPDATE music_clips SET status = 'streaming', stream_audio_url = 'https://cdn.example/s', updated_at = '2026-01-01 12:00:30Z'
		WHERE generation_id = $1 AND clip_id = 't-generate-1'`)
	exec(`UPDATE music_clips SET status = 'streaming', stream_audio_url = 'https://cdn.example/s', updated_at = '2026-01-01 12:00:40Z'
		WHERE generation_id = $1 AND clip_id = 't-generate-0'`)
	require.Equal(t, "preview", *load().Stage)
	require.True(t, seen.Entered.Equal(at(30)))
	exec(`UPDATE music_clips SET status = 'complete', updated_at = '2026-01-01 12:00:50Z' WHERE generation_id = $1 AND clip_id = 't-generate-0'`)
	exec(`INSERT INTO tasksync.generation_memory (generation_id, began_at) VALUES ($1, '2026-01-01 12:00:05Z')`)
	require.Equal(t, "first", *load().Stage)
	require.True(t, seen.Entered.Equal(at(50)))
	require.True(t, seen.Row.Memory.BeganAt.Equal(at(5)))

	exec(`UPDATE music_generations SET status = 'failed' WHERE id = $1`)
	require.Nil(t, load().Stage)
}

func withoutMemory(g task.Generation) task.Generation {
	g.Memory = task.Memory{}
	return g
}
