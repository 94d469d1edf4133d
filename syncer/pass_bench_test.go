package syncer

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/task"
	"tasksync/upstream"
	"tasksync/upstream/sunoproxy"
)

// BenchmarkPass measures what a pass costs for each row that it completes: 100 rows
// of two clips, a batch provider over HTTP, the commit in a real Postgres. The
// allocations are those of the pass and of net/http's server.
func BenchmarkPass(b *testing.B) {
	const rows = 100
	pool := postgrestest.Pool(b)
	body, taskIDs := batchAnswer(b, rows)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }))
	b.Cleanup(server.Close)
	adapter, err := sunoproxy.Provider().New(upstream.Config{BaseURL: server.URL, APIKey: "key", Requests: -1, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(b, err)
	s := New(Config{Pool: pool, Policy: task.DefaultPolicy(), Upstreams: map[string]Upstream{"": adapter}})
	var before, after runtime.MemStats
	allocs := uint64(0)
	for b.Loop() {
		b.StopTimer()
		ids := insertRows(b, s, taskIDs)
		runtime.ReadMemStats(&before)
		b.StartTimer()
		results, err := s.Sync(context.Background(), Request{IDs: ids})
		b.StopTimer()
		runtime.ReadMemStats(&after)
		allocs += after.Mallocs - before.Mallocs
		require.NoError(b, err)
		for _, r := range results {
			require.Equal(b, task.Complete, r.NewStatus)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*rows), "µs/row")
	b.ReportMetric(float64(allocs)/float64(uint64(b.N)*rows), "allocs/row")
	b.ReportMetric(0, "ns/op")
}

func insertRows(b *testing.B, s *Syncer, taskIDs []string) []string {
	b.Helper()
	var ids []string
	rows, err := s.cfg.Pool.Query(context.Background(), `
		INSERT INTO music_generations (user_id, task_id, task_type)
		SELECT gen_random_uuid(), unnest($1::text[]), 'generate' RETURNING id::text`, taskIDs)
	require.NoError(b, err)
	for rows.Next() {
		var id string
		require.NoError(b, rows.Scan(&id))
		ids = append(ids, id)
	}
	require.NoError(b, rows.Err())
	return ids
}

// batchAnswer is the provider's answer about so many finished tasks.
func batchAnswer(b *testing.B, tasks int) (body []byte, ids []string) {
	b.Helper()
	type object map[string]any
	var data []object
	for i := range tasks {
		id := fmt.Sprintf("%08d-2222-4111-8111-111111111111", i)
		var clips []object
		for n := range 2 {
			clip := fmt.Sprintf("%08d-3333-4111-8111-%012d", i, n)
			clips = append(clips, object{
				"id": clip, "clip_id": clip, "title": "A song about rivers", "status": "complete", "model_name": "chirp-v4", "audio_url": "https://cdn.example/" + clip + ".mp3",
				"image_url": "https://cdn.example/" + clip + ".jpeg", "video_url": "https://cdn.example/" + clip + ".mp4", "created_at": time.Now(), "play_count": 0,
				"metadata": object{"tags": "pop, slow", "prompt": fmt.Sprintf("[Verse]\n%0600d", i), "duration": 154.6, "error_message": nil, "stream": true},
			})
		}
		data = append(data, object{"task_id": id, "action": "MUSIC", "status": "SUCCESS", "fail_reason": "", "submit_time": 1, "progress": "100%", "data": clips})
		ids = append(ids, id)
	}
	body, err := json.Marshal(object{"code": "success", "message": "", "data": data})
	require.NoError(b, err)
	return body, ids
}
