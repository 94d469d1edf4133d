package record

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/internal/simulator"
	"tasksync/queries"
	"tasksync/task"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// Of an answer the words of the protocol stay, and no text of a user or a provider.
func TestRedact(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{"code":200,"msg":"success","data":{"taskId":"t1","status":"SUCCESS","prompt":"a song","lyric":"la la","tags":"pop"}}`: `{"code":200,"msg":"success","data":{"taskId":"t1","status":"SUCCESS","prompt":"(6 characters)","lyric":"(5 characters)","tags":"(3 characters)"}}`,
		`{"audio_url":"https://cdn.example/a/b.mp3?sig=secret"}`:                                                                `{"audio_url":"https://cdn.example/…"}`,
		`{"id":"abc","clip_ids":["x","y"],"created_at":"2026-01-01","duration":1.5}`:                                            `{"id":"abc","clip_ids":["x","y"],"created_at":"2026-01-01","duration":1.5}`,
		`{"chat":"hello","format":"private","what_is_at":"secret","metadata":{"gpt":"song"}}`:                                   `{"chat":"(5 characters)","format":"(7 characters)","what_is_at":"(6 characters)","metadata":{"gpt":"(4 characters)"}}`,
		`{"message":"see Bearer abcdefghijklmnop"}`:                                                                             string(must(json.Marshal(map[string]string{"message": task.Redact("see Bearer abcdefghijklmnop")}))),
		`null`: `null`, `not json`: `"8 bytes that are no JSON"`,
	} {
		require.JSONEq(t, want, string(Redact([]byte(in), "t1", true)), in)
	}
	require.JSONEq(t, `{"a":1}`, string(Unpack(pack([]byte(`{"a":1}`)))))
	require.Nil(t, Unpack([]byte("no gzip")))
	require.Less(t, len(Redact([]byte(`[`+strings.Repeat(`"0123456789",`, 50_000)+`1]`), "", true)), 100)
}

func must(b []byte, _ error) []byte { return b }

// Of an answer about many tasks each row keeps the part about its own.
func TestPartOfAnAnswerAboutMany(t *testing.T) {
	t.Parallel()
	list := []byte(`{"code":"success","data":[{"task_id":"a","status":"NEW"},{"task_id":"b","status":"DONE","data":[{"id":"b"}]}]}`)
	require.JSONEq(t, `{"task_id":"b","status":"DONE","data":[{"id":"b"}]}`, string(Redact(list, "b", false)))
	require.Nil(t, Redact(list, "c", false))
	require.JSONEq(t, `{"status":"OK"}`, string(Redact([]byte(`{"items":{"a":{"status":"OK"}}}`), "a", false)))
}

// No format of a provider lets a prompt, a lyric or a title through.
func TestNoPlantedTextIsKept(t *testing.T) {
	t.Parallel()
	for _, p := range []struct{ provider, path string }{
		{"sunoapi", "/api/v1/generate/record-info?taskId=%s"}, {"kie", "/api/v1/jobs/recordInfo?taskId=%s"}, {"sunoproxy", "/suno/fetch/%s"},
	} {
		t.Run(p.provider, func(t *testing.T) {
			t.Parallel()
			began, ahead := time.Now(), time.Duration(0)
			sim := simulator.New(simulator.Config{Provider: p.provider, Seed: 3, Now: func() time.Time { return began.Add(ahead) }})
			t.Cleanup(sim.Close)
			for _, fate := range []simulator.Fate{simulator.Success, simulator.RefusedCopyright} {
				id := sim.Submit(task.Generate, fate)
				ahead += time.Hour
				r := httptest.NewRequest(http.MethodGet, fmt.Sprintf(p.path, id), nil)
				r.Header.Set("Authorization", "Bearer key")
				w := httptest.NewRecorder()
				sim.ServeHTTP(w, r)
				body, err := io.ReadAll(w.Body)
				require.NoError(t, err)
				require.Contains(t, string(body), id, "the answer is about the task")
				kept := string(Redact(body, id, true))
				require.Contains(t, kept, id)
				for _, secret := range simulator.Planted() {
					require.NotContains(t, kept, secret)
				}
			}
		})
	}
}

func looks(id string, n int) []Made {
	made := make([]Made, n)
	for i := range made {
		at := time.Date(2026, 1, 1, 0, 0, i, 0, time.UTC)
		made[i] = Made{
			GenerationID: id, TaskID: "t", Alone: true, Look: Look{At: at, Why: "due", Said: fmt.Sprint(i), Message: strings.Repeat("é", 1000)},
			Answer: &task.Answer{Code: 200, Body: fmt.Appendf(nil, `{"status":"%d"}`, i)},
		}
	}
	return made
}

// What is kept is bounded: of a row the last 40 looks, of a second so many, and all of it
// for a time. Passes that are not wanted prepare nothing.
func TestWriterIsBounded(t *testing.T) {
	t.Parallel()
	pool, ctx := postgrestest.Pool(t), t.Context()
	w := New(Config{DB: pool, Keep: time.Hour})
	const id = "7d3f0c62-8f0e-4f43-9a6e-0a4c2f3f1c11"
	w.Heard([]string{id}, "notify", time.Now())
	w.Heard([]string{id}, "sweep", time.Now())
	for range 3 {
		w.Looked(looks(id, 30))
		w.write(ctx)
	}
	rows, err := queries.New().LooksGet(ctx, pool, id)
	require.NoError(t, err)
	require.Len(t, rows, 1)
	var kept []Look
	require.NoError(t, json.Unmarshal(rows[0].Looks, &kept))
	require.Len(t, kept, 40)
	require.Equal(t, "29", kept[39].Said)
	require.Less(t, len(kept[0].Message), 2*maxMessage)
	require.Equal(t, "notify", rows[0].HeardBy)
	require.JSONEq(t, `{"status":"29"}`, string(Unpack(rows[0].Answer)))

	require.True(t, w.Wants())
	w.Looked(looks(id, perSecond+10))
	require.False(t, w.Wants())
	w.write(ctx)
	require.True(t, w.Wants())

	w.forget(ctx)
	require.NoError(t, pool.QueryRow(ctx, `UPDATE tasksync.generation_looks SET updated_at = now() - interval '2 hours' RETURNING 1`).Scan(new(int)))
	w.forget(ctx)
	rows, err = queries.New().LooksGet(ctx, pool, id)
	require.NoError(t, err)
	require.Empty(t, rows)
}

// Without a table, or a database, looks are lost and nothing else is.
func TestWriterWithoutItsTable(t *testing.T) {
	t.Parallel()
	pool := postgrestest.Pool(t)
	_, err := pool.Exec(t.Context(), `DROP TABLE tasksync.generation_looks`)
	require.NoError(t, err)
	w := New(Config{DB: pool, Keep: time.Hour})
	w.Looked(looks("7d3f0c62-8f0e-4f43-9a6e-0a4c2f3f1c11", 1))
	w.write(t.Context())
	require.Empty(t, w.made)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, w.Run(ctx))
	var none *Writer
	require.False(t, none.Wants())
	none.Looked(nil)
	none.Heard(nil, "", time.Time{})
}

// Names that only end like those of times, and names that are texts, hold no text of a user.
func TestTextsUnderOddNamesAreNotKept(t *testing.T) {
	t.Parallel()
	body := `{"update":"words of a song","lifetime":"words of a song","createTime":"words of a song","words of a song":{"status":"ok"},
		"create_time":"2026-11-29 20:00:00","endDate":"2026-11-29T20:00:00.123Z","finishedAt":1764446400}`
	require.JSONEq(t, `{"update":"(15 characters)","lifetime":"(15 characters)","createTime":"(15 characters)","(15 characters)":{"status":"ok"},
		"create_time":"2026-11-29 20:00:00","endDate":"2026-11-29T20:00:00.123Z","finishedAt":1764446400}`, string(Redact([]byte(body), "", true)))
}
