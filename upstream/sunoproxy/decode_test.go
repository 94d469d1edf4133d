package sunoproxy

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"tasksync/task"
	"tasksync/upstream"
	"tasksync/upstream/upstreamtest"
)

const clipA, clipB = "11111111-1111-4111-8111-111111111101", "11111111-1111-4111-8111-111111111102"

// data is a body around data.
func data(data string) string { return `{"code":"success","message":"","data":` + data + `}` }

// music is a task T1 with that status and those clips.
func music(status, clips string) string {
	return data(`{"task_id":"T1","action":"MUSIC","status":"` + status + `","fail_reason":"","progress":"50%","data":` + clips + `}`)
}

func TestStatuses(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	for word, want := range map[string]task.Status{
		"NOT_START": task.Submitted, "SUBMITTED": task.Submitted, "QUEUED": task.Queued, "IN_PROGRESS": task.Processing,
		"SUCCESS": task.Complete, "FAILURE": task.Failed, "UNKNOWN": task.Processing,
		"submitted": task.Submitted, "processing": task.Processing, "complete": task.Complete, "error": task.Failed,
		"In_Progress": task.Processing, "NEVER_HEARD_OF": task.Processing, "": task.Processing,
	} {
		for _, code := range []string{`"success"`, `1`, `"1"`, `200`} {
			obs, f := b.one(task.Generate, `{"code":`+code+`,"data":{"task_id":"T1","status":"`+word+`"}}`)
			require.Nil(t, f, word)
			require.Equal(t, want, obs.Status, word)
			require.Equal(t, word, obs.Raw)
			require.Equal(t, want == task.Failed, obs.Failure != nil)
		}
	}
	require.Equal(t, 1, strings.Count(b.log.String(), "level=WARN"))
	require.InDelta(t, 4, upstreamtest.UnknownStatuses(t, b.reg), 0)
	obs, f := b.one(task.Generate, data(`{"task_id":"T1","progress":"100%"}`))
	require.Nil(t, f)
	require.Equal(t, task.Complete, obs.Status, "what has no status has its progress")
	for i := range 1000 {
		_, _ = b.one(task.Generate, music(fmt.Sprint("W", i), "null"))
	}
	require.Equal(t, 100, strings.Count(b.log.String(), "level=WARN"))
	problems, err := testutil.GatherAndLint(b.reg)
	require.NoError(t, err)
	require.Empty(t, problems)
}

