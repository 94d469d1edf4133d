package simulator

import (
	"encoding/json"
	"image/jpeg"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/task"
)

func TestHelpNamesEverything(t *testing.T) {
	t.Parallel()
	b := setup(t, Config{APIKey: "right"})
	res, text := b.do(t, http.MethodGet, "/", "")
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Contains(t, text, "Seed 1, speed 1x")
	for _, f := range Fates() {
		require.Contains(t, text, string(f)+" ")
	}
	for _, f := range Faults() {
		require.Contains(t, text, string(f)+" ")
	}
	for _, f := range b.formats {
		for _, rt := range f.routes() {
			require.Contains(t, text, rt.pattern)
		}
	}
	for _, provider := range Providers() {
		require.Contains(t, text, "Endpoints ("+provider+")")
	}
	require.Zero(t, b.Requests().Total)
}

func TestTaskPage(t *testing.T) {
	t.Parallel()
	b := setup(t, Config{})
	for _, fate := range Fates() {
		id := b.Submit(task.Lyrics, fate, Cut)
		_, text := b.do(t, http.MethodGet, "/simulator/tasks/"+id, "")
		var got Record
		require.NoError(t, json.Unmarshal([]byte(text), &got))
		want, _ := b.Task(id)
		require.Equal(t, want.Expected.Status, got.Expected.Status)
		require.Equal(t, want.Fate, got.Fate)
		require.Equal(t, want.FinalAt, got.FinalAt)
	}
	res, _ := b.do(t, http.MethodGet, "/simulator/tasks/nobody", "")
	require.Equal(t, http.StatusNotFound, res.StatusCode)
}

func TestStatsPage(t *testing.T) {
	t.Parallel()
	b := setup(t, Config{Speed: math.Inf(1)})
	b.status(t, task.Generate, b.Submit(task.Generate, Success))
	_, text := b.do(t, http.MethodGet, "/simulator/stats", "")
	require.JSONEq(t, `{"seed":"1","speed":"instant","tasks":1,"requests":{"total":1,
		"routes":{"GET /api/v1/generate/record-info":{"200":1}},"faults":{}}}`, text)
}

func TestAudioIsServed(t *testing.T) {
	t.Parallel()
	first := setup(t, Config{})
	s := New(Config{Seed: 1, MediaURL: first.url + "/"})
	r, _ := s.Task(s.Submit(task.Generate, Ready))
	require.Equal(t, r.Items[0].StreamAudioURL+".mp3", r.Items[0].AudioURL)
	path, found := strings.CutPrefix(r.Items[0].AudioURL, first.url)
	require.True(t, found)

	res, all := first.do(t, http.MethodGet, path, "")
	require.Equal(t, "audio/mpeg", res.Header.Get("Content-Type"))
	require.True(t, strings.HasPrefix(all, "ID3"))
	require.Contains(t, all, r.Items[0].ID+"\xff\xfb")
	res, part := first.do(t, http.MethodGet, path, "", "Range", "bytes=0-9")
	require.Equal(t, http.StatusPartialContent, res.StatusCode)
	require.Equal(t, all[:10], part)

	path, found = strings.CutPrefix(r.Items[0].ImageURL, first.url)
	require.True(t, found)
	res, drawing := first.do(t, http.MethodGet, path, "")
	require.Equal(t, "image/jpeg", res.Header.Get("Content-Type"))
	_, err := jpeg.Decode(strings.NewReader(drawing))
	require.NoError(t, err)
}
