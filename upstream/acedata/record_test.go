package acedata

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"tasksync/task"
	"tasksync/upstream"
	"tasksync/upstream/upstreamtest"
)

// aRecord is a record of taskA; rest is what comes after its id.
func aRecord(rest string) string { return `{"id":"` + taskA + `",` + rest + `}` }

func song(id, state, rest string) string {
	return fmt.Sprintf(`{"id":%q,"state":%q,"audio_url":"https://h/%s.mp3"%s}`, id, state, id, rest)
}

func result(success bool, data ...string) string {
	return fmt.Sprintf(`"response":{"success":%t,"data":[%s]}`, success, strings.Join(data, ","))
}

// TestClipStatesDecide: neither success nor a URL says how far a task is.
func TestClipStatesDecide(t *testing.T) {
	t.Parallel()
	const failing = `"response":{"success":false,"error":{"code":"api_error","message":"fetch failed"}`
	for name, tc := range map[string]struct {
		record string
		status task.Status
		items  string // their statuses
	}{
		"no response":                {`"created_at":1.5`, task.Processing, ""},
		"null response":              {`"response":null`, task.Processing, ""},
		"response that is none":      {`"response":"soon"`, task.Processing, ""},
		"empty response":             {`"response":{}`, task.Processing, ""},
		"not yet a success":          {`"response":{"success":false}`, task.Processing, ""},
		"success without data":       {`"response":{"success":true,"data":[]}`, task.Processing, ""},
		"success while pending":      {result(true, song("A", "pending", ""), song("B", "pending", "")), task.Processing, "queued queued"},
		"success while running":      {result(true, song("A", "running", ""), song("B", "running", "")), task.Processing, "processing processing"},
		"success, one done":          {result(true, song("A", "succeeded", ""), song("B", "running", "")), task.Processing, "complete processing"},
		"success, all done":          {result(true, song("A", "succeeded", ""), song("B", "succeeded", "")), "", "complete complete"},
		"no success, all done":       {result(false, song("A", "succeeded", ""), song("B", "succeeded", "")), "", "complete complete"},
		"one done, one failed":       {result(true, song("A", "succeeded", ""), song("B", "error", "")), "", "complete failed"},
		"all failed":                 {result(true, song("A", "error", ""), song("B", "error", "")), "", "failed failed"},
		"finished, one of two":       {`"finished_at":1725083180.2,` + result(true, song("A", "succeeded", "")), task.Complete, "complete"},
		"finished, no states":        {`"finished_at":1725083180.2,` + result(true, song("A", "", "")), task.Complete, ""},
		"finished, running":          {`"finished_at":1725083180.2,` + result(true, song("A", "running", "")), task.Processing, "processing"},
		"a state of another case":    {result(true, song("A", "Succeeded", ""), song("B", "RUNNING", "")), task.Processing, "complete processing"},
		"an unknown clip state":      {result(true, song("A", "succeeded", ""), song("B", "mastering", "")), task.Processing, "complete processing"},
		"no states, success":         {result(true, song("A", "", ""), song("B", "", "")), "", "|"},
		"no states, no success":      {result(false, song("A", "", "")), task.Processing, "processing"},
		"no states, record pending":  {`"state":"pending",` + result(true, song("A", "", "")), task.Queued, "processing"},
		"no states, record done":     {`"state":"complete",` + result(false, song("A", "", "")), task.Complete, ""},
		"record pending":             {`"state":"pending"`, task.Queued, ""},
		"record processing":          {`"state":"processing"`, task.Processing, ""},
		"record complete, no data":   {`"state":"complete","response":{"success":true}`, task.Processing, ""},
		"record complete, running":   {`"state":"complete",` + result(true, song("A", "running", "")), task.Processing, "processing"},
		"record pending, clips done": {`"state":"pending",` + result(true, song("A", "succeeded", "")), "", "complete"},
		"record of an unknown state": {`"state":"mastering"`, task.Processing, ""},
		"an empty state":             {`"state":"",` + result(true, song("A", "succeeded", "")), "", "complete"},
		"one failed after one done":  {`"state":"failed",` + failing + `,"data":[` + song("A", "succeeded", "") + `,` + song("B", "running", "") + `]}`, task.Complete, "complete failed"},
		"failed before one was done": {`"state":"failed",` + failing + `,"data":[` + song("A", "running", "") + `]}`, task.Failed, "processing"},
		"an error":                   {failing + `}`, task.Failed, ""},
		"an error, record complete":  {`"state":"complete",` + failing + `}`, task.Failed, ""},
		"an error, record pending":   {`"state":"pending",` + failing + `}`, task.Queued, ""},
		"an error beside success":    {`"response":{"success":true,"error":{"code":"api_error"},"data":[` + song("A", "succeeded", "") + `]}`, "", "complete"},
		"a failed record":            {`"state":"failed"`, task.Failed, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			obs := setup(t, nil).observe(t, task.Generate, aRecord(tc.record))
			require.Equal(t, tc.status, obs.Status)
			var items []string
			for _, it := range obs.Items {
				items = append(items, string(it.Status))
			}
			require.Equal(t, strings.ReplaceAll(tc.items, "|", " "), strings.Join(items, " "))
			require.Equal(t, tc.status == task.Failed, obs.Failure != nil)
		})
	}
}

