package sunoclips

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"tasksync/task"
	"tasksync/upstream"
	"tasksync/upstream/upstreamtest"
)

const sentinel = "https://studio-api.prod.suno.com/api/forbidden"

func one(fields string) string { return `[{"id":"` + sampleID + `",` + fields + `}]` }

func TestTolerantDecoding(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		body string
		want task.Item
	}{
		"every field": {
			one(`"status":"complete","title":"A","audio_url":"https://h/a.mp3","video_url":"https://h/a.mp4","image_url":"i","image_large_url":"l",
				"model_name":"chirp-crow","major_model_version":"v5","metadata":{"tags":"pop","prompt":"la","duration":173.6}`),
			task.Item{
				Status: task.Complete, Title: "A", AudioURL: "https://h/a.mp3", VideoURL: "https://h/a.mp4", ImageURL: "i",
				ModelName: "chirp-crow", Lyrics: "la", Tags: "pop", Duration: 173.6,
			},
		},
		"second choices":        {one(`"status":"complete","image_large_url":"l","model_name":"","major_model_version":"v5"`), task.Item{Status: task.Complete, ImageURL: "l", ModelName: "v5"}},
		"wrapped":               {`{"clips":` + one(`"status":"queued"`) + `,"next":null}`, task.Item{Status: task.Queued}},
		"among others":          {`[null,7,"x",[],{},{"id":null},{"id":"` + clipA + `","status":"error"},` + one(`"status":"queued"`)[1:], task.Item{Status: task.Queued}},
		"null metadata":         {one(`"status":"streaming","metadata":null`), task.Item{Status: task.Streaming}},
		"metadata of no object": {one(`"metadata":"soon","status":"streaming","title":"A"`), task.Item{Status: task.Streaming, Title: "A"}},
		"null in metadata":      {one(`"status":"queued","metadata":{"tags":null,"prompt":null,"duration":null,"error_type":null,"error_message":null}`), task.Item{Status: task.Queued}},
		"fields of wrong types": {one(`"status":"complete","title":{"a":1},"audio_url":["x"],"metadata":{"tags":true,"prompt":[],"duration":"173.6"}`), task.Item{Status: task.Complete, Duration: 173.6}},
		"no duration":           {one(`"status":"complete","metadata":{"duration":-1}`), task.Item{Status: task.Complete}},
		"a long duration":       {one(`"status":"complete","metadata":{"duration":1e999}`), task.Item{Status: task.Complete}},
		"numbers for strings":   {one(`"status":"queued","title":1999`), task.Item{Status: task.Queued, Title: "1999"}},
		"in capitals":           {one(`"status":"Streaming"`), task.Item{Status: task.Streaming}},
		"generating":            {one(`"status":"generating"`), task.Item{Status: task.Processing}},
		"an unknown word":       {one(`"status":"mastering"`), task.Item{Status: task.Processing}},
		"no status":             {one(`"audio_url":"https://h/a.mp3"`), task.Item{AudioURL: "https://h/a.mp3"}},
		"twice, further along":  {`[` + one(`"status":"queued"`)[1:len(one(`"status":"queued"`))-1] + `,` + one(`"status":"complete"`)[1:], task.Item{Status: task.Complete}},
		"twice, further back":   {`[` + one(`"status":"complete"`)[1:len(one(`"status":"complete"`))-1] + `,` + one(`"status":"queued"`)[1:], task.Item{Status: task.Complete}},
		"an error in passing":   {one(`"status":"queued","metadata":{"error_message":"Internal Error, Please try again later."}`), task.Item{Status: task.Queued}},
		"an error next to audio": {
			one(`"status":"streaming","audio_url":"https://h/a","metadata":{"error_message":"Prompt flagged for moderation"}`),
			task.Item{Status: task.Streaming, AudioURL: "https://h/a"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			obs, f := setup(t, nil).read(false, 200, tc.body)
			require.Nil(t, f)
			require.Len(t, obs, 1)
			tc.want.ID = sampleID
			require.Equal(t, []task.Item{tc.want}, obs[0].Items)
		})
	}
}

