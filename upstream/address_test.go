package upstream

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/task"
)

func TestDoubled(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/api/v1/api/v1/generate/record-info": "/api/v1/api/v1",
		"/suno/suno/fetch":                    "/suno/suno",
		"/x/suno/fetch/suno/fetch/id":         "/suno/fetch/suno/fetch",
		"/api/v1/generate/record-info":        "",
		"/":                                   "",
		"":                                    "",
	} {
		require.Equal(t, want, doubled(path), path)
	}
}

func TestCutPath(t *testing.T) {
	t.Parallel()
	paths := []string{"/api/v1", "/api/v1/generate"}
	for base, want := range map[string]string{
		"https://h":                    "https://h",
		"https://h/":                   "https://h",
		"https://h/api/v1":             "https://h",
		"\thttps://h/api/v1/generate/": "https://h",
		"https://h/x/api/v1//":         "https://h/x",
		"https://h/api/v1/api/v1":      "https://h/api/v1", // a server whose API is below such a path
		"https://h/myapi/v1":           "https://h/myapi/v1",
		"":                             "",
	} {
		require.Equal(t, want, cutPath(base, paths), base)
	}
}

// TestNoSuchCallNamesTheDoubledPath: the reader's verdict comes first.
func TestNoSuchCallNamesTheDoubledPath(t *testing.T) {
	t.Parallel()
	b := setup(t, http.NotFound, func(c *Config) { c.BaseURL += "/api/v1" })
	var f *task.Failure
	require.ErrorAs(t, b.client.Get(t.Context(), "/api/v1/x", nil, accept), &f)
	require.Equal(t, ReasonNoCall, f.Reason)
	require.Equal(t, task.Transient, f.Verdict)
	require.Contains(t, f.Message, "check the API URL, which makes the calls go to /api/v1/api/v1")
}
