package sunoapi

import (
	"fmt"
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

func data(record string) string { return `{"code":200,"msg":"success","data":` + record + `}` }

func TestTolerantDecoding(t *testing.T) {
	t.Parallel()
	one := []task.Item{{ID: clipA, AudioURL: "https://h/a.mp3", Duration: 154.6}}
	for name, tc := range map[string]struct {
		body   string
		status task.Status
		items  []task.Item
	}{
		"unknown fields":            {data(`{"status":"PENDING","new":{"a":[1]},"createTime":"2025-01-01 00:00:00","response":null}`), task.Processing, nil},
		"code as a string":          {`{"code":"200","data":{"status":"PENDING","createTime":1776340072000}}`, task.Processing, nil},
		"no code":                   {`{"data":{"status":"PENDING"}}`, task.Processing, nil},
		"response of a wrong type":  {data(`{"status":"SUCCESS","response":17}`), task.Complete, nil},
		"response a string":         {data(`{"status":"SUCCESS","response":"soon"}`), task.Complete, nil},
		"response JSON in a string": {data(`{"status":"SUCCESS","response":"{\"sunoData\":[{\"id\":\"` + clipA + `\",\"audioUrl\":\"https://h/a.mp3\",\"duration\":\"154.6\"}]}"}`), task.Complete, one},
		"response an array":         {data(`{"status":"SUCCESS","response":[{"id":"` + clipA + `","audioUrl":"https://h/a.mp3","duration":154.6}]}`), task.Complete, one},
		"items null":                {data(`{"status":"SUCCESS","response":{"sunoData":null}}`), task.Complete, nil},
		"items of wrong types":      {data(`{"status":"FIRST_SUCCESS","response":{"sunoData":[null,1,"x",[],{},{"id":null},{"id":"` + clipA + `","audioUrl":"https://h/a.mp3","duration":154.6}]}}`), task.Streaming, one},
		"fields of wrong types": {
			data(`{"status":"SUCCESS","response":{"sunoData":[{"id":"` + clipA + `","audioUrl":"https://h/a.mp3","title":{"a":1},"tags":["x","y"],"duration":"154.6","modelName":true,"prompt":null}]}}`),
			task.Complete,
			[]task.Item{{ID: clipA, AudioURL: "https://h/a.mp3", Duration: 154.6, Tags: "x, y"}},
		},
		"duration that is none": {
			data(`{"status":"SUCCESS","response":{"sunoData":[{"id":"a","duration":"NaN"},{"id":"b","duration":-1},{"id":"c","duration":"long"},{"id":"d","duration":1e999}]}}`),
			task.Complete,
			[]task.Item{{ID: "a"}, {ID: "b"}, {ID: "c"}, {ID: "d"}},
		},
		"no task id":                {data(`{"status":"SUCCESS","response":{"sunoData":[{"id":"A"}]}}`), task.Complete, []task.Item{{ID: "A"}}},
		"task id in the response":   {data(`{"status":"SUCCESS","response":{"taskId":"t1","sunoData":[{"id":"A"}]}}`), task.Complete, []task.Item{{ID: "A"}}},
		"task id of the whole only": {data(`{"taskId":"T1","status":"SUCCESS","response":{"taskId":"parent","sunoData":[{"id":"A"}]}}`), task.Complete, []task.Item{{ID: "A"}}},
		"tracks":                    {data(`{"status":"SUCCESS","response":{"sunoData":[],"tracks":[{"id":"A"}]}}`), task.Complete, []task.Item{{ID: "A"}}},
		"clips":                     {data(`{"status":"SUCCESS","response":{"sunoData":null,"clips":[{"id":"A"}]}}`), task.Complete, []task.Item{{ID: "A"}}},
		"spellings of others": {
			data(`{"status":"SUCCESS","response":{"items":[{"clipId":"A","cld2AudioUrl":"a","status":30,"metadata":{"duration":9,"tags":"t","prompt":"la"}},{"id":"B","state":"published","audio_url":"b"}]}}`), task.Complete,
			[]task.Item{{ID: "A", AudioURL: "a", Status: task.Complete, Duration: 9, Tags: "t", Lyrics: "la"}, {ID: "B", AudioURL: "b"}},
		},
		"data that is the results":   {data(`[{"id":"A"},{"id":"B"}]`), "", []task.Item{{ID: "A"}, {ID: "B"}}},
		"source audio is a preview":  {data(`{"status":"SUCCESS","response":{"sunoData":[{"id":"A","sourceAudioUrl":"s"},{"id":"B","audio_url":"a","source_audio_url":"s"}]}}`), task.Complete, []task.Item{{ID: "A", StreamAudioURL: "s"}, {ID: "B", AudioURL: "a", StreamAudioURL: "s"}}},
		"job with data":              {data(`{"taskId":"T1","state":"success","resultJson":"{\"data\":[{\"id\":\"A\",\"audio_url\":\"a\",\"model_name\":\"m\"}]}"}`), task.Complete, []task.Item{{ID: "A", AudioURL: "a", ModelName: "m"}}},
		"job with a nested response": {data(`{"state":"success","resultJson":"{\"response\":{\"sunoData\":[{\"id\":\"A\"}]}}"}`), task.Complete, []task.Item{{ID: "A"}}},
		"job with URLs": {
			data(`{"state":"success","resultJson":"{\"resultUrls\":[\"https://h/` + clipA + `.mp3\",\"https://h/` + clipA + `.wav\",\"https://h/x.mp3?s=1\",\"https://h/x.png\",7,null,\"\"]}"}`),
			task.Complete,
			[]task.Item{{ID: clipA, AudioURL: "https://h/" + clipA + ".mp3"}, {AudioURL: "https://h/x.mp3?s=1"}},
		},
		"job with data and URLs":                     {data(`{"state":"success","resultJson":{"data":[{"id":"A"}],"resultUrls":["https://h/x.mp3"]}}`), task.Complete, []task.Item{{ID: "A"}}},
		"job with results on the way":                {data(`{"state":"generating","resultJson":"{\"data\":[{\"id\":\"A\",\"stream_audio_url\":\"s\"}]}"}`), task.Processing, []task.Item{{ID: "A", StreamAudioURL: "s"}}},
		"job with a result cut":                      {data(`{"state":"success","resultJson":"{\"data\":[{\"id\":\"A\""}`), task.Complete, nil},
		"job queuing":                                {data(`{"state":"queuing","resultJson":"","failCode":"","failMsg":"","progress":0}`), task.Processing, nil},
		"an account's code that refuses the content": {`{"code":401,"msg":"Prompt likely copyrighted","data":{"status":"FIRST_SUCCESS","response":{"sunoData":[{"id":"A","audioUrl":"a"}]}}}`, task.Streaming, []task.Item{{ID: "A", AudioURL: "a"}}},
		"title is the id":                            {data(`{"status":"SUCCESS","response":{"sunoData":[{"id":"` + clipA + `","title":"` + strings.ToUpper(clipA) + `","audioUrl":"https://h/a.mp3","duration":154.6}]}}`), task.Complete, one},
		"numbers for strings":                        {data(`{"status":"SUCCESS","response":{"sunoData":[{"id":12,"title":1999}]}}`), task.Complete, []task.Item{{ID: "12", Title: "1999"}}},
		"snake case":                                 {data(`{"task_id":"T1","status":"SUCCESS","response":{"suno_data":[{"id":"` + clipA + `","audio_url":"https://h/a.mp3","duration":154.6}]}}`), task.Complete, one},
		"one id twice": {
			data(`{"status":"SUCCESS","response":{"sunoData":[{"id":"A","title":"first"},{"id":"B"},{"id":"A","title":"second","audioUrl":"https://h/a.mp3","tags":""}]}}`),
			task.Complete,
			[]task.Item{{ID: "A", Title: "first", AudioURL: "https://h/a.mp3"}, {ID: "B"}},
		},
		"second choices": {
			data(`{"status":"SUCCESS","response":{"sunoData":[{"id":"A","audioUrl":"","sourceAudioUrl":"s","sourceStreamAudioUrl":"ss","sourceImageUrl":"si","videoUrl":"v"}]}}`),
			task.Complete,
			[]task.Item{{ID: "A", StreamAudioURL: "ss", ImageURL: "si", VideoURL: "v"}},
		},
		"callback exception with items": {data(`{"status":"CALLBACK_EXCEPTION","response":{"sunoData":[{"id":"A"}]}}`), task.Complete, []task.Item{{ID: "A"}}},
		"items without a status":        {data(`{"response":{"sunoData":[{"id":"A"}]}}`), "", []task.Item{{ID: "A"}}},
		"jobs-style record":             {data(`{"taskId":"T1","state":"success","resultJson":"{\"sunoData\":[{\"id\":\"A\"}]}","failMsg":""}`), task.Complete, []task.Item{{ID: "A"}}},
		"jobs-style next to sunoData":   {data(`{"state":"generating","resultJson":"","sunoData":[{"id":"A"}]}`), task.Processing, []task.Item{{ID: "A"}}},
		"jobs-style waiting":            {data(`{"state":"waiting","resultJson":null}`), task.Processing, nil},
		"items that came before the end": {
			data(`{"status":"GENERATE_AUDIO_FAILED","errorCode":500,"response":{"sunoData":[{"id":"` + clipA + `","audioUrl":"https://h/a.mp3","duration":154.6}]}}`),
			task.Failed, one,
		},
		"an error text next to results": {
			data(`{"status":"FIRST_SUCCESS","errorMessage":"Lyrics contained copyrighted material","response":{"sunoData":[{"id":"` + clipA + `","audioUrl":"https://h/a.mp3","duration":154.6}]}}`),
			task.Streaming, one,
		},
		"an account code next to a record": {`{"code":400,"msg":"Token validation failed","data":{"status":"PENDING"}}`, task.Processing, nil},
		"another code next to a record":    {`{"code":500,"msg":"Server Error","data":{"status":"PENDING"}}`, task.Processing, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, sunoAPI(), nil)
			obs, _, f := b.decode(task.Generate, tc.body)
			require.Nil(t, f)
			require.Equal(t, tc.status, obs.Status)
			require.Equal(t, tc.items, obs.Items)
		})
	}
}