// TestPreviewsAreNotFinal goes through Decide: neither success nor a URL may complete a
// row.
func TestPreviewsAreNotFinal(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	for rest, want := range map[string]task.Status{
		result(true, song("A", "running", ""), song("B", "pending", "")):                            task.Streaming,
		result(true, song("A", "succeeded", ""), song("B", "running", "")):                          task.Streaming,
		`"state":"pending",` + result(true, song("A", "", ""), song("B", "", "")):                   task.Streaming,
		`"state":"pending",` + result(true, song("A", "succeeded", "")):                             task.Streaming, // of two
		`"state":"processing",` + result(true, song("A", "error", "")):                              task.Processing,
		result(true, song("A", "succeeded", ""), song("B", "succeeded", "")):                        task.Complete,
		`"state":"pending",` + result(true, song("A", "succeeded", ""), song("B", "succeeded", "")): task.Complete,
		result(true, song("A", "succeeded", "")):                                                    task.Streaming, // one of two
		`"finished_at":1,` + result(true, song("A", "succeeded", "")):                               task.Complete,
		`"state":"complete",` + result(true, song("A", "succeeded", "")):                            task.Complete,
		result(true, song("A", "", ""), song("B", "", "")):                                          task.Complete,
		result(true, song("A", "succeeded", ""), song("B", "error", "")):                            task.Complete,
		result(true, song("A", "error", ""), song("B", "error", "")):                                task.Failed,
	} {
		obs := b.observe(t, task.Generate, aRecord(rest))
		h := task.DefaultHandlers()[task.Generate]
		require.Equal(t, want, h.DeriveStatus(obs.Status, h.MapToClips(task.Generation{TaskID: taskA, Type: task.Generate}, obs.Items)), rest)
	}
}

