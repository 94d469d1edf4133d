package api

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
	"tasksync/task"
)

// clipRows are the clips that an application may have made for a row, with keys in the
// order that is the opposite of theirs. $1 is the row and $2 its task; $3 and $4 are
// the provider's ids of the clips.
var clipRows = map[string]string{
	"none": "",
	"placeholders of one statement": `INSERT INTO music_clips (id, generation_id, clip_id)
		SELECT overlay($1::text PLACING (9 - n)::text FROM 1 FOR 1)::uuid, $1::uuid, $2::text || '-generate-' || n FROM generate_series(0, 1) AS n WHERE $3 <> $4`,
	"placeholders of V1": `INSERT INTO music_clips (id, generation_id, clip_id)
		SELECT overlay($1::text PLACING (9 - n)::text FROM 1 FOR 1)::uuid, $1::uuid, $2::text || '-clip-' || n FROM generate_series(1, 2) AS n WHERE $3 <> $4`,
	"placeholders made side by side": `INSERT INTO music_clips (generation_id, clip_id, created_at)
		SELECT $1::uuid, $2::text || '-generate-' || n, now() - n * interval '3 ms' FROM generate_series(0, 1) AS n WHERE $3 <> $4`,
	"clips of one time, which an earlier version has named": `INSERT INTO music_clips (id, generation_id, clip_id, title)
		SELECT overlay($1::text PLACING (9 - n)::text FROM 1 FOR 1)::uuid, $1::uuid, u.id, $2::text FROM unnest(ARRAY[$3, $4]) WITH ORDINALITY AS u (id, n)`,
	"times of whole milliseconds": `INSERT INTO music_clips (id, generation_id, clip_id, created_at)
		SELECT overlay($1::text PLACING (9 - n)::text FROM 1 FOR 1)::uuid, $1::uuid, $2::text || '-generate-' || n, date_trunc('second', now()) FROM generate_series(0, 1) AS n WHERE $3 <> $4`,
}

// Clips are shown in the order of their placeholders, and then in that of the
// provider, wherever they are shown.
func TestClipsInTheirOrder(t *testing.T) {
	t.Parallel()
	for name, insert := range clipRows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			want, isPlaceholder := map[string][]string{}, task.DefaultHandlers().PlaceholderNumber
			for range 6 {
				taskID := b.sim.Submit(task.Generate, simulator.Ready)
				id := b.insert(alice, task.Generate, taskID)
				record, _ := b.sim.Task(taskID)
				want[id] = []string{record.Items[0].ID, record.Items[1].ID}
				if insert != "" {
					_, err := b.pool.Exec(t.Context(), insert, id, taskID, want[id][0], want[id][1])
					require.NoError(t, err)
				}
			}
			stream := b.openStream(b.url, alice)
			var pending rows
			b.call(http.MethodGet, syncPath, token(alice), "").decode(t, &pending)
			for _, g := range pending.Generations {
				for i, c := range g.Clips {
					if n, ok := isPlaceholder(c.ClipID); ok {
						require.Equal(t, i, n, "GET")
					}
				}
			}
			for _, g := range b.post(alice, "").Generations {
				require.Equal(t, "complete", g.Status)
				got := []string{g.Clips[0].ClipID, g.Clips[1].ClipID}
				require.Equal(t, want[g.ID], got, "POST")
			}
			for range want {
				var change struct {
					GenerationID string `json:"generation_id"`
					Generation   struct {
						Clips []struct {
							ClipID string `json:"clip_id"`
						}
					}
				}
				require.NoError(t, json.Unmarshal([]byte(stream.next("status").data), &change))
				clips := change.Generation.Clips
				got := []string{clips[0].ClipID, clips[1].ClipID}
				require.Equal(t, want[change.GenerationID], got, "stream")
			}
			var ties int
			require.NoError(t, b.pool.QueryRow(t.Context(), `SELECT count(*) FROM (SELECT FROM music_clips GROUP BY generation_id, created_at HAVING count(*) > 1) AS t`).Scan(&ties))
			require.Zero(t, ties, "created_at orders them for all who read the table")
		})
	}
}