func TestEnvelopeErrorExplainsARecord(t *testing.T) {
	t.Parallel()
	b := setup(t, kie(), nil)
	obs, code, f := b.decode(task.Lyrics, `{"code":400,"msg":"Song Description flagged for moderation","data":{"taskId":"T1","status":"GENERATE_LYRICS_FAILED"}}`)
	require.Nil(t, f)
	require.Equal(t, 400, code)
	require.Equal(t, task.ModerationFlagged, obs.Failure.Code)

	obs, _, f = b.decode(task.Generate, `{"code":200,"data":{"state":"fail","failCode":"422","failMsg":"Prompt likely malformed"}}`)
	require.Nil(t, f)
	require.Equal(t, task.MalformedPrompt, obs.Failure.Code)
}

func TestLyrics(t *testing.T) {
	t.Parallel()
	b := setup(t, kie(), nil)
	obs, _, f := b.decode(task.Lyrics, data(`{"status":"SUCCESS","response":{"data":[
		{"id":"x","text":"la","title":"A","status":"complete","errorMessage":""},
		{"text":"","title":"B","status":"failed","error_message":"Prompt flagged for moderation"},
		{"status":"failed"},
		{"text":"lo","status":"dreaming"}]}}`))
	require.Nil(t, f)
	require.Equal(t, task.Complete, obs.Status)
	require.Len(t, obs.Items, 4)
	require.Equal(t, task.Item{Title: "A", Lyrics: "la", Status: task.Complete}, obs.Items[0])
	require.Equal(t, task.Failed, obs.Items[1].Status)
	require.Equal(t, task.ModerationFlagged, obs.Items[1].Failure.Code)
	require.Equal(t, task.TaskDead, obs.Items[2].Failure.Verdict)
	require.Equal(t, task.Item{Lyrics: "lo"}, obs.Items[3])
}

