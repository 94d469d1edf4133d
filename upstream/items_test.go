package upstream

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/task"
)

// TestItemSpellings reads one result in the spellings that were seen.
func TestItemSpellings(t *testing.T) {
	t.Parallel()
	want := task.Item{
		ID: "A", Status: task.Complete, Title: "T", AudioURL: "https://h/a.mp3", StreamAudioURL: "https://h/s", ImageURL: "https://h/i",
		VideoURL: "https://h/v", Lyrics: "la", Tags: "pop", ModelName: "chirp-v4", Duration: 154.6,
	}
	for name, body := range map[string]string{
		"snake case":    `{"id":"A","status":"complete","title":"T","audio_url":"https://h/a.mp3","stream_audio_url":"https://h/s","image_url":"https://h/i","video_url":"https://h/v","lyric":"la","tags":"pop","model_name":"chirp-v4","duration":154.6}`,
		"camel case":    `{"clipId":"A","status":30,"title":"T","audioUrl":"https://h/a.mp3","sourceStreamAudioUrl":"https://h/s","imageUrl":"https://h/i","videoUrl":"https://h/v","prompt":"la","style":["pop"],"modelName":"chirp-v4","duration":"154.6"}`,
		"cld2":          `{"clip_id":"A","state":"succeeded","title":"T","audio_url":null,"cld2AudioUrl":"https://h/a.mp3","streamAudioUrl":"https://h/s","cld2ImageUrl":"https://h/i","cld2VideoUrl":"https://h/v","lyrics":"la","tags":["","pop"],"model":"chirp-v4","duration":154.6}`,
		"metadata":      `{"id":"A","status":"COMPLETE","title":"T","audio_url":"https://h/a.mp3","stream_audio_url":"https://h/s","image_large_url":"https://h/i","video_url":"https://h/v","major_model_version":"chirp-v4","metadata":{"prompt":"la","tags":"pop","duration":154.6}}`,
		"text metadata": `{"id":"A","status":"success","title":"T","audio_url":"https://h/a.mp3","stream_audio_url":"https://h/s","image_url":"https://h/i","video_url":"https://h/v","model_name":"chirp-v4","prompt":"","text":"la","metadata":"{\"tags\":\"pop\",\"duration\":154.6}"}`,
	} {
		results := Items{}.Parse(parsed(body), task.Generate)
		require.Len(t, results, 1, name)
		require.Equal(t, want, results[0].Item, name)
		require.False(t, results[0].Unknown, name)
	}
}

// TestItemLists finds results wherever a provider puts them.
func TestItemLists(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]int{
		`[{"id":"A"},{"id":"B"}]`:                             2,
		`{"id":"A"}`:                                          1,
		`{"sunoData":[{"id":"A"},{"id":"B"}]}`:                2,
		`{"suno_data":null,"tracks":[{"id":"A"}]}`:            1,
		`{"sunoData":[],"clips":[{"id":"A"}],"id":"R"}`:       1,
		`{"sunoData":[],"id":"R"}`:                            0,
		`{"data":{"items":[{"id":"A"}]}}`:                     1,
		`"{\"data\":[{\"id\":\"A\"}]}"`:                       1,
		`{"data":"[{\"id\":\"A\"},{\"id\":\"B\"}]"}`:          2,
		`[null,1,"x",[],{},{"id":null},{"new":1},{"id":"A"}]`: 1,
		`[{"id":"A","title":"x"},{"id":"A","audio_url":"u"}]`: 1,
		`{"data":{"data":{"data":{"data":[{"id":"A"}]}}}}`:    0,
		`null`: 0, `7`: 0, `"x"`: 0, `{}`: 0, ``: 0, `{"x":1}`: 0,
		"[" + strings.Repeat(`{"title":"x"},`, 999) + "{}]": maxItems,
	} {
		require.Len(t, Items{}.Parse(parsed(body), task.Generate), want, body[:min(len(body), 80)])
	}
	same := Items{}.Parse(parsed(`[{"id":"A","title":"x","tags":"pop"},{"id":"a","title":"y","state":"error","error":{"code":"c"}},{"id":"A","audio_url":"u"}]`), task.Generate)
	require.Equal(t, []Result{{
		Item: task.Item{ID: "a", Title: "y", Tags: "pop", AudioURL: "u", Status: task.Failed}, State: "error", Err: ErrorField{Code: "c"},
	}}, same, "the result that is further along, with what the others have")
}

