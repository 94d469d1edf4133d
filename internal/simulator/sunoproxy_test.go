package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/task"
)

// proxied is what a client of a /suno/fetch proxy reads; it shares no code with
// the encoder.
type proxied struct {
	status int
	text   string
	Code   any             `json:"code"`
	Data   json.RawMessage `json:"data"`
}

func (b *bundle) proxy(t *testing.T, method, path, body string) proxied {
	t.Helper()
	res, text := b.do(t, method, path, body)
	p := proxied{status: res.StatusCode, text: text}
	require.NoError(t, json.Unmarshal([]byte(text), &p), text)
	return p
}

func TestSunoproxyShapesAreThoseOfTheSamples(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		sample, dialect string
		batch           bool
		age             int // seconds; the phase is the same for every draw
	}{
		{"sunoproxy-music-not_start", "", true, 0},
		{"sunoproxy-music-in_progress", "", false, 100},
		{"sunoproxy-music-in_progress", "single", false, 100},
		{"sunoproxy-music-success", "", false, 170},
		{"sunoproxy-single-data_only_quirk", "data-only", false, 170},
	} {
		b := setup(t, Config{Provider: "sunoproxy", Dialect: tt.dialect})
		id := b.Submit(task.Generate, Success)
		b.clock.set(epoch.Add(time.Duration(tt.age) * time.Second))
		method, path, body := http.MethodGet, "/suno/fetch/"+id, ""
		if tt.batch {
			method, path, body = http.MethodPost, "/suno/fetch", fmt.Sprintf(`{"ids":[%q],"action":"MUSIC"}`, id)
		}
		got := b.proxy(t, method, path, body)
		require.Equal(t, http.StatusOK, got.status)
		require.Equal(t, shape(t, sample(t, tt.sample)), shape(t, got.text), tt.sample)
	}
	b := setup(t, Config{Provider: "sunoproxy"})
	for _, id := range []string{"nobody", b.Submit(task.Generate, Forgotten)} {
		got := b.proxy(t, http.MethodGet, "/suno/fetch/"+id, "")
		require.Equal(t, http.StatusBadRequest, got.status)
		require.Equal(t, sample(t, "sunoproxy-any-task_not_exist"), got.text)
	}
}

func TestSunoproxyDialects(t *testing.T) {
	t.Parallel()
	batch := func(b *bundle, id string) (*http.Response, string) {
		return b.do(t, http.MethodPost, "/suno/fetch", fmt.Sprintf(`{"ids":[%q],"action":"MUSIC"}`, id))
	}
	b := setup(t, Config{Provider: "sunoproxy", Dialect: "integer"})
	id := b.Submit(task.Generate, Ready)
	_, text := batch(b, id)
	require.Contains(t, text, `{"code":1,`)
	require.Contains(t, text, `"status":"complete"`)

	for dialect, want := range map[string]int{"single": 405, "data-only": 404} {
		b := setup(t, Config{Provider: "sunoproxy", Dialect: dialect})
		res, _ := batch(b, b.Submit(task.Generate, Ready))
		require.Equal(t, want, res.StatusCode)
	}

	b = setup(t, Config{Provider: "sunoproxy", Dialect: "data-only"})
	b.clock.set(epoch.Add(time.Hour))
	for _, fate := range []Fate{RefusedArtist, InternalError} {
		id := b.Submit(task.Generate, fate)
		b.clock.set(b.clock.Now().Add(time.Hour))
		r, _ := b.Task(id)
		got := b.proxy(t, http.MethodGet, "/suno/fetch/"+id, "")
		require.Contains(t, got.text, `"status":"error"`)
		require.Contains(t, got.text, r.Expected.ErrorMessage)
		require.NotContains(t, got.text, "task_id")
	}
}

func TestSunoproxySubmits(t *testing.T) {
	t.Parallel()
	b := setup(t, Config{Provider: "sunoproxy"})
	for _, tt := range []struct {
		path, body string
		want       task.Type // empty: refused
	}{
		{"music", `{"prompt":"x","mv":"chirp-v4"}`, task.Generate},
		{"music", `{"gpt_description_prompt":"x","simulate":"stuck"}`, task.Generate},
		{"music", `{"prompt":"x","continue_clip_id":"c","task_id":"t","continue_at":60}`, task.Extend},
		{"music", `{"prompt":"x","continue_clip_id":"c","infill_start_s":10,"infill_end_s":20}`, task.Replace},
		{"concat", `{"clip_id":"c","is_infill":false}`, task.Merge},
		{"lyrics", `{"prompt":"x"}`, task.Lyrics},
		{"music", `{}`, ""},
		{"music", `{"prompt":"x","continue_clip_id":"c"}`, ""},
		{"concat", `{}`, ""},
		{"lyrics", `[]`, ""},
		{"lyrics", `{"prompt":"x","simulate":"nonsense"}`, ""},
	} {
		got := b.proxy(t, http.MethodPost, "/suno/submit/"+tt.path, tt.body)
		if tt.want == "" {
			require.Equal(t, http.StatusBadRequest, got.status, tt.body)
			require.Equal(t, "invalid_request", got.Code)
			continue
		}
		require.Equal(t, "success", got.Code)
		var id string
		require.NoError(t, json.Unmarshal(got.Data, &id))
		r, ok := b.Task(id)
		require.True(t, ok)
		require.Equal(t, tt.want, r.Type)
		require.Equal(t, http.StatusOK, b.proxy(t, http.MethodGet, "/suno/fetch/"+id, "").status)
	}
}

func TestSunoproxyRefusals(t *testing.T) {
	t.Parallel()
	for fault, want := range map[Fault]int{BadKey: 401, NoCredits: 403, TooFrequent: 429, OverLimit: 429, Maintenance: 503} {
		b := setup(t, Config{Provider: "sunoproxy"})
		got := b.proxy(t, http.MethodGet, "/suno/fetch/"+b.Submit(task.Generate, Ready, fault), "")
		require.Equal(t, want, got.status)
		require.JSONEq(t, "null", string(got.Data))
		require.EqualValues(t, 1, b.Requests().Code(want))
	}
	b := setup(t, Config{Provider: "sunoproxy"})
	require.Equal(t, http.StatusBadRequest, b.proxy(t, http.MethodPost, "/suno/fetch", `{"ids":7}`).status)
	require.JSONEq(t, "[]", string(b.proxy(t, http.MethodPost, "/suno/fetch", `{"ids":[]}`).Data))
}
