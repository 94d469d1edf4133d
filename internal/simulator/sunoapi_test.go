package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/task"
)

// sample is a sample body, compact.
func sample(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name + ".json")
	require.NoError(t, err)
	var r json.RawMessage
	require.NoError(t, json.Unmarshal(data, &r))
	compact, err := json.Marshal(r)
	require.NoError(t, err)
	return string(compact)
}

// shape replaces every value by its JSON type.
func shape(t *testing.T, text string) any {
	t.Helper()
	var v any
	require.NoError(t, json.Unmarshal([]byte(text), &v))
	return shapeOf(v)
}

func shapeOf(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = shapeOf(v[k])
		}
		return v
	case []any:
		for i := range v {
			v[i] = shapeOf(v[i])
		}
		return v
	default:
		return fmt.Sprintf("%T", v)
	}
}

func TestShapesAreThoseOfTheSamples(t *testing.T) {
	t.Parallel()
	tests := []struct {
		sample   string
		taskType task.Type
		fate     Fate
		age      int // seconds; the phase is the same for every draw
	}{
		{"sunoapi-generate-pending", task.Generate, Success, 0},
		{"sunoapi-generate-text_success", task.Generate, Partial, 20},
		{"sunoapi-generate-first_success", task.Generate, Success, 100},
		{"sunoapi-generate-complete", task.Generate, Success, 170},
		{"sunoapi-generate-complete_empty_items", task.Generate, LateItems, -1},
		{"sunoapi-generate-callback_exception", task.Generate, CallbackException, 170},
		{"sunoapi-generate-create_task_failed", task.Generate, CreateFailed, 10},
		{"sunoapi-generate-failed_internal", task.Generate, InternalError, 80},
		{"sunoapi-generate-moderated_artist", task.Generate, RefusedArtist, 10},
		{"sunoapi-generate-moderated_no_message", task.Generate, RefusedSilently, 10},
		{"sunoapi-extend-complete", task.Extend, Ready, 0},
		{"sunoapi-lyrics-pending", task.Lyrics, Success, 0},
		{"sunoapi-lyrics-complete", task.Lyrics, Success, 10},
		{"sunoapi-lyrics-failed_moderated", task.Lyrics, RefusedModeration, 10},
	}
	for _, tt := range tests {
		t.Run(tt.sample, func(t *testing.T) {
			t.Parallel()
			b := setup(t, Config{})
			id := b.Submit(tt.taskType, tt.fate)
			at := epoch.Add(time.Duration(tt.age) * time.Second)
			if tt.age < 0 {
				r, _ := b.Task(id)
				at = r.FinalAt.Add(-1)
			}
			b.clock.set(at)
			want, got := sample(t, tt.sample), b.status(t, tt.taskType, id)
			require.Equal(t, shape(t, want), shape(t, got.text))
			var wanted answer
			require.NoError(t, json.Unmarshal([]byte(want), &wanted))
			if tt.fate != RefusedArtist && tt.fate != RefusedModeration { // drawn
				require.Equal(t, wanted.Data.Status, got.Data.Status)
			}
			require.True(t, json.Valid([]byte(got.Data.Param)))
		})
	}
}

func TestSubmitAnswersAsTheSample(t *testing.T) {
	t.Parallel()
	b := setup(t, Config{})
	bodies := map[string]string{
		"/api/v1/generate":                 `{"prompt":"a calm piano","customMode":false,"model":"V4"}`,
		"/api/v1/generate/extend":          `{"audioId":"22222222-2222-4222-8222-222222222201","defaultParamFlag":true,"continueAt":60}`,
		"/api/v1/generate/replace-section": `{"taskId":"x","audioId":"y","infillStartS":10,"infillEndS":20}`,
		"/api/v1/generate/mashup":          `{"uploadUrlList":["https://a.example/1.mp3","https://a.example/2.mp3"]}`,
		"/api/v1/lyrics":                   `{"prompt":"a calm piano","simulate":"stuck","simulateFaults":"http_500, none"}`,
	}
	for path, body := range bodies {
		got := b.call(t, http.MethodPost, path, body)
		require.Equal(t, shape(t, sample(t, "sunoapi-generate-submit_accepted")), shape(t, got.text))
		r, ok := b.Task(got.Data.TaskID)
		require.True(t, ok)
		if r.Type == task.Lyrics {
			require.Equal(t, Stuck, r.Fate)
			res, _ := b.do(t, http.MethodGet, statusPath(r.Type, r.TaskID), "")
			require.Equal(t, http.StatusInternalServerError, res.StatusCode)
		}
		told := b.status(t, r.Type, r.TaskID)
		if told.Code == http.StatusOK {
			require.JSONEq(t, body, told.Data.Param)
			require.Equal(t, r.Type == task.Extend, told.Data.Parent == "22222222-2222-4222-8222-222222222201")
		}
	}
	require.Len(t, b.Tasks(), len(taskTypes))
}

