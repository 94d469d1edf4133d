package sunoapi

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/task"
	"tasksync/upstream"
)

// golden is what an answer comes to, in a form that reads well in a file.
type golden struct {
	Code    int
	Call    *goldenFailure    `json:",omitempty"`
	Seen    *task.Observation `json:",omitempty"`
	Verdict *goldenFailure    `json:",omitempty"`
}

type goldenFailure struct {
	Verdict, Code, Reason, Message string
}

func toGolden(f *task.Failure) *goldenFailure {
	if f == nil {
		return nil
	}
	return &goldenFailure{f.Verdict.String(), string(f.Code), f.Reason, f.Message}
}

// TestSampleBodies holds the adapter to its reading of the sample bodies; run it
// with -update after a change, and read the difference.
func TestSampleBodies(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.json")
	require.NoError(t, err)
	require.Len(t, files, 20)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dialect, rest, _ := strings.Cut(name, "-")
			profile, ok := Profiles(dialect)
			require.True(t, ok)
			kind, _, _ := strings.Cut(rest, "-")
			body, err := os.ReadFile(file)
			require.NoError(t, err)

			b := setup(t, profile, nil)
			ref := task.Ref{TaskID: "5c79aaaa0000bbbb1111cccc2222be8e", Type: task.Type(kind)}
			obs, code, f := b.adapter.read(ref, upstream.Answer{Status: 200, Body: body})
			got := golden{Code: code, Call: toGolden(f)}
			if f == nil {
				got.Verdict, obs.Failure = toGolden(obs.Failure), nil
				got.Seen = &obs
			}
			compare(t, "testdata/"+name+".golden", got)
		})
	}
}

func compare(t *testing.T, file string, got golden) {
	t.Helper()
	text, err := json.MarshalIndent(got, "", " ")
	require.NoError(t, err)
	text = append(text, '\n')
	if *update {
		require.NoError(t, os.WriteFile(file, text, 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), string(text))
}
