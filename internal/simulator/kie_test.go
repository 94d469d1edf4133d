package simulator

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/task"
)

func TestKiesOldModelHasTheRecordsOfSunoapi(t *testing.T) {
	t.Parallel()
	a, b := setup(t, Config{}), setup(t, Config{Provider: "kie", Dialect: "old"})
	for _, taskType := range taskTypes {
		for _, fate := range Fates() {
			if fate == Forgotten {
				continue
			}
			id := a.Submit(taskType, fate)
			require.Equal(t, id, b.Submit(taskType, fate))
			require.Equal(t, a.status(t, taskType, id).text, b.status(t, taskType, id).text)
			mine, _ := a.Task(id)
			theirs, _ := b.Task(id)
			require.Equal(t, mine.Expected, theirs.Expected)
		}
	}
}

func TestKieRefusesInItsOwnWay(t *testing.T) {
	t.Parallel()
	for fault, want := range map[Fault]string{
		NoCredits:   sample(t, "kie-any-code402_credits"),
		TooFrequent: sample(t, "kie-any-code429_ratelimit"),
		OverLimit:   `{"code":433,"msg":"Request Limit - Sub-key usage exceeds the limit","data":null}`,
	} {
		for dialect, path := range map[string]func(id string) string{
			"old": func(id string) string { return statusPath(task.Generate, id) }, "": jobPath,
		} {
			b := setup(t, Config{Provider: "kie", Dialect: dialect})
			id := b.Submit(task.Generate, Ready, fault)
			_, got := b.do(t, http.MethodGet, path(id), "")
			require.Equal(t, want, got, fault)
		}
	}
	b := setup(t, Config{Provider: "kie", RateLimit: 1, APIKey: "k"})
	ask := func(key string) int {
		return b.status(t, task.Generate, "nobody", "Authorization", "Bearer "+key).Code
	}
	require.Equal(t, 401, ask("x"))
	require.Equal(t, 422, ask("k"))
	require.Equal(t, 429, ask("k"))
	got := b.call(t, http.MethodPost, "/api/v1/generate", `{}`, "Authorization", "Bearer k")
	require.Equal(t, 429, got.Code)
	b = setup(t, Config{Provider: "kie"})
	require.Equal(t, 422, b.call(t, http.MethodPost, "/api/v1/generate", `{}`).Code)
	require.Equal(t, 200, b.call(t, http.MethodPost, "/api/v1/lyrics", `{"prompt":"x"}`).Code)
}

func jobPath(id string) string { return "/api/v1/jobs/recordInfo?taskId=" + id }

// job is what a client of kie's jobs reads; it shares no code with the encoder.
type job struct {
	Code int
	Data struct {
		State, ResultJSON string
		FailCode, FailMsg *string
		Param             string
		CompleteTime      *int64
	}
}

func (b *bundle) job(t *testing.T, id string) (j job, results []map[string]any) {
	t.Helper()
	_, text := b.do(t, http.MethodGet, jobPath(id), "")
	require.NoError(t, json.Unmarshal([]byte(text), &j))
	if j.Data.ResultJSON != "" {
		var result struct{ Data []map[string]any }
		require.NoError(t, json.Unmarshal([]byte(j.Data.ResultJSON), &result))
		results = result.Data
	}
	return j, results
}

func TestKieJob(t *testing.T) {
	t.Parallel()
	b := setup(t, Config{Provider: "kie"})
	id := b.Submit(task.Generate, Success)
	record, _ := b.Task(id)
	states := []string{}
	for age := 0; age <= 170; age += 5 {
		b.clock.set(epoch.Add(time.Duration(age) * time.Second))
		j, results := b.job(t, id)
		if len(states) == 0 || states[len(states)-1] != j.Data.State {
			states = append(states, j.Data.State)
		}
		require.Equal(t, j.Data.State == "success", j.Data.CompleteTime != nil)
		if j.Data.State != "success" {
			require.Empty(t, results)
			continue
		}
		require.Len(t, results, 2)
		for i, item := range record.Items {
			require.Equal(t, item.ID, results[i]["id"])
			require.Equal(t, item.AudioURL, results[i]["audio_url"])
			require.InDelta(t, item.Duration, results[i]["duration"], 0)
		}
	}
	require.Equal(t, []string{"waiting", "generating", "success"}, states)
	require.Equal(t, 422, b.status(t, task.Generate, id).Code, "the old model does not know a job")
}

