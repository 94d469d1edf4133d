package simulator

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/task"
)

// acedataAnswer is what a client of api.acedata.cloud reads; it shares no code
// with the encoder.
type acedataAnswer struct {
	TaskID string             `json:"task_id"`
	Items  []acedataSeen      `json:"items"`
	Count  int                `json:"count"`
	Error  *map[string]string `json:"error"`
	acedataSeen
}

type acedataSeen struct {
	ID       string          `json:"id"`
	State    string          `json:"state"`
	Request  json.RawMessage `json:"request"`
	Response json.RawMessage `json:"response"`
}

type acedataResult struct {
	Success bool
	TaskID  string `json:"task_id"`
	Data    json.RawMessage
	Error   map[string]string
}

// ace sends a request and returns the HTTP status and the answer.
func (b *bundle) ace(t *testing.T, path, body string) (int, string, acedataAnswer) {
	t.Helper()
	res, text := b.do(t, http.MethodPost, path, body, "X-Api-Key", "unused")
	require.Equal(t, "application/json", res.Header.Get("Content-Type"))
	var a acedataAnswer
	require.NoError(t, json.Unmarshal([]byte(text), &a), text)
	return res.StatusCode, text, a
}

func (b *bundle) aceTask(t *testing.T, id string) (string, acedataSeen) {
	t.Helper()
	status, text, a := b.ace(t, "/suno/tasks", fmt.Sprintf(`{"action":"retrieve","id":%q}`, id))
	require.Equal(t, http.StatusOK, status, text)
	return text, a.acedataSeen
}

func (s acedataSeen) result(t *testing.T) acedataResult {
	t.Helper()
	var r acedataResult
	require.NoError(t, json.Unmarshal(s.Response, &r), "there is no response")
	return r
}

// clips returns the clips in a response, and the state of each.
func (r acedataResult) clips(t *testing.T) (states []string, clips []map[string]any) {
	t.Helper()
	require.NoError(t, json.Unmarshal(r.Data, &clips))
	for _, c := range clips {
		state, _ := c["state"].(string)
		states = append(states, state)
	}
	return states, clips
}

// submitAce submits a task with the request of the samples.
func (b *bundle) submitAce(t *testing.T, taskType task.Type, fate Fate) string {
	t.Helper()
	path, body := "/suno/audios", `{"action":"generate","prompt":"placeholder","simulate":%q}`
	switch taskType {
	case task.Extend:
		body = `{"action":"extend","audio_id":"22222222-2222-4222-8222-222222222201","continue_at":30,"simulate":%q}`
	case task.Replace:
		body = `{"action":"replace_section","audio_id":"22222222-2222-4222-8222-222222222201","simulate":%q}`
	case task.Merge:
		body = `{"action":"concat","audio_id":"22222222-2222-4222-8222-222222222201","simulate":%q}`
	case task.Lyrics:
		path, body = "/suno/lyrics", `{"prompt":"placeholder","simulate":%q}`
	}
	status, text, a := b.ace(t, path, fmt.Sprintf(body, fate))
	require.Equal(t, http.StatusOK, status, text)
	require.Equal(t, shape(t, sample(t, "acedata-generate-async_ack")), shape(t, text))
	r, ok := b.Task(a.TaskID)
	require.True(t, ok)
	require.Equal(t, taskType, r.Type)
	return a.TaskID
}

func TestAcedataShapesAreThoseOfTheSamples(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		taskType task.Type
		fate     Fate
		age      time.Duration
		part     bool // the sample is the response alone
	}{
		"acedata-tasks-pending":         {taskType: task.Generate, fate: Success},
		"acedata-tasks-complete":        {taskType: task.Generate, fate: Ready},
		"acedata-callback-complete":     {taskType: task.Extend, fate: Success, age: 170 * time.Second, part: true},
		"acedata-merge-complete":        {taskType: task.Merge, fate: Ready, part: true},
		"acedata-replace-complete":      {taskType: task.Replace, fate: Ready, part: true},
		"acedata-lyrics-complete_array": {taskType: task.Lyrics, fate: Ready, part: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, Config{Provider: "acedata"})
			id := b.submitAce(t, tt.taskType, tt.fate)
			b.clock.set(epoch.Add(tt.age))
			text, seen := b.aceTask(t, id)
			want, _ := shape(t, sample(t, name)).(map[string]any)
			if request, ok := want["request"].(map[string]any); ok {
				request["simulate"] = "string" // the test's own
			}
			if tt.part {
				text = string(seen.Response)
				for _, timing := range []string{"started_at", "finished_at", "elapsed"} { // the record has them
					delete(want, timing)
				}
			}
			got, _ := shape(t, text).(map[string]any)
			if tt.taskType == task.Lyrics { // tags are there, but empty
				requireSameKeys(t, want["data"], got["data"])
				return
			}
			require.Equal(t, want, got)
		})
	}
}

