package acedata

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/task"
	"tasksync/upstream"
	"tasksync/upstream/upstreamtest"
)

// TestSampleBodies: results that are documented as the answer to a submit are read
// bare, as callbacks have them, and must give the same as the response of a record,
// alone or among others.
func TestSampleBodies(t *testing.T) {
	t.Parallel()
	upstreamtest.Golden(t, "testdata", func(t *testing.T, name string, body []byte) upstreamtest.Reading {
		t.Helper()
		b := setup(t, nil)
		got := b.reading(t, name, string(body))
		if !strings.Contains(name, "error") {
			require.Equal(t, got, b.reading(t, name, `{"items":[`+string(body)+`],"count":1}`))
		}
		if got.Call == nil && !strings.Contains(name, "tasks") {
			require.Equal(t, got, b.reading(t, name, `{"id":"`+taskA+`","response":`+string(body)+`}`))
		}
		return got
	})
}

func (b *bundle) reading(t *testing.T, name, body string) upstreamtest.Reading {
	t.Helper()
	taskType := task.Generate
	for _, other := range []task.Type{task.Merge, task.Replace, task.Lyrics} {
		if strings.Contains(name, string(other)) {
			taskType = other
		}
	}
	status := 200
	switch {
	case strings.Contains(name, "error_429"):
		status = 429
	case strings.Contains(name, "error"):
		status = 500
	}
	obs, f := b.decode(t, taskType, status, body)
	if obs == nil {
		return upstreamtest.NewReading(0, f)
	}
	return upstreamtest.NewReading(0, f, *obs)
}

func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("testdata/*.json")
	require.NoError(f, err)
	for _, file := range files {
		body, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(body, 200, strings.Contains(file, "lyrics"))
		f.Add([]byte(`{"items":[`+string(body)+`,null]}`), 400, false)
	}
	f.Add([]byte(`{"id":"`+taskA+`","state":"failed","response":{"error":"x","data":{"state":7}}}`), 200, false)
	b := setup(f, nil)
	f.Fuzz(func(t *testing.T, body []byte, status int, lyrics bool) {
		if !json.Valid(body) { // the client calls no reader for it
			return
		}
		taskType := task.Generate
		if lyrics {
			taskType = task.Lyrics
		}
		refs := []task.Ref{{TaskID: taskA, Type: taskType}, {TaskID: taskB, Type: taskType}}
		seen, failure := b.adapter.read(refs, upstream.Answer{Status: status, Body: body})
		if failure != nil || status >= 300 {
			require.Empty(t, seen)
			return
		}
		require.Len(t, seen, len(refs))
		for i, obs := range seen {
			if obs == nil {
				continue
			}
			require.Equal(t, refs[i].TaskID, obs.TaskID)
			require.LessOrEqual(t, len(obs.Items), 64)
			require.LessOrEqual(t, len(obs.Raw), 64)
			require.Equal(t, obs.Status == task.Failed, obs.Failure != nil)
			require.True(t, obs.Failure == nil || obs.Failure.Verdict >= task.TaskDead)
			for _, it := range obs.Items {
				require.GreaterOrEqual(t, it.Duration, 0.0)
				require.Equal(t, it.Failure != nil, it.Status == task.Failed && it.Failure != nil)
			}
		}
	})
}