func TestTolerantDecoding(t *testing.T) {
	t.Parallel()
	one := []task.Item{{ID: clipA, AudioURL: "https://h/a.mp3", Status: task.Complete, Duration: 154.6}}
	done := `{"id":"` + clipA + `","status":"complete","audio_url":"https://h/a.mp3","metadata":{"duration":154.6}}`
	for name, tc := range map[string]struct {
		body   string
		status task.Status
		items  []task.Item
	}{
		"an array":              {data(`[{"task_id":"T1","status":"SUCCESS","data":[` + done + `]}]`), task.Complete, one},
		"one clip, no array":    {music("SUCCESS", done), task.Complete, one},
		"the task id's case":    {data(`{"task_id":"t1","status":"SUCCESS","data":[` + done + `]}`), task.Complete, one},
		"no task id":            {data(`{"action":"MUSIC","status":"SUCCESS","data":[` + done + `]}`), task.Complete, one},
		"data null":             {music("IN_PROGRESS", "null"), task.Processing, nil},
		"data a word":           {music("IN_PROGRESS", `"soon"`), task.Processing, nil},
		"data empty":            {music("SUCCESS", "[]"), task.Complete, nil},
		"clips of wrong kinds":  {music("IN_PROGRESS", `[null,1,"x",[],{},{"status":"queued"},`+done+`]`), task.Processing, one},
		"metadata null":         {music("IN_PROGRESS", `[{"id":"A","metadata":null,"title":null}]`), task.Processing, []task.Item{{ID: "A"}}},
		"metadata of no kind":   {music("IN_PROGRESS", `[{"id":"A","metadata":[1],"title":{"x":1},"audio_url":7}]`), task.Processing, []task.Item{{ID: "A", AudioURL: "7"}}},
		"duration a string":     {music("SUCCESS", `[{"id":"A","metadata":{"duration":"154.6","tags":["x"]}}]`), task.Complete, []task.Item{{ID: "A", Tags: "x", Duration: 154.6}}},
		"duration that is none": {music("SUCCESS", `[{"id":"A","metadata":{"duration":"NaN"}},{"id":"B","metadata":{"duration":-1}},{"id":"C","metadata":{"duration":1e999}}]`), task.Complete, []task.Item{{ID: "A"}, {ID: "B"}, {ID: "C"}}},
		"a clip's odd status":   {music("IN_PROGRESS", `[{"id":"A","status":"mixing","audio_url":"https://h/a.mp3"}]`), task.Processing, []task.Item{{ID: "A", Status: task.Processing, AudioURL: "https://h/a.mp3"}}},
		"results alone":         {data(`[` + done + `]`), "", one},
		"no results yet":        {data(`null`), "", nil},
		"an empty array":        {data(`[]`), "", nil},
		"the integer dialect": {
			`{"code":1,"data":{"task_id":"T1","status":"complete","data":[{"id":"A","status":"complete","audio_url":"https://h/a.mp3","duration":154.6,"tags":"pop","prompt":"la"}]}}`,
			task.Complete,
			[]task.Item{{ID: "A", AudioURL: "https://h/a.mp3", Status: task.Complete, Duration: 154.6, Tags: "pop", Lyrics: "la"}},
		},
		"numbers for states": {
			`{"code":200,"data":{"taskId":"T1","status":30,"data":[{"clipId":"A","status":30,"cld2AudioUrl":"https://h/a.mp3","cld2ImageUrl":"https://h/a.png"},{"clipId":"B","status":20}]}}`,
			task.Complete,
			[]task.Item{{ID: "A", AudioURL: "https://h/a.mp3", ImageURL: "https://h/a.png", Status: task.Complete}, {ID: "B", Status: task.Processing}},
		},
		"tracks":           {`{"code":200,"data":{"taskId":"T1","status":"SUCCESS","response":{"tracks":[` + done + `]}}}`, task.Complete, one},
		"clips":            {`{"code":200,"data":{"taskId":"T1","status":"SUCCESS","response":{"sunoData":null,"clips":[` + done + `]}}}`, task.Complete, one},
		"data in a string": {`{"code":"success","data":"{\"task_id\":\"T1\",\"status\":\"QUEUED\"}"}`, task.Queued, nil},
		"no code":          {`{"data":[{"clip_id":"` + clipA + `","state":"succeeded","audio_url":"https://h/a.mp3","duration":154.6}],"message":"success"}`, "", one},
		"results that name their task": {
			data(`[{"task_id":"T1","id":"` + clipA + `","status":"complete","audio_url":"https://h/a.mp3","metadata":{"duration":154.6}}]`), "", one,
		},
		"a large image only": {music("SUCCESS", `[{"id":"A","image_large_url":"https://h/a.png"}]`), task.Complete, []task.Item{{ID: "A", ImageURL: "https://h/a.png"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			obs, f := setup(t, nil).one(task.Generate, tc.body)
			require.Nil(t, f)
			require.Equal(t, tc.status, obs.Status)
			require.Equal(t, tc.items, obs.Items)
		})
	}
}

func TestLyrics(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	lyric := `{"id":"L","text":"la","title":"A","status":"complete"}`
	for _, body := range []string{
		data(`{"task_id":"T1","action":"LYRICS","status":"SUCCESS","data":` + lyric + `}`),
		data(`{"task_id":"T1","action":"LYRICS","status":"SUCCESS","data":[` + lyric + `]}`),
		data(lyric), // a lyric alone is the task
	} {
		obs, f := b.one(task.Lyrics, body)
		require.Nil(t, f)
		require.Equal(t, task.Complete, obs.Status, body)
		require.Equal(t, []task.Item{{ID: "L", Title: "A", Lyrics: "la", Status: task.Complete}}, obs.Items)
	}
	obs, f := b.one(task.Lyrics, data(`{"id":"L","text":"","title":"","status":"error","error_message":"Prompt flagged for moderation"}`))
	require.Nil(t, f)
	require.Equal(t, task.Failed, obs.Status)
	require.Equal(t, task.ModerationFlagged, obs.Failure.Code)
}

// TestEndings: what FAILURE means, and a text beside another status.
func TestEndings(t *testing.T) {
	t.Parallel()
	final := `{"id":"A","status":"complete","audio_url":"https://h/a.mp3"}`
	for _, tc := range []struct {
		status, reason, clips string
		want                  string // status, verdict, code
	}{
		{"FAILURE", "Prompt likely copyrighted", "null", "failed permanent COPYRIGHTED"},
		{"FAILURE", "Title too long.", "null", "failed permanent INVALID_REQUEST"},
		{"FAILURE", "Rate limit exceeded", "null", "failed task_dead API_ERROR"},
		{"FAILURE", "Insufficient credits", "null", "failed task_dead API_ERROR"},
		{"FAILURE", "something odd", "null", "failed task_dead API_ERROR"},
		{"FAILURE", "", "null", "failed task_dead API_ERROR"},
		{"FAILURE", "", `[{"id":"A","status":"error","metadata":{"error_type":"moderation_failure"}}]`, "failed permanent MODERATION_FLAGGED"},
		{"FAILURE", "", `[{"id":"A","status":"error","metadata":{"error_type":"moderation_failure","error_message":"Your lyrics contain copyrighted material."}}]`, "failed permanent COPYRIGHTED"},
		{"FAILURE", "task failed", `[{"id":"A","status":"error","metadata":{"error_message":"Tags contained artist name"}}]`, "failed permanent PRODUCER_TAG"},
		{"FAILURE", "task failed", `[{"id":"A","status":"error"}]`, "failed task_dead API_ERROR"},
		{"FAILURE", "task failed", `[` + final + `,{"id":"B","status":"streaming"}]`, "complete"},
		{"error", "task failed", `[` + final + `,{"id":"B","status":"error"}]`, "complete"},
		{"IN_PROGRESS", "Prompt likely copyrighted", "null", "failed permanent COPYRIGHTED"},
		{"QUEUED", "Prompt flagged for moderation", `[{"id":"A","status":"queued"}]`, "failed permanent MODERATION_FLAGGED"},
		{"IN_PROGRESS", "Prompt flagged for moderation", `[{"id":"A","status":"streaming","audio_url":"https://h/a"}]`, "processing"},
		{"IN_PROGRESS", "Internal Error, Please try again later.", "null", "processing"},
		{"IN_PROGRESS", "Insufficient credits", "null", "processing"},
		{"SUCCESS", "something odd", `[` + final + `]`, "complete"},
	} {
		b := setup(t, nil)
		obs, f := b.one(task.Generate, data(fmt.Sprintf(`{"task_id":"T1","status":%q,"fail_reason":%q,"data":%s}`, tc.status, tc.reason, tc.clips)))
		require.Nil(t, f)
		got := string(obs.Status)
		if obs.Failure != nil {
			got += " " + obs.Failure.Verdict.String() + " " + string(obs.Failure.Code)
			require.NotEmpty(t, obs.Failure.Message)
		}
		require.Equal(t, tc.want, got, "%+v", tc)
		if obs.Status == task.Complete && len(obs.Items) > 1 {
			require.Equal(t, task.Failed, obs.Items[1].Status)
			require.NotNil(t, obs.Items[1].Failure)
		}
	}
}

// TestCallFailures: what an answer without a task means, by its HTTP status and its
// text.
func TestCallFailures(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		status     int
		body       string
		one, batch string // verdict, reason; "": the HTTP status decides; batch "": as one
	}{
		{400, `{"code":"invalid_request","message":"task not exist","data":null}`, "unknown_task unknown_task", ""},
		{400, `{"code":"task_not_exist","message":"任务不存在"}`, "unknown_task unknown_task", ""},
		{400, `{"code":"invalid_request","message":"ids is too short"}`, "unknown_task unknown_task", ""},
		{422, `{"code":"invalid_request","message":"ids is required"}`, "unknown_task unknown_task", ""},
		{400, `{"code":"fail","message":"insufficient credits"}`, "transient bad_request", ""},
		{200, `{"code":"fail","message":"task not exist"}`, "unknown_task unknown_task", ""},
		{200, `{"code":-1,"message":"something odd"}`, "transient unknown_code", ""},
		{200, `{"code":"fail","message":"Prompt likely copyrighted"}`, "permanent refused", ""},
		{200, `{"code":"fail","message":"service under maintenance"}`, "transient busy", ""},
		{200, `{"code":"fail","message":"Rate limit exceeded"}`, "transient rate_limited", ""},
		{200, `{"code":"fail","message":"invalid_token"}`, "transient unknown_code", ""},
		{200, `{"code":"fail","message":"insufficient credits"}`, "transient unknown_code", ""},
		{200, `{"code":"invalid_token","message":"x"}`, "account account", ""},
		{200, `{"code":404,"message":"no record","data":null}`, "unknown_task unknown_task", ""},
		{200, `{"code":404,"message":"No static resource suno/fetch/T1."}`, "transient no_such_call", ""},
		{200, `{"code":422,"message":"x","data":null}`, "unknown_task unknown_task", ""},
		{200, `{"code":501,"message":"Audio generation failed","data":null}`, "task_dead task_failed", ""},
		{200, `{"code":531,"message":"x"}`, "task_dead task_failed", ""},
		{200, `{"code":408,"message":"x"}`, "task_dead task_failed", ""},
		{200, `{"code":451,"message":"The file could not be fetched"}`, "permanent refused", ""},
		{200, `{"code":409,"message":"x"}`, "permanent refused", ""},
		{200, `{"code":500,"message":"x"}`, "transient unknown_code", ""},
		{429, `{"code":"too_many_requests","message":"slow down"}`, "none", ""},
		{429, `{"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}}`, "account account", ""},
		{403, `{"error":{"message":"用户额度不足","code":"insufficient_user_quota"}}`, "account account", ""},
		{401, `{"error":{"message":"无效的令牌","type":"new_api_error"}}`, "none", ""},
		{403, `{"message":"insufficient credits"}`, "none", ""},
		{500, `{"code":"fail","message":"get_task_failed"}`, "none", ""},
		{500, `{"code":"fail","message":"insufficient credits"}`, "none", ""},
		{503, `{"code":"fail","message":"service under maintenance"}`, "none", ""},
		{404, `{"error":{"message":"Invalid URL (POST /suno/fetch)"}}`, "none", "transient no_such_call"},
		{404, `{"code":404,"message":"Not Found"}`, "none", "transient no_such_call"},
		{405, `{"message":"Method Not Allowed"}`, "none", "transient no_such_call"},
		{501, `{}`, "transient bad_body", "transient no_such_call"},
		{404, `{"code":"x","message":"task not found"}`, "unknown_task unknown_task", "transient no_such_call"},
	} {
		b := setup(t, nil)
		ans := upstream.Answer{Status: tc.status, Body: []byte(tc.body)}
		say := func(f *task.Failure) string {
			if f == nil {
				return "none"
			}
			require.NotEmpty(t, f.Message)
			return f.Verdict.String() + " " + f.Reason
		}
		_, f := b.adapter.readOne(refs("T1")[0], ans)
		require.Equal(t, tc.one, say(f), "%d %s", tc.status, tc.body)
		if f != nil && f.Verdict >= task.UnknownTask {
			require.Equal(t, f.Code != task.Copyrighted, f.Provisional, tc.body)
		}
		_, f = b.many(tc.status, tc.body)
		require.Equal(t, cmp.Or(tc.batch, tc.one), say(f), "batch: %d %s", tc.status, tc.body)
	}
}

