package simulator

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/task"
)

// sunoclipsAnswer is a clip, a lyric or an error as a client reads it.
type sunoclipsAnswer struct {
	ID       string  `json:"id"`
	Status   string  `json:"status"`
	AudioURL *string `json:"audio_url"`
	Text     string  `json:"text"`
	Metadata struct {
		ErrorType    string `json:"error_type"`
		ErrorMessage string `json:"error_message"`
	} `json:"metadata"`
}

func clipsOf(t *testing.T, text string) (clips []sunoclipsAnswer) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(text), &clips), text)
	return clips
}

func (b *bundle) clips(t *testing.T, ids string) []sunoclipsAnswer {
	t.Helper()
	_, text := b.do(t, http.MethodGet, "/clips?ids="+ids, "")
	return clipsOf(t, text)
}

func TestSunoclipsShapesAreThoseOfTheSamples(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		sample   string
		taskType task.Type
		fate     Fate
		age      int // seconds; the phase is the same for every draw
	}{
		{"sunoclips-clips-queued", task.Generate, Success, 19},
		{"sunoclips-clips-streaming", task.Generate, Success, 41},
		{"sunoclips-clips-complete", task.Generate, Success, 170},
		{"sunoclips-clips-error_artist", task.Generate, RefusedArtist, 10},
		{"sunoclips-lyrics-running", task.Lyrics, Success, 0},
		{"sunoclips-lyrics-complete", task.Lyrics, Success, 10},
	} {
		t.Run(tt.sample, func(t *testing.T) {
			t.Parallel()
			b := setup(t, Config{Provider: "sunoclips"})
			id, path := b.Submit(tt.taskType, tt.fate), "/clips?ids="
			if tt.taskType == task.Lyrics {
				path = "/lyrics/"
			}
			b.clock.set(epoch.Add(time.Duration(tt.age) * time.Second))
			res, got := b.do(t, http.MethodGet, path+id, "")
			require.Equal(t, http.StatusOK, res.StatusCode)
			want := sample(t, tt.sample)
			require.Equal(t, shape(t, want), shape(t, got))
			if tt.taskType == task.Lyrics {
				got, want = "["+got+"]", "["+want+"]"
			}
			require.Equal(t, clipsOf(t, want)[0].Status, clipsOf(t, got)[0].Status)
		})
	}
}

func TestSunoclipsSubmits(t *testing.T) {
	t.Parallel()
	b := setup(t, Config{Provider: "sunoclips"})
	for path, body := range map[string]string{
		"/generate": `{"topic":"rivers","tags":"folk"}`,
		"/concat":   `{"clip_id":"22222222-2222-4222-8222-222222222201"}`,
	} {
		_, text := b.do(t, http.MethodPost, path, body)
		require.Equal(t, shape(t, sample(t, "sunoclips-generate-submitted")), shape(t, text))
		clip := clipsOf(t, "["+text+"]")[0]
		require.Equal(t, "submitted", clip.Status)
		_, ok := b.Task(clip.ID)
		require.True(t, ok, "the task of one clip has its id")
		require.Len(t, b.clips(t, clip.ID), 1)
	}
	_, text := b.do(t, http.MethodPost, "/lyrics", `{"prompt":"rivers","simulate":"ready"}`)
	id := clipsOf(t, "["+text+"]")[0].ID
	require.True(t, task.IsUUID(id))
	_, text = b.do(t, http.MethodGet, "/lyrics/"+id, "")
	require.NotEmpty(t, clipsOf(t, "["+text+"]")[0].Text)

	for _, tt := range []struct{ path, body, detail string }{
		{"/generate", `{}`, "topic or prompt is required"},
		{"/generate", `[]`, "JSON object"},
		{"/generate", `{"topic":"` + strings.Repeat("x", 501) + `"}`, "Topic too long. Please keep it under 500 characters."},
		{"/generate", `{"topic":"x","simulate":"nonsense"}`, "unknown fate"},
		{"/generate", `{"topic":"x","other":"` + strings.Repeat("x", maxBody) + `"}`, "Topic too long."},
		{"/concat", `{"topic":"x"}`, "clip_id is required"},
		{"/lyrics", `{}`, "required"},
	} {
		res, text := b.do(t, http.MethodPost, tt.path, tt.body)
		require.Equal(t, http.StatusBadRequest, res.StatusCode, tt.body)
		require.Contains(t, text, tt.detail)
		require.Equal(t, shape(t, sample(t, "sunoclips-any-http401")), shape(t, text))
	}
}