func TestItemStates(t *testing.T) {
	t.Parallel()
	own := Items{Words: map[string]task.Status{"text_success": task.Processing, "pending": task.Processing}}
	for word, want := range map[string]task.Status{
		"20": task.Processing, "30": task.Complete, "40": task.Failed, "Succeeded": task.Complete, "NOT_START": task.Submitted,
		"TEXT_SUCCESS": task.Processing, "pending": task.Processing,
	} {
		status, known := own.State(word)
		require.Equal(t, want, status, word)
		require.True(t, known, word)
	}
	status, known := Items{}.State("mastering")
	require.Equal(t, task.Processing, status)
	require.False(t, known)
	require.Empty(t, Items{}.Parse(parsed(`{"id":"A"}`), task.Generate)[0].Status)
}

func TestItemOddities(t *testing.T) {
	t.Parallel()
	parse := func(i Items, taskType task.Type, body string) task.Item {
		results := i.Parse(parsed(body), taskType)
		require.Len(t, results, 1)
		return results[0].Item
	}
	both := `{"id":"A","text":"words","prompt":"a song about rain"}`
	require.Equal(t, "a song about rain", parse(Items{}, task.Generate, both).Lyrics)
	require.Equal(t, "words", parse(Items{}, task.Lyrics, both).Lyrics)
	require.Equal(t, "words", parse(Items{NotLyrics: []string{"prompt"}}, task.Generate, both).Lyrics)
	require.Empty(t, parse(Items{}, task.Lyrics, `{"id":"A","prompt":"a song about rain"}`).Lyrics)
	require.Empty(t, parse(Items{}, task.Generate, `{"id":"A","title":"a"}`).Title, "an id is no title")
	for _, duration := range []string{`-1`, `"NaN"`, `1e999`, `"long"`, `[]`, `0`} {
		require.Zero(t, parse(Items{}, task.Generate, `{"id":"A","duration":`+duration+`}`).Duration)
	}
	require.InDelta(t, 12, parse(Items{}, task.Generate, `{"id":"A","duration":0,"metadata":{"duration":12}}`).Duration, 0)
}

func TestItemFailures(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"state":"error","error":"Tags contained artist name"}`:                                                                   "permanent PRODUCER_TAG",
		`{"state":"error","error":{"code":"moderation_failure"}}`:                                                                  "permanent MODERATION_FLAGGED",
		`{"state":"failed","errorMessage":"Title too long."}`:                                                                      "permanent INVALID_REQUEST",
		`{"state":40,"fail_reason":"something odd"}`:                                                                               "task_dead API_ERROR",
		`{"status":"error","metadata":{"error_type":"moderation_failure","error_message":"Your lyrics contain copyrighted text"}}`: "permanent COPYRIGHTED",
		`{"status":"error","error_message":"Insufficient credits"}`:                                                                "task_dead API_ERROR",
		`{"status":"error"}`: "task_dead API_ERROR",
	} {
		results := Items{}.Parse(parsed(body), task.Generate)
		require.Len(t, results, 1)
		require.True(t, results[0].Bare() || results[0].Err.Given())
		f := results[0].ItemFailure()
		require.NotEmpty(t, f.Message)
		require.Equal(t, want, f.Verdict.String()+" "+string(f.Code), body)
	}
}

func FuzzItems(f *testing.F) {
	f.Add([]byte(`{"sunoData":[{"id":"A","status":30}]}`))
	f.Add([]byte(`"{\"data\":[{\"clipId\":\"A\",\"metadata\":{\"tags\":[\"x\"]}}]}"`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, r := range (Items{}).Parse(parsed(string(raw)), task.Generate) {
			require.NotEqual(t, Result{}, r)
			require.GreaterOrEqual(t, r.Duration, 0.0)
		}
	})
}
