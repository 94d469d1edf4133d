package upstreamtest

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/task"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Reading is a decoded answer, in a form that is readable in a file.
type Reading struct {
	Code    int                `json:",omitempty"`
	Call    *ReadFailure       `json:",omitempty"` // of the call
	Seen    []task.Observation `json:",omitempty"` // without their failures
	Verdict []*ReadFailure     `json:",omitempty"` // of the tasks, in the order of Seen
}

// ReadFailure is a failure in words.
type ReadFailure struct {
	Verdict, Code, Reason, Message string
}

// NewReading returns the reading of a decoder's result.
func NewReading(code int, call *task.Failure, seen ...task.Observation) Reading {
	r := Reading{Code: code, Call: inWords(call)}
	if call != nil {
		return r
	}
	for _, obs := range seen {
		if f := inWords(obs.Failure); f != nil {
			r.Verdict = append(r.Verdict, f)
		}
		obs.Failure = nil
		r.Seen = append(r.Seen, obs)
	}
	return r
}

func inWords(f *task.Failure) *ReadFailure {
	if f == nil {
		return nil
	}
	return &ReadFailure{f.Verdict.String(), string(f.Code), f.Reason, f.Message}
}

// Golden compares an adapter's readings of the sample bodies dir/*.json with files:
// decode is given each body with its name, without .json, and its result is compared
// with dir/<name>.golden. Run the test with -update after a change, and read the
// difference.
func Golden(t *testing.T, dir string, decode func(t *testing.T, name string, body []byte) Reading) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body, err := os.ReadFile(file)
			require.NoError(t, err)
			compare(t, filepath.Join(dir, name+".golden"), decode(t, name, body))
		})
	}
}

func compare(t *testing.T, file string, got Reading) {
	t.Helper()
	text, err := json.MarshalIndent(got, "", " ")
	require.NoError(t, err)
	text = append(text, '\n')
	if *update {
		require.NoError(t, os.WriteFile(file, text, 0o600))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), string(text))
}