// TestErrors: the code of a clip's failure comes from its message, or from its error
// type where the message says nothing.
func TestErrors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ status, errorType, message, want string }{
		{"error", "moderation_failure", "Song Description contained artist name: metallica", "permanent PRODUCER_TAG"},
		{"error", "moderation_failure", "Your lyrics contain copyrighted material.", "permanent COPYRIGHTED"},
		{"error", "moderation_failure", "Prompt likely malformed", "permanent MALFORMED_PROMPT"},
		{"error", "moderation_failure", "Unable to generate lyrics from song description", "permanent MODERATION_FLAGGED"},
		{"error", "moderation_failure", "", "permanent MODERATION_FLAGGED"},
		{"error", "", "Topic too long. Please keep it under 500 characters.", "permanent INVALID_REQUEST"},
		{"error", "", "Unable to generate lyrics from song description", "task_dead API_ERROR"},
		{"error", "generation_failure", "Internal Error, Please try again later.", "task_dead API_ERROR"},
		{"error", "", "Insufficient credits", "task_dead API_ERROR"},
		{"error", "", "", "task_dead API_ERROR"},
		{"ERROR", "", "", "task_dead API_ERROR"},
		{"submitted", "moderation_failure", "", "permanent MODERATION_FLAGGED"},
		{"queued", "", "Tags contained artist name", "permanent PRODUCER_TAG"},
		{"queued", "generation_failure", "Audio generation failed", ""},
		{"complete", "", "Tags contained artist name", ""},
	} {
		body := fmt.Sprintf(`"status":%q,"metadata":{"error_type":%q,"error_message":%q}`, tc.status, tc.errorType, tc.message)
		obs, f := setup(t, nil).read(false, 200, one(body))
		require.Nil(t, f)
		require.Len(t, obs, 1)
		item, got := obs[0].Items[0], ""
		if item.Failure != nil {
			got = item.Failure.Verdict.String() + " " + string(item.Failure.Code)
			require.NotEmpty(t, item.Failure.Message)
			require.Contains(t, item.Failure.Message, tc.message)
			require.Equal(t, task.Failed, item.Status)
			require.Equal(t, task.Failed, obs[0].Status)
			require.Equal(t, item.Failure, obs[0].Failure)
		}
		require.Equal(t, tc.want, got, body)
	}
}

// TestGroups is the status of a group, by its clips.
func TestGroups(t *testing.T) {
	t.Parallel()
	const artist, internal = "Tags contained artist name", "Internal Error, Please try again later."
	for name, tc := range map[string]struct {
		size    int
		clips   []string // statuses; an error has its message after a colon
		status  task.Status
		raw     string
		message string
	}{
		"one, complete":              {1, []string{"complete"}, task.Complete, "complete", ""},
		"one of two":                 {2, []string{"complete"}, task.Processing, "complete", ""},
		"one failed of two":          {2, []string{"error:" + artist}, task.Processing, "error", ""},
		"both":                       {2, []string{"complete", "complete"}, task.Complete, "complete", ""},
		"one goes on":                {2, []string{"complete", "streaming"}, "", "complete,streaming", ""},
		"all go on":                  {2, []string{"queued", "submitted"}, "", "queued,submitted", ""},
		"one failed, one complete":   {2, []string{"error:" + artist, "complete"}, task.Complete, "error,complete", ""},
		"one failed, one goes on":    {2, []string{"error:" + artist, "queued"}, "", "error,queued", ""},
		"all failed":                 {2, []string{"error:" + internal, "error:" + internal}, task.Failed, "error", internal},
		"all failed, the worst last": {3, []string{"error:" + internal, "error:" + artist, "error:x"}, task.Failed, "error", artist},
		"no status":                  {1, []string{""}, "", "", ""},
		"an unknown word":            {1, []string{"mastering"}, "", "mastering", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, nil)
			g, clips := group{taskID: "T1"}, map[string]task.Observation{}
			for i := range tc.size {
				id := fmt.Sprintf("Clip-%d", i)
				g.ids = append(g.ids, id)
				if i < len(tc.clips) {
					word, message, _ := strings.Cut(tc.clips[i], ":")
					r := upstream.Result{Item: task.Item{ID: id}, State: word, Err: upstream.ErrorField{Message: message}}
					if word != "" {
						r.Status, _ = results.State(word)
					}
					clips[strings.ToLower(id)] = *b.adapter.clip(r)
				}
			}
			obs, ok := b.adapter.observe(g, clips, nil)
			require.True(t, ok)
			require.Equal(t, "T1", obs.TaskID)
			require.Equal(t, tc.status, obs.Status)
			require.Equal(t, tc.raw, obs.Raw)
			require.Len(t, obs.Items, len(tc.clips))
			require.Equal(t, g.ids[0], obs.Items[0].ID, "as the row spells it")
			if tc.message == "" {
				require.Nil(t, obs.Failure)
			} else {
				require.Equal(t, tc.message, obs.Failure.Message)
			}
		})
	}
	_, ok := setup(t, nil).adapter.observe(group{"T1", []string{clipA}}, nil, nil)
	require.False(t, ok)
}