func TestBodiesThatAreNoRecord(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`null`: "bad_body", `[]`: "bad_body", `7`: "bad_body", `"x"`: "bad_body",
		`{}`: "no_record", `{"code":200}`: "no_record", `{"msg":"Insufficient credits"}`: "no_record",
		`{"code":200,"msg":"success","data":null}`:                                      "no_record",
		`{"code":200,"msg":"Insufficient credits","data":null}`:                         "no_record",
		`{"code":200,"data":{"taskId":"T1"}}`:                                           "no_record",
		`{"code":200,"data":[]}`:                                                        "no_record",
		`{"code":1e300,"data":null}`:                                                    "no_record",
		`{"code":"success","data":"T1"}`:                                                "no_record",
		data(`{"taskId":"T2","status":"SUCCESS"}`):                                      "no_record",
		data(`{"task_id":"T2","status":"SUCCESS"}`):                                     "no_record",
		data(`{"status":"SUCCESS","response":{"taskId":"T2","sunoData":[{"id":"A"}]}}`): "no_record",
		`{"code":500,"msg":"Server Error","data":null}`:                                 "provider_error",
		`{"code":455,"msg":"System maintenance","data":null}`:                           "maintenance",
		`{"code":200,"msg":"recordInfo is null","data":null}`:                           "unknown_task",
		`{"code":401,"msg":"x","data":{"status":"PENDING"}}`:                            "unauthorized",
		`{"code":430,"msg":"x","data":{"status":"PENDING"}}`:                            "rate_limited",
	} {
		b := setup(t, sunoAPI(), nil)
		_, _, f := b.decode(task.Generate, body)
		require.NotNil(t, f, body)
		require.Equal(t, want, f.Reason, body)
	}
}

func TestArraysAndObjectsAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t, sunoAPI(), nil)
	var items, keys []string
	for i := range 100_000 {
		items = append(items, fmt.Sprintf(`{"id":"%d"}`, i))
		keys = append(keys, fmt.Sprintf(`"k%d":0`, i))
	}
	obs, _, f := b.decode(task.Generate, data(`{"status":"SUCCESS","response":{"sunoData":[`+strings.Join(items, ",")+`]}}`))
	require.Nil(t, f)
	require.Len(t, obs.Items, 64)
	obs, _, f = b.decode(task.Generate, data(`{"status":"SUCCESS",`+strings.Join(keys, ",")+`}`))
	require.Nil(t, f)
	require.Equal(t, task.Complete, obs.Status)
	deep := data(`{"status":"SUCCESS","response":{"sunoData":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}}`)
	obs, _, f = b.decode(task.Generate, deep)
	require.Nil(t, f)
	require.Empty(t, obs.Items)
}

func TestUnknownWordsAreCountedAndLoggedOnce(t *testing.T) {
	t.Parallel()
	b := setup(t, kie(), nil)
	for range 3 {
		for _, word := range []string{"GENERATING", "SECOND_SUCCESS"} {
			_, _, f := b.decode(task.Generate, data(`{"status":"`+word+`"}`))
			require.Nil(t, f)
		}
	}
	require.Equal(t, 1, strings.Count(b.log.String(), "status=SECOND_SUCCESS"))
	require.Equal(t, 2, strings.Count(b.log.String(), "level=WARN"))
	require.InDelta(t, 6, upstreamtest.UnknownStatuses(t, b.reg), 0)
	for i := range 1000 {
		_, _, _ = b.decode(task.Generate, data(fmt.Sprintf(`{"status":"W%d"}`, i)))
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
	f.Add([]byte(data(`{"state":"fail","failCode":"1","failMsg":"x","resultJson":"[{\"id\":\"a\"}]","sunoData":[{"id":1}]}`)), false)
	f.Add([]byte(data(`{"state":"success","resultJson":"{\"resultUrls\":[\"https://h/`+clipA+`.mp3\",7]}"}`)), false)
	f.Add([]byte(data(`[{"clipId":"a","state":40,"failMsg":"x"}]`)), false)
	f.Add([]byte(`{"code":451,"msg":"Unauthorized - Failed to fetch the image.","data":null}`), false)
	b := setup(f, kie(), nil)
	f.Fuzz(func(t *testing.T, body []byte, lyrics bool) {
		taskType := task.Generate
		if lyrics {
			taskType = task.Lyrics
		}
		obs, _, failure := b.adapter.read(task.Ref{TaskID: "5c79aaaa0000bbbb1111cccc2222be8e", Type: taskType}, upstream.Answer{Status: 200, Body: body})
		if failure != nil {
			require.Empty(t, obs)
			require.True(t, failure.Provisional || failure.Verdict < task.UnknownTask || upstream.AboutContent(failure.Code), failure)
			return
		}
		require.LessOrEqual(t, len(obs.Items), 64)
		require.LessOrEqual(t, len(obs.Raw), 64)
		require.Equal(t, obs.Status == task.Failed, obs.Failure != nil)
		seen := map[string]bool{}
		for _, it := range obs.Items {
			require.False(t, it.ID != "" && seen[it.ID], "the same id twice")
			require.GreaterOrEqual(t, it.Duration, 0.0)
			seen[it.ID] = true
		}
	})
}