func TestTolerantDecoding(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	one := []task.Item{{ID: clipA, AudioURL: "https://h/a.mp3", Duration: 154.6, Status: task.Complete}}
	clip := `{"id":"` + clipA + `","audio_url":"https://h/a.mp3","duration":154.6,"state":"succeeded"}`
	for name, tc := range map[string]struct {
		body  string
		items []task.Item
	}{
		"unknown fields":    {aRecord(`"new":{"a":[1]},"response":{"success":true,"x":[[]],"data":[` + clip + `]}`), one},
		"data an object":    {aRecord(`"response":{"success":true,"data":` + clip + `}`), one},
		"data of odd kinds": {aRecord(`"response":{"success":"true","data":[null,1,"x",[],{},{"id":null},` + clip + `]}`), one},
		"fields of odd kinds": {
			aRecord(`"response":{"success":1,"data":[{"id":"` + clipA + `","audio_url":"https://h/a.mp3","duration":"154.6","state":"succeeded","title":{"a":1},"style":{"b":2},"model":true,"lyric":null,"error":[]}]}`),
			one,
		},
		"duration that is none": {
			aRecord(`"response":{"data":[{"id":"a","duration":"NaN","state":"succeeded"},{"id":"b","duration":-1,"state":"succeeded"},{"id":"c","duration":1e999,"state":"succeeded"}]}`),
			[]task.Item{{ID: "a", Status: task.Complete}, {ID: "b", Status: task.Complete}, {ID: "c", Status: task.Complete}},
		},
		"title is the id":     {aRecord(`"response":{"data":[{"id":"` + clipA + `","title":"` + strings.ToUpper(clipA) + `","audio_url":"https://h/a.mp3","duration":154.6,"state":"succeeded"}]}`), one},
		"numbers for strings": {aRecord(`"response":{"data":[{"id":12,"title":1999,"state":"succeeded"}]}`), []task.Item{{ID: "12", Title: "1999", Status: task.Complete}}},
		"tags for style":      {aRecord(`"response":{"data":[{"id":"a","tags":["x",1,null," y "],"state":"succeeded"}]}`), []task.Item{{ID: "a", Tags: "x, 1, y", Status: task.Complete}}},
		"an error text":       {aRecord(`"response":{"success":true,"error":"","data":[` + clip + `]}`), one},
		"in an array":         {`[` + aRecord(`"response":{"success":true,"data":[`+clip+`]}`) + `]`, one},
		"items one object":    {`{"items":` + aRecord(`"response":{"success":true,"data":[`+clip+`]}`) + `}`, one},
		"bare":                {`{"success":true,"task_id":"` + taskA + `","data":[` + clip + `]}`, one},
		"bare, without an id": {`{"success":true,"data":[` + clip + `]}`, one},
		"id in the response":  {`{"_id":"66d2","response":{"task_id":"` + strings.ToUpper(taskA) + `","data":[` + clip + `]}}`, one},
		"id of the database":  {`{"_id":"` + taskA + `","id":"other","response":{"data":[` + clip + `]}}`, one},
		"the sentinel": {
			aRecord(`"response":{"success":true,"data":[{"id":"a","audio_url":"https://studio-api.prod.suno.com/api/forbidden","state":"succeeded"}]}`),
			[]task.Item{{ID: "a", AudioURL: "https://studio-api.prod.suno.com/api/forbidden", Status: task.Complete}}, // Decide's to judge
		},
	} {
		require.Equal(t, tc.items, b.observe(t, task.Generate, tc.body).Items, name)
	}
}

func TestLyrics(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	for body, want := range map[string][]task.Item{
		`"response":{"success":true,"data":{"id":"x","text":"la","title":"A","status":"complete"}}`:             {{Title: "A", Lyrics: "la", Status: task.Complete}},
		`"response":{"success":true,"data":{"text":"la","title":"A"}}`:                                          {{Title: "A", Lyrics: "la"}},
		`"response":{"success":true,"data":[{"text":"la","tags":["a","b"],"status":"complete"},{"text":"lo"}]}`: {{Lyrics: "la", Tags: "a, b", Status: task.Complete}, {Lyrics: "lo"}},
		`"response":{"success":true,"data":[{"text":"","title":"A","status":"running"}]}`:                       {{Title: "A", Status: task.Processing}},
		`"state":"pending","response":{"success":true,"data":[{"text":"la"}]}`:                                  {{Lyrics: "la", Status: task.Processing}},
	} {
		require.Equal(t, want, b.observe(t, task.Lyrics, aRecord(body)).Items, body)
	}
	obs := b.observe(t, task.Lyrics, aRecord(`"response":{"success":true,"data":[{"text":"la","status":"complete"},
		{"status":"error","error":{"code":"bad_request","message":"Prompt flagged for moderation"}},
		{"status":"error","error_message":"no luck"}, {"status":"failed"}]}`))
	require.Equal(t, task.Complete, obs.Status)
	require.Len(t, obs.Items, 4)
	require.Equal(t, task.ModerationFlagged, obs.Items[1].Failure.Code)
	require.Equal(t, "no luck", obs.Items[2].Failure.Message)
	require.Equal(t, task.TaskDead, obs.Items[3].Failure.Verdict)
}

func TestBodiesThatAreNoRecord(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	for body, want := range map[string]string{
		`7`: "bad_body", `"x"`: "bad_body", `true`: "bad_body", `[7]`: "", `{"hello":"you"}`: "bad_body",
		`{"success":true}`: "bad_body", `{"message":"hello"}`: "bad_body", `{"error":{"code":"new"}}`: "bad_body",
		`{"id":"` + taskB + `","state":"complete"}`:             "bad_body",
		`{"items":[{"id":"` + taskB + `","state":"complete"}]}`: "bad_body",
		`{"items":[{}]}`: "bad_body",
		`{"success":false,"error":{"code":"too_many_requests","message":"slow down"}}`: "rate_limited",
		`{"success":false,"error":{"code":"invalid_token"}}`:                           "unauthorized",
		`{"success":false,"error":"task not found"}`:                                   "unknown_task",
		// nothing was reported
		`null`: "", `{}`: "", `[]`: "", `{"items":[],"count":0}`: "", `{"items":null,"count":0}`: "", `{"items":[7]}`: "",
	} {
		obs, f := b.decode(t, task.Generate, 200, body)
		require.Nil(t, obs, body)
		if want == "" {
			require.Nil(t, f, body)
			continue
		}
		require.NotNil(t, f, body)
		require.Equal(t, want, f.Reason, body)
	}
}