func TestLyrics(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]task.Observation{
		`{"text":"la","title":"A","status":"complete"}`: {Status: task.Complete, Raw: "complete", Items: []task.Item{{Status: task.Complete, Title: "A", Lyrics: "la"}}},
		`{"text":"","title":"","status":"running"}`:     {Status: task.Processing, Raw: "running"},
		`{"text":"la","title":null,"status":"running"}`: {Status: task.Processing, Raw: "running", Items: []task.Item{{Status: task.Processing, Lyrics: "la"}}},
		`{"text":null,"title":"A","status":"complete"}`: {Status: task.Complete, Raw: "complete"},
		`{"text":"la"}`:                                  {Items: []task.Item{{Lyrics: "la"}}},
		`{"text":"","status":"dreaming"}`:                {Status: task.Processing, Raw: "dreaming"},
		`{"status":"submitted","text":""}`:               {Status: task.Submitted, Raw: "submitted"},
		`{"text":"x","status":"error","error_type":"a"}`: {Status: task.Failed, Raw: "error", Failure: upstream.Dead("a")},
		`{"status":"error","error_message":"Prompt flagged for moderation"}`: {
			Status: task.Failed, Raw: "error",
			Failure: &task.Failure{Verdict: task.Permanent, Code: task.ModerationFlagged, Reason: "refused", Message: "Prompt flagged for moderation"},
		},
	} {
		obs, f := setup(t, nil).read(true, 200, body)
		require.Nil(t, f, body)
		require.Equal(t, []task.Observation{want}, obs, body)
	}
}

// TestCompletionAsDecideSeesIt has package task decide on a generation with one clip
// where two are usual, and on a clip without audio.
func TestCompletionAsDecideSeesIt(t *testing.T) {
	t.Parallel()
	created := task.Generation{ID: "g", TaskID: sampleID, Type: task.Generate, Status: task.Submitted}
	rows := []task.Clip{{ID: "0", ClipID: sampleID + "-generate-0", Status: task.Submitted}, {ID: "1", ClipID: sampleID + "-generate-1", Status: task.Submitted}}
	decide := func(body string, age int) task.Decision {
		obs, f := setup(t, nil).read(false, 200, body)
		require.Nil(t, f)
		require.Len(t, obs, 1)
		return task.DefaultPolicy().Decide(created.CreatedAt.Add(time.Duration(age)*time.Minute), created, rows, task.Seen{Observation: &obs[0], AskedAt: created.CreatedAt.Add(time.Duration(age) * time.Minute)})
	}
	d := decide(one(`"status":"complete","audio_url":"https://cdn1.suno.ai/a.mp3"`), 2)
	require.Equal(t, task.Complete, d.Status)
	require.Equal(t, task.Complete, d.Clips[0].Status)
	require.Equal(t, sampleID, d.Clips[0].ClipID)
	require.Equal(t, task.Failed, d.Clips[1].Status, "nothing filled it")

	for _, audio := range []string{sentinel, "", "https://audiopipe.suno.ai/?item_id=" + sampleID} {
		body := one(`"status":"complete","title":"A","audio_url":"` + audio + `"`)
		d = decide(body, 2)
		require.True(t, d.Status.Pending(), "%q is no final audio", audio)
		require.Empty(t, d.Clips[0].AudioURL)
		require.False(t, d.Next.IsZero())
		d = decide(body, 10)
		require.Equal(t, []string{task.CDNURL(sampleID)}, d.Probe, "the CDN rule, when the time is up")
	}

	d = decide(one(`"status":"error","metadata":{"error_type":"moderation_failure","error_message":"Song Description contained artist name: metallica"}`), 1)
	require.Equal(t, task.Failed, d.Status)
	require.Equal(t, task.ProducerTag, d.ErrorCode)
	require.Contains(t, d.ErrorMessage, "metallica")
}

func TestBodiesThatAreNoAnswer(t *testing.T) {
	t.Parallel()
	for body, reason := range map[string]string{
		`null`: "bad_body", `7`: "bad_body", `"x"`: "bad_body", `{}`: "bad_body", `{"clips":null}`: "bad_body",
		`{"clips":{}}`: "bad_body", `{"detail":"soon"}`: "bad_body", `{"detail":["soon"]}`: "bad_body",
		`{"detail":"Token validation failed"}`: "bad_body", `{"detail":"Task not found"}`: "unknown_task",
	} {
		for _, lyrics := range []bool{false, true} {
			_, f := setup(t, nil).read(lyrics, 200, body)
			require.NotNil(t, f, body)
			require.Equal(t, reason, f.Reason, body)
		}
	}
	for _, body := range []string{`[]`, `{"clips":[]}`, `[null]`, `[{"id":""}]`} {
		obs, f := setup(t, nil).read(false, 200, body)
		require.Nil(t, f, body)
		require.Empty(t, obs, body)
	}
}