func requireSameKeys(t *testing.T, want, got any) {
	t.Helper()
	wanted, _ := want.([]any)
	items, _ := got.([]any)
	require.Len(t, items, len(wanted))
	for i := range wanted {
		for key := range wanted[i].(map[string]any) {
			require.Contains(t, items[i], key)
		}
	}
}

func TestAcedataErrorsAreThoseOfTheSamples(t *testing.T) {
	t.Parallel()
	b := setup(t, Config{Provider: "acedata", APIKey: "right", RateLimit: 1})
	status, text, _ := b.ace(t, "/suno/tasks", `{"action":"retrieve","id":"x"}`)
	require.Equal(t, http.StatusUnauthorized, status)
	require.Equal(t, shape(t, sample(t, "acedata-any-error_api")), shape(t, text))
	require.Contains(t, text, `"invalid_token"`)

	b = setup(t, Config{Provider: "acedata", RateLimit: 1})
	_, _ = b.do(t, http.MethodPost, "/suno/tasks", `{}`)
	status, text, _ = b.ace(t, "/suno/tasks", `{}`)
	require.Equal(t, http.StatusTooManyRequests, status)
	require.JSONEq(t, strings.Replace(sample(t, "acedata-any-error_429"), "406", "404", 1), text)
	require.EqualValues(t, 1, b.Requests().Code(429))

	for fault, want := range map[Fault]string{
		Maintenance: "500 api_error", TooFrequent: "429 too_many_requests", OverLimit: "429 too_many_requests",
		NoCredits: "403 forbidden", BadKey: "401 invalid_token",
	} {
		b := setup(t, Config{Provider: "acedata"})
		id := b.Submit(task.Generate, Ready, fault)
		status, text, a := b.ace(t, "/suno/tasks", fmt.Sprintf(`{"action":"retrieve_batch","ids":[%q]}`, id))
		require.NotNil(t, a.Error, text)
		require.Equal(t, want, fmt.Sprint(status, " ", (*a.Error)["code"]), fault)
	}
}

// TestAcedataSaysSuccessTooEarly walks a task: success and an audio URL are there
// long before the clips are done.
func TestAcedataSaysSuccessTooEarly(t *testing.T) {
	t.Parallel()
	b := setup(t, Config{Provider: "acedata"})
	for number, wantState := range []string{"", "pending"} { // every second task has a state
		id := b.submitAce(t, task.Generate, Success)
		begin := b.clock.Now()
		text, seen := b.aceTask(t, id)
		require.Equal(t, id, seen.ID)
		require.Equal(t, wantState, seen.State)
		require.NotContains(t, text, `"response"`)

		var told []string
		subject, _ := b.subject(id)
		for _, p := range subject.life.phases[1:] {
			b.clock.set(begin.Add(p.from))
			text, seen = b.aceTask(t, id)
			r := seen.result(t)
			require.True(t, r.Success, text)
			require.Equal(t, id, r.TaskID)
			states, clips := r.clips(t)
			told = append(told, strings.Join(append(states, seen.State), " "))
			for i, c := range clips {
				require.Equal(t, states[i] != "pending", c["audio_url"] != "", text)
				require.Equal(t, states[i] == "succeeded", c["video_url"] != "", text)
			}
			require.Equal(t, strings.Contains(told[len(told)-1], "running"), strings.Contains(text, "audiopipe.suno.ai"))
		}
		want := []string{"pending pending", "running running", "succeeded running", "succeeded succeeded"}
		for i, state := range []string{"pending", "pending", "processing", "complete"} {
			if number == 0 {
				state = ""
			}
			require.Equal(t, want[i]+" "+state, told[i])
		}
	}
}