func TestBatchAnswers(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	asked := []task.Ref{
		{TaskID: taskA, Type: task.Generate}, {TaskID: taskB, Type: task.Lyrics}, {TaskID: taskB, Type: task.Merge}, {TaskID: "c", Type: task.Extend},
	}
	read := func(body string) (obs []task.Observation, f *task.Failure) {
		seen, f := b.adapter.read(asked, upstream.Answer{Status: 200, Body: []byte(body)})
		for _, o := range seen {
			if o != nil {
				obs = append(obs, *o)
			}
		}
		return obs, f
	}
	obs, f := read(`{"items":[{"id":"` + taskB + `","state":"pending"},{"id":"stranger","state":"failed"},null,{"state":"failed"},` +
		aRecord(`"state":"complete","response":{"data":[{"id":"x","state":"succeeded"}]}`) + `,` + aRecord(`"state":"failed"`) + `],"count":5}`)
	require.Nil(t, f)
	require.Len(t, obs, 3)
	require.Equal(t, map[string]string{taskA: "complete", taskB: "queued"}, seen(obs))

	obs, f = read(aRecord(`"state":"pending"`)) // one record in answer to a batch call
	require.Nil(t, f)
	require.Equal(t, map[string]string{taskA: "queued"}, seen(obs))
}

func TestArraysAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	many := func(el string) string { return strings.Repeat(el+",", 99_999) + el }
	obs := b.observe(t, task.Generate, aRecord(`"response":{"success":true,"data":[`+many(`{"title":"x","state":"succeeded"}`)+`]}`))
	require.Len(t, obs.Items, 64)
	obs = b.observe(t, task.Generate, aRecord(`"response":{"success":true,"data":[{"tags":[`+many(`"x"`)+`]}]}`))
	require.Len(t, obs.Items[0].Tags, 3*64-2)
	_, f := b.decode(t, task.Generate, 200, `{"items":[`+many(`0`)+`]}`)
	require.Nil(t, f)
	deep := strings.Repeat("[", 9000) + strings.Repeat("]", 9000)
	obs = b.observe(t, task.Generate, aRecord(`"response":{"success":true,"data":`+deep+`}`))
	require.Empty(t, obs.Items)
	obs = b.observe(t, task.Generate, aRecord(`"response":`+strings.Repeat(`{"response":`, 3000)+`1`+strings.Repeat("}", 3000)))
	require.Equal(t, task.Processing, obs.Status)
}

func TestUnknownWordsAreCountedAndLoggedOnce(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	for range 3 {
		b.observe(t, task.Generate, aRecord(`"state":"mastering",`+result(true, song("A", "mixing", ""))))
	}
	require.Equal(t, 1, strings.Count(b.log.String(), "status=mastering"))
	require.Equal(t, 1, strings.Count(b.log.String(), "status=mixing"))
	require.InDelta(t, 6, upstreamtest.UnknownStatuses(t, b.reg), 0)
	for i := range 1000 {
		b.observe(t, task.Generate, aRecord(fmt.Sprintf(`"state":"w%d"`, i)))
	}
	require.Equal(t, 100, strings.Count(b.log.String(), "level=WARN"))
	problems, err := testutil.GatherAndLint(b.reg)
	require.NoError(t, err)
	require.Empty(t, problems)
}

func TestRawIsTheProvidersWord(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	for rest, want := range map[string]string{
		`"x":1`:             "",
		`"state":"pending"`: "pending",
		`"response":{"error":{"code":"api_error"}}`:                                                  "api_error",
		result(true, song("A", "succeeded", ""), song("B", "running", ""), song("C", "running", "")): "succeeded,running",
		`"state":"` + strings.Repeat("x", 70) + `"`:                                                  strings.Repeat("x", 64),
	} {
		require.Equal(t, want, b.observe(t, task.Generate, aRecord(rest)).Raw, rest)
	}
}