func TestCallFailures(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		status int
		detail string
		want   string // "": the HTTP status has to say
	}{
		{400, `"ids must be a list of UUIDs"`, "unknown_task unknown_task"},
		{400, `"Prompt likely copyrighted"`, "unknown_task unknown_task"},
		{400, `"Insufficient credits"`, "transient bad_request"},
		{400, `"service under maintenance"`, "transient bad_request"},
		{401, `"Authentication required."`, "account unauthorized"},
		{402, `"Insufficient credits."`, "account credits"},
		{403, `"Access denied. Not a hackathon participant."`, "account unauthorized"},
		{404, `"Not Found"`, ""},
		{404, `"Clip not found"`, "unknown_task unknown_task"},
		{404, `"task not found"`, "unknown_task unknown_task"},
		{422, `[{"loc":["query","ids"],"msg":"value is not a valid uuid"}]`, "unknown_task unknown_task"},
		{422, `"Token validation failed"`, "transient bad_request"},
		{429, `"Hackathon generation rate limit exceeded. Please wait before generating another song."`, "transient rate_limited"},
		{429, `"Insufficient credits"`, "transient rate_limited"},
		{500, `"x"`, ""},
		{503, `"Service Unavailable"`, ""},
	} {
		f := callFailure(upstream.Answer{Status: tc.status, Body: []byte(`{"detail":` + tc.detail + `}`)}, "list of clips")
		got := ""
		if f != nil {
			got = f.Verdict.String() + " " + f.Reason
			require.NotEmpty(t, f.Message)
			require.NotEmpty(t, f.Code)
		}
		require.Equal(t, tc.want, got, "%d %s", tc.status, tc.detail)
	}
}

func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	var clips []string
	for i := range 100_000 {
		clips = append(clips, fmt.Sprintf(`{"id":"%d"}`, i))
	}
	b := setup(t, nil)
	got, f := b.adapter.readClips([]string{"255", "256"}, upstream.Answer{Status: 200, Body: []byte("[" + strings.Join(clips, ",") + "]")})
	require.Nil(t, f)
	require.NotNil(t, got[0])
	require.Nil(t, got[1])
	deep := strings.Repeat("[", 9000) + strings.Repeat("]", 9000)
	got, f = b.adapter.readClips([]string{sampleID}, upstream.Answer{Status: 200, Body: []byte(deep)})
	require.Nil(t, f)
	require.Nil(t, got[0])
}

func TestUnknownWordsAreCountedAndLoggedOnce(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	for range 3 {
		for _, word := range []string{"generating", "mastering", "mixing"} {
			_, f := b.read(false, 200, one(`"status":"`+word+`"`))
			require.Nil(t, f)
		}
	}
	require.Equal(t, 1, strings.Count(b.log.String(), "status=mastering"))
	require.Equal(t, 2, strings.Count(b.log.String(), "level=WARN"))
	require.InDelta(t, 6, upstreamtest.UnknownStatuses(t, b.reg), 0)
	for i := range 1000 {
		_, _ = b.read(true, 200, fmt.Sprintf(`{"status":"w%d"}`, i))
	}
	require.Equal(t, 100, strings.Count(b.log.String(), "level=WARN"))
	problems, err := testutil.GatherAndLint(b.reg)
	require.NoError(t, err)
	require.Empty(t, problems)
}

func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("testdata/*.json")
	require.NoError(f, err)
	for _, file := range files {
		body, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(body, strings.Contains(file, "lyrics"))
	}
	f.Add([]byte(`{"clips":[{"id":"`+sampleID+`","status":"error","metadata":{"error_type":"x"}},{"id":1}]}`), false)
	b := setup(f, nil)
	f.Fuzz(func(t *testing.T, body []byte, lyrics bool) {
		seen, failure := b.read(lyrics, 200, string(body))
		if failure != nil {
			return
		}
		for _, obs := range seen {
			require.LessOrEqual(t, len(obs.Items), 1)
			require.LessOrEqual(t, len(obs.Raw), 64)
			require.Equal(t, obs.Status == task.Failed, obs.Failure != nil)
			for _, it := range obs.Items {
				require.GreaterOrEqual(t, it.Duration, 0.0)
				require.Equal(t, it.Status == task.Failed, it.Failure != nil)
			}
		}
	})
}