func TestAcedataBatch(t *testing.T) {
	t.Parallel()
	b := setup(t, Config{Provider: "acedata"})
	song, lyrics := b.Submit(task.Generate, Ready), b.Submit(task.Lyrics, Stuck)
	lost := b.Submit(task.Merge, Forgotten)
	status, text, a := b.ace(t, "/suno/tasks", fmt.Sprintf(`{"action":"retrieve_batch","ids":[%q,"nobody",%q,%q,%q]}`, lyrics, lost, song, song))
	require.Equal(t, http.StatusOK, status, text)
	require.Equal(t, 2, a.Count)
	require.Len(t, a.Items, 2)
	require.Equal(t, lyrics, a.Items[0].ID)
	require.Equal(t, song, a.Items[1].ID)
	for _, id := range []string{song, lyrics, lost} {
		r, _ := b.Task(id)
		require.Equal(t, 1, r.Asked, r.Fate)
	}
	_, text, _ = b.ace(t, "/suno/tasks", `{"action":"retrieve_batch","ids":["nobody"]}`)
	require.JSONEq(t, `{"items":[],"count":0}`, text)
	_, text, _ = b.ace(t, "/suno/tasks", fmt.Sprintf(`{"action":"retrieve","id":%q}`, lost))
	require.JSONEq(t, `{}`, text)
}

func TestAcedataLyricsHaveTwoShapes(t *testing.T) {
	t.Parallel()
	b := setup(t, Config{Provider: "acedata", Speed: math.Inf(1)})
	for fate, want := range map[Fate]string{Success: "[", OneClip: "{", FailedItem: "["} {
		_, seen := b.aceTask(t, b.submitAce(t, task.Lyrics, fate))
		r := seen.result(t)
		require.True(t, r.Success)
		require.Equal(t, want, string(r.Data[:1]), fate)
		require.Equal(t, fate == FailedItem, strings.Contains(string(r.Data), `"status":"error"`))
	}
}

func TestAcedataFailures(t *testing.T) {
	t.Parallel()
	b := setup(t, Config{Provider: "acedata", Speed: math.Inf(1)})
	for fate, code := range map[Fate][]string{
		RefusedArtist: {"bad_request", "forbidden"}, RefusedAudio: {"bad_request"}, RefusedSilently: {"forbidden"},
		Invalid: {"bad_request"}, InternalError: {"api_error"}, Refunded: {"api_error"}, CreateFailed: {"api_error"},
	} {
		for range 4 {
			id := b.submitAce(t, task.Generate, fate)
			_, seen := b.aceTask(t, id)
			r := seen.result(t)
			require.False(t, r.Success)
			require.Contains(t, code, r.Error["code"], fate)
			known, _ := b.Task(id)
			require.Equal(t, known.Expected.ErrorMessage, r.Error["message"])
			require.Contains(t, []string{"", "failed"}, seen.State)
		}
	}
}

func TestAcedataBadRequests(t *testing.T) {
	t.Parallel()
	b := setup(t, Config{Provider: "acedata"})
	for _, tt := range []struct{ path, body, message string }{
		{"/suno/audios", ``, "JSON object"},
		{"/suno/audios", `{"action":"stems","audio_id":"x"}`, `action "stems" is not simulated`},
		{"/suno/audios", `{"action":"generate"}`, "prompt is required"},
		{"/suno/audios", `{"action":"generate","custom":true}`, "lyric is required"},
		{"/suno/audios", `{"action":"extend","continue_at":3}`, "audio_id is required"},
		{"/suno/audios", `{"action":"extend","audio_id":"x"}`, "continue_at must be a number greater than 0"},
		{"/suno/audios", `{"action":"concat"}`, "audio_id is required"},
		{"/suno/audios", `{"prompt":"` + strings.Repeat("x", maxBody) + `"}`, "Prompt too long."},
		{"/suno/audios", `{"prompt":"x","simulate":"nonsense"}`, "unknown fate"},
		{"/suno/lyrics", `{}`, "prompt is required"},
		{"/suno/tasks", `[]`, "JSON object"},
		{"/suno/tasks", `{"action":"retrieve"}`, "action must be"},
		{"/suno/tasks", `{"action":"retrieve_batch","ids":[]}`, "action must be"},
	} {
		status, text, a := b.ace(t, tt.path, tt.body)
		require.Equal(t, http.StatusBadRequest, status, text)
		require.NotNil(t, a.Error)
		require.Equal(t, "bad_request", (*a.Error)["code"])
		require.Contains(t, (*a.Error)["message"], tt.message)
	}
	require.Empty(t, b.Tasks())
}