func TestBatchAnswers(t *testing.T) {
	t.Parallel()
	const one, two = `{"task_id":"T1","status":"SUCCESS"}`, `{"task_id":"T2","status":"QUEUED"}`
	for body, want := range map[string]map[string]string{
		data(`[` + two + `,` + one + `]`):                {"T1": "complete", "T2": "queued"},
		data(`[` + one + `]`):                            {"T1": "complete"},
		data(`[` + one + `,` + one + `,` + one + `]`):    {"T1": "complete"},
		data(`[null,7,{},{"task_id":"T9"},` + one + `]`): {"T1": "complete"},
		data(`[]`):   {},
		data(`null`): {},
		data(`[{"task_id":"T9","status":"SUCCESS"}]`): {},
		`{"data":[` + one + `,` + two + `]}`:          {"T1": "complete", "T2": "queued"}, // no code
		data(`[{"task_id":"T2","clip_id":"a","status":30},{"task_id":"T2","clip_id":"b","status":20},` + one + `]`): {"T1": "complete", "T2": ""},
		data(`[{"action":"MUSIC","status":"SUCCESS"}]`):                                                             {},
		data(one):                         {"T1": "complete"},
		`{"code":1,"data":[` + one + `]}`: {"T1": "complete"},
		`{"code":"fail","message":"x","data":[` + one + `]}`: {"T1": "complete"},
		data(`[{"id":"` + clipA + `","status":"complete"}]`): nil,
		data(`"T1"`):                                       nil,
		data(`{"status":"SUCCESS"}`):                       nil,
		`[` + one + `]`:                                    nil,
		`{"tasks":[` + one + `]}`:                          nil,
		data(`{"list":[` + one + `]}`):                     nil,
		`{"code":"success","data":{"id":"` + clipB + `"}}`: nil,
	} {
		observations, f := setup(t, nil).many(200, body)
		if want == nil {
			require.NotNil(t, f, body)
			require.Equal(t, "bad_body", f.Reason, body)
			continue
		}
		require.Nil(t, f, body)
		require.Equal(t, want, seen(observations), body)
	}
	_, f := setup(t, nil).one(task.Generate, data(two))
	require.Equal(t, "bad_body", f.Reason, "about another task")
}

func TestArraysAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	var clips, tasks []string
	for i := range 50_000 {
		clips = append(clips, fmt.Sprintf(`{"id":"%d"}`, i))
		tasks = append(tasks, fmt.Sprintf(`{"task_id":"%d"}`, i))
	}
	obs, f := b.one(task.Generate, music("SUCCESS", "["+strings.Join(clips, ",")+"]"))
	require.Nil(t, f)
	require.Len(t, obs.Items, maxClips)
	env, ok := parseEnvelope(upstream.Answer{Status: 200, Body: []byte(data("[" + strings.Join(tasks, ",") + "]"))}, maxTasks)
	require.True(t, ok && env.array)
	require.Len(t, env.records, maxTasks)
	obs, f = b.one(task.Generate, music("SUCCESS", strings.Repeat("[", 9000)+strings.Repeat("]", 9000)))
	require.Nil(t, f)
	require.Empty(t, obs.Items)
}

// TestNoTextFailsAPendingTaskWrongly runs the corpus of error texts through a
// task that goes on: only permanent ones end it.
func TestNoTextFailsAPendingTaskWrongly(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../task/testdata/errors.json")
	require.NoError(t, err)
	var corpus []struct{ Text, Verdict string }
	require.NoError(t, json.Unmarshal(raw, &corpus))
	b := setup(t, nil)
	for _, e := range corpus {
		text, err := json.Marshal(e.Text)
		require.NoError(t, err)
		pending, f := b.one(task.Generate, data(fmt.Sprintf(`{"task_id":"T1","status":"IN_PROGRESS","fail_reason":%s}`, text)))
		require.Nil(t, f)
		require.Equal(t, e.Verdict == "permanent", pending.Failure != nil, e.Text)
		failed, f := b.one(task.Generate, data(fmt.Sprintf(`{"task_id":"T1","status":"FAILURE","fail_reason":%s}`, text)))
		require.Nil(t, f)
		require.Equal(t, task.Failed, failed.Status)
		require.Equal(t, e.Verdict == "permanent", failed.Failure.Verdict == task.Permanent, e.Text)
	}
}