func TestBadSubmits(t *testing.T) {
	t.Parallel()
	b := setup(t, Config{})
	tests := []struct {
		path, body string
		code       int
		msg        string
	}{
		{"/api/v1/generate", ``, 400, "JSON object"},
		{"/api/v1/generate", `[]`, 400, "JSON object"},
		{"/api/v1/generate", `{"prompt":7}`, 400, "JSON object"},
		{"/api/v1/generate", `{"prompt":"x"`, 400, "JSON object"},
		{"/api/v1/generate", `{}`, 400, "prompt is required"},
		{"/api/v1/generate", `{"prompt":"x","simulate":"nonsense"}`, 400, `unknown fate "nonsense"`},
		{"/api/v1/generate", `{"prompt":"x","simulateFaults":"cut,nonsense"}`, 400, `unknown fault "nonsense"`},
		{"/api/v1/generate", `{"prompt":"` + strings.Repeat("x", 5001) + `"}`, 413, "Prompt too long."},
		{"/api/v1/generate", `{"prompt":"x","title":"` + strings.Repeat("x", 101) + `"}`, 413, "Title too long."},
		{"/api/v1/generate", `{"prompt":"x","other":"` + strings.Repeat("x", maxBody) + `"}`, 413, "Prompt too long."},
		{"/api/v1/generate/extend", `{"prompt":"x"}`, 400, "audioId is required"},
		{"/api/v1/generate/extend", `{"audioId":"x","defaultParamFlag":true}`, 400, "continueAt must be a number greater than 0"},
		{"/api/v1/generate/replace-section", `{"audioId":"x"}`, 400, "taskId is required"},
		{"/api/v1/generate/replace-section", `{"audioId":"x","taskId":"y","infillEndS":5}`, 400, "must be between 6 and 60"},
		{"/api/v1/generate/mashup", `{"uploadUrlList":["x"]}`, 400, "exactly 2"},
		{"/api/v1/lyrics", `{}`, 400, "prompt is required"},
		{"/api/v1/nonsense", `{}`, 404, "Not found"},
	}
	for _, tt := range tests {
		got := b.call(t, http.MethodPost, tt.path, tt.body)
		require.Equal(t, tt.code, got.Code, tt.body)
		require.Contains(t, got.Msg, tt.msg)
		require.Nil(t, got.Data)
	}
	require.Empty(t, b.Tasks())
	require.EqualValues(t, len(tests), b.Requests().Total)
}

func TestUnknownTasks(t *testing.T) {
	t.Parallel()
	b := setup(t, Config{})
	music, lyrics := b.Submit(task.Merge, Success), b.Submit(task.Lyrics, Success)
	lost := b.Submit(task.Generate, Forgotten)
	for _, path := range []string{
		statusPath(task.Generate, "nobody"), statusPath(task.Generate, lost),
		statusPath(task.Lyrics, music), statusPath(task.Generate, lyrics),
	} {
		got := b.call(t, http.MethodGet, path, "")
		require.JSONEq(t, `{"code":404,"msg":"task not found","data":null}`, got.text)
	}
	require.Equal(t, 400, b.call(t, http.MethodGet, statusPath(task.Generate, ""), "").Code)
	r, _ := b.Task(lost)
	require.Equal(t, 1, r.Asked)
}

func TestKey(t *testing.T) {
	t.Parallel()
	b := setup(t, Config{APIKey: "right"})
	id := b.Submit(task.Generate, Ready)
	for _, header := range [][]string{nil, {"Authorization", "Bearer wrong"}, {"X-Api-Key", "right"}} {
		got := b.status(t, task.Generate, id, header...)
		require.Equal(t, 401, got.Code)
		require.Nil(t, got.Data)
	}
	require.Equal(t, 200, b.status(t, task.Generate, id, "Authorization", "Bearer right").Code)
	r, _ := b.Task(id)
	require.Equal(t, 1, r.Asked)
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	b := setup(t, Config{RateLimit: 3, RateWindow: 10 * time.Second})
	id := b.Submit(task.Generate, Ready)
	ask := func(key string) int { return b.status(t, task.Generate, id, "Authorization", "Bearer "+key).Code }
	for range 3 {
		require.Equal(t, 200, ask("a"))
	}
	require.Equal(t, 430, ask("a"))
	require.Equal(t, 200, ask("b"), "each key has its own")
	b.clock.set(epoch.Add(10*time.Second - 1))
	require.Equal(t, 430, ask("a"))
	b.clock.set(epoch.Add(10 * time.Second))
	require.Equal(t, 200, ask("a"))
	require.EqualValues(t, 2, b.Requests().Code(430))
}