func TestSunoclipsTaskIsAGroupOfClips(t *testing.T) {
	t.Parallel()
	b := setup(t, Config{Provider: "sunoclips"})
	song, pair, other := b.Submit(task.Generate, Ready), b.Submit(task.Extend, Ready), b.Submit(task.Merge, Ready)
	lyrics, lost := b.Submit(task.Lyrics, Ready), b.Submit(task.Extend, Forgotten)
	require.True(t, task.IsUUID(song))
	first, second, ok := strings.Cut(pair, ",")
	require.True(t, ok)
	require.True(t, task.IsUUID(first) && task.IsUUID(second))

	ids := func(asked string) (ids []string) {
		for _, c := range b.clips(t, asked) {
			ids = append(ids, c.ID)
		}
		return ids
	}
	require.Equal(t, []string{song, first, second}, ids(song+","+pair))
	require.Equal(t, []string{second}, ids(strings.ToUpper(second)), "of a task, only what is asked for")
	require.Equal(t, []string{other, song}, ids(other+",x,,"+lyrics+","+lost+","+song+","+song))
	require.Empty(t, ids("00000000-0000-4000-8000-000000000000"))
	record, _ := b.Task(pair)
	require.Equal(t, 2, record.Asked)
	require.Equal(t, Expectation{Status: task.Failed, ErrorCode: task.APIError, AtDeadline: true}, expectedAt(t, b, lost))

	res, text := b.do(t, http.MethodGet, "/clips", "")
	require.Equal(t, http.StatusBadRequest, res.StatusCode)
	require.JSONEq(t, `{"detail":"ids is required"}`, text)
	res, text = b.do(t, http.MethodGet, "/lyrics/"+song, "")
	require.Equal(t, http.StatusNotFound, res.StatusCode)
	require.JSONEq(t, `{"detail":"task not found"}`, text)
}

func expectedAt(t *testing.T, b *bundle, id string) Expectation {
	t.Helper()
	r, ok := b.Task(id)
	require.True(t, ok)
	return r.Expected
}

func TestSunoclipsDialects(t *testing.T) {
	t.Parallel()
	b := setup(t, Config{Provider: "sunoclips", Dialect: "wrapped"})
	id := b.Submit(task.Generate, Ready)
	_, text := b.do(t, http.MethodGet, "/clips?ids="+id, "")
	var wrapped struct{ Clips []sunoclipsAnswer }
	require.NoError(t, json.Unmarshal([]byte(text), &wrapped))
	require.Equal(t, id, wrapped.Clips[0].ID)

	b = setup(t, Config{Provider: "sunoclips", Dialect: "sentinel"})
	id = b.Submit(task.Generate, Ready)
	clip := b.clips(t, id)[0]
	require.Equal(t, "complete", clip.Status)
	require.Equal(t, sentinel, *clip.AudioURL)
	want := expectedAt(t, b, id)
	require.True(t, want.AtDeadline && want.Clips[0].Derive)
}

func TestSunoclipsFates(t *testing.T) {
	t.Parallel()
	b := setup(t, Config{Provider: "sunoclips"})
	late, strange := b.Submit(task.Generate, LateItems), b.Submit(task.Generate, UnknownStatus)
	refused, stuck := b.Submit(task.Extend, RefusedCopyright), b.Submit(task.Generate, StuckStreaming)
	b.clock.set(epoch.Add(3500 * time.Millisecond))
	require.Equal(t, "mastering", b.clips(t, strange)[0].Status)
	record, _ := b.Task(late)
	b.clock.set(record.FinalAt.Add(-1))
	require.Equal(t, sentinel, *b.clips(t, late)[0].AudioURL, "complete before its audio is there")
	b.clock.set(record.FinalAt)
	require.NotEqual(t, sentinel, *b.clips(t, late)[0].AudioURL)
	for _, clip := range b.clips(t, refused) {
		require.Equal(t, "error", clip.Status, "all clips of a task fail with it")
		require.Equal(t, "moderation_failure", clip.Metadata.ErrorType)
		require.Equal(t, expectedAt(t, b, refused).ErrorMessage, clip.Metadata.ErrorMessage)
	}
	require.Equal(t, "streaming", b.clips(t, stuck)[0].Status)
}

func TestSunoclipsRefusals(t *testing.T) {
	t.Parallel()
	b := setup(t, Config{Provider: "sunoclips", APIKey: "right", RateLimit: 2})
	for _, tt := range []struct {
		key, sample string
		status      int
	}{
		{"wrong", "sunoclips-any-http401", 401},
		{"right", "", 200},
		{"right", "", 200},
		{"right", "sunoclips-any-http429", 429},
	} {
		res, text := b.do(t, http.MethodGet, "/clips?ids=x", "", "Authorization", "Bearer "+tt.key)
		require.Equal(t, tt.status, res.StatusCode)
		if tt.sample != "" {
			require.Equal(t, shape(t, sample(t, tt.sample)), shape(t, text))
		}
	}
	for why := unauthorized; why <= tooLong; why++ {
		rep := newSunoclips("").errorReply(why, "Topic")
		require.Contains(t, string(rep.body), `{"detail":"`)
		require.GreaterOrEqual(t, rep.http, 400)
	}
	require.Panics(t, func() { newSunoclips("").errorReply(tooLong+1, "") })
}