func TestKieJobsThatFail(t *testing.T) {
	t.Parallel()
	b := setup(t, Config{Provider: "kie"})
	audio, stuck := b.Submit(task.Generate, RefusedAudio), b.Submit(task.Generate, StuckStreaming)
	silent, lost := b.Submit(task.Generate, RefusedSilently), b.Submit(task.Lyrics, Forgotten)
	b.clock.set(epoch.Add(time.Hour))
	j, _ := b.job(t, audio)
	require.Equal(t, "fail", j.Data.State)
	require.Equal(t, "413", *j.Data.FailCode)
	require.Equal(t, "Uploaded audio matches existing work of art.", *j.Data.FailMsg)

	j, _ = b.job(t, silent)
	require.Equal(t, "fail", j.Data.State)
	require.Nil(t, j.Data.FailCode)
	r, _ := b.Task(silent)
	require.Equal(t, task.APIError, r.Expected.ErrorCode, "nothing says that it was the content")

	j, _ = b.job(t, stuck)
	require.Equal(t, "generating", j.Data.State)
	r, _ = b.Task(stuck)
	require.Equal(t, task.Failed, r.Expected.Status, "a job shows nothing on the way")

	j, _ = b.job(t, lost)
	require.Equal(t, 422, j.Code)
}

func TestKieSubmits(t *testing.T) {
	t.Parallel()
	b := setup(t, Config{Provider: "kie"})
	for model, taskType := range map[string]task.Type{
		`"ai-music-api/generate","input":{"model":"V6","prompt":"x"}`:                                           task.Generate,
		`"ai-music-api/extend","input":{"audioId":"x"}`:                                                         task.Extend,
		`"ai-music-api/replace-section","input":{"taskId":"x","audioId":"y","infillStartS":10,"infillEndS":20}`: task.Replace,
		`"ai-music-api/mashup","input":{"uploadUrlList":["https://a.example/1.mp3","https://a.example/2.mp3"]}`: task.Merge,
		`"ai-music-api/generate-lyrics","simulate":"stuck","input":{"prompt":"x"}`:                              task.Lyrics,
	} {
		body := `{"callBackUrl":"https://x.example","model":` + model + `}`
		got := b.call(t, http.MethodPost, "/api/v1/jobs/createTask", body)
		require.Equal(t, shape(t, sample(t, "sunoapi-generate-submit_accepted")), shape(t, got.text))
		r, ok := b.Task(got.Data.TaskID)
		require.True(t, ok)
		require.Equal(t, taskType, r.Type)
		require.Equal(t, taskType == task.Lyrics, r.Fate == Stuck)
		j, _ := b.job(t, r.TaskID)
		require.Equal(t, 200, j.Code)
		require.JSONEq(t, body, j.Data.Param)
		require.Equal(t, 422, b.status(t, taskType, r.TaskID).Code)
	}
	for _, body := range []string{
		``, `{}`, `{"model":"ai-music-api/generate"}`, `{"model":"veo3","input":{"prompt":"x"}}`, `{"model":"ai-music-api/extend","input":{"prompt":"x"}}`,
	} {
		require.Equal(t, 422, b.call(t, http.MethodPost, "/api/v1/jobs/createTask", body).Code, body)
	}
	require.Equal(t, 422, b.call(t, http.MethodGet, jobPath(""), "").Code)

	old := b.call(t, http.MethodPost, "/api/v1/generate", `{"prompt":"x"}`).Data.TaskID
	require.Equal(t, 200, b.status(t, task.Generate, old).Code)
	j, _ := b.job(t, old)
	require.Equal(t, 422, j.Code, "a task of the old model is no job")
}