func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("testdata/*.json")
	require.NoError(f, err)
	for _, file := range files {
		body, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(body, false, 200)
	}
	f.Add([]byte(data(`{"id":"L","text":"la","title":"A","status":"complete"}`)), true, 200)
	f.Add([]byte(`{"error":{"message":"x","code":"insufficient_quota"}}`), false, 429)
	b := setup(f, nil)
	f.Fuzz(func(t *testing.T, body []byte, lyrics bool, status int) {
		ref := task.Ref{TaskID: "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaa01", Type: task.Generate}
		if lyrics {
			ref.Type = task.Lyrics
		}
		ans := upstream.Answer{Status: status, Body: body}
		obs, failure := b.adapter.readOne(ref, ans)
		if failure != nil {
			require.Empty(t, obs)
		} else {
			requireSound(t, obs)
		}
		observations, failure := b.adapter.readMany([]task.Ref{ref, {TaskID: "T2", Type: ref.Type}}, ans)
		if failure != nil {
			require.Empty(t, observations)
		}
		for _, obs := range observations {
			if obs != nil {
				requireSound(t, *obs)
			}
		}
	})
}

func requireSound(t *testing.T, obs task.Observation) {
	t.Helper()
	require.LessOrEqual(t, len(obs.Items), maxClips)
	require.LessOrEqual(t, len(obs.Raw), 64)
	require.Equal(t, obs.Status == task.Failed, obs.Failure != nil)
	for _, it := range obs.Items {
		require.Equal(t, it.Status == task.Failed, it.Failure != nil)
		require.GreaterOrEqual(t, it.Duration, 0.0)
	}
}

// A good answer without content says nothing about the task, unless the task was asked
// for alone: then the server does not know it.
func TestAnAnswerWithoutATask(t *testing.T) {
	t.Parallel()
	for _, body := range []string{data(`null`), data(`[]`), `{"code":"success"}`} {
		b := setup(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				body := data(`[{"task_id":"b","status":"QUEUED"}]`)
				_, _ = w.Write([]byte(body))
				return
			}
			_, _ = w.Write([]byte(body))
		})
		asked := refs("a", "b", "c")
		asked[2].Alone = true
		obs, err := b.adapter.Fetch(t.Context(), asked)
		require.NoError(t, err)
		require.Equal(t, map[string]string{"b": "queued", "c": "unknown_task unknown_task"}, seen(obs), body)
	}
}
