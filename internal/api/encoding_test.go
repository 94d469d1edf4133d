package api

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/task"
)

// raw sends a request as it is, and returns the response as it came.
func (b *bundle) raw(method, path string, headers ...string) response {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), method, b.url+path, nil)
	require.NoError(b, err)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	client := &http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}}
	resp, err := client.Do(req)
	require.NoError(b, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(b, err)
	return response{resp.StatusCode, resp.Header, string(body)}
}

// TestTags: a client that has a body already gets none, in any encoding; one that does not,
// or whose body is old or another user's, gets it.
func TestTags(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id, _ := b.insertReady(alice)
	b.post(alice, "")
	for _, path := range []string{generationsPath, generationsPath + "/" + id, syncPath, "/openapi.json"} {
		get := func(user string, headers ...string) response {
			return b.raw(http.MethodGet, path, append([]string{"Authorization", "Bearer " + token(user)}, headers...)...)
		}
		r := get(alice)
		tag := r.header.Get("ETag")
		require.Regexp(t, `^W/"[\w-]{22}"$`, tag, path)
		require.Equal(t, "private, no-cache", r.header.Get("Cache-Control"))
		require.Contains(t, r.header.Values("Vary"), "Authorization")
		require.Equal(t, tag, b.raw(http.MethodHead, path, "Authorization", "Bearer "+token(alice)).header.Get("ETag"))
		for _, have := range []string{tag, strings.TrimPrefix(tag, "W/"), `"x", ` + tag, "*"} {
			for _, encoding := range []string{"identity", "gzip"} {
				r := get(alice, "If-None-Match", have, "Accept-Encoding", encoding)
				require.Equal(t, http.StatusNotModified, r.status, "%s %s", path, have)
				require.Empty(t, r.body)
				require.Equal(t, tag, r.header.Get("ETag"))
				require.Empty(t, r.header.Get("Content-Type")+r.header.Get("Content-Encoding"))
			}
		}
		require.Equal(t, http.StatusOK, get(alice, "If-None-Match", `"x"`).status)
		if path == generationsPath {
			require.NotEqual(t, tag, get(bob).header.Get("ETag"))
			b.insert(alice, task.Generate, "another")
			require.Equal(t, http.StatusOK, get(alice, "If-None-Match", tag).status, "there is a new row")
		}
	}
	refused := b.raw(http.MethodGet, generationsPath, "If-None-Match", "*")
	require.Equal(t, http.StatusUnauthorized, refused.status, "a tag is no token")
	require.Equal(t, "no-store", refused.header.Get("Cache-Control"))
	require.Empty(t, refused.header.Get("ETag"))
}

// TestCompression of large bodies, for clients that understand it; never of a stream.
func TestCompression(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range 20 {
		b.insert(alice, task.Generate, strings.Repeat("task", 5))
	}
	ask := func(method, path, user, accepts string) response {
		return b.raw(method, path, "Authorization", "Bearer "+token(user), "Accept-Encoding", accepts)
	}
	for _, path := range []string{generationsPath, syncPath, "/openapi.json"} {
		plain := ask(http.MethodGet, path, alice, "")
		require.Empty(t, plain.header.Get("Content-Encoding"))
		require.Contains(t, plain.header.Values("Vary"), "Accept-Encoding", path)
		r := ask(http.MethodGet, path, alice, "br, gzip;q=0.8")
		require.Equal(t, "gzip", r.header.Get("Content-Encoding"), path)
		require.Less(t, 4*len(r.body), len(plain.body))
		unzip, err := gzip.NewReader(strings.NewReader(r.body))
		require.NoError(t, err)
		body, err := io.ReadAll(unzip)
		require.NoError(t, err)
		require.Equal(t, plain.body, string(body), path)
		require.Empty(t, ask(http.MethodGet, path, alice, "gzip;q=0").header.Get("Content-Encoding"))
	}
	require.Equal(t, "gzip", ask(http.MethodPost, syncPath, alice, "gzip").header.Get("Content-Encoding"))
	small := ask(http.MethodGet, syncPath, bob, "gzip")
	require.Empty(t, small.header.Get("Content-Encoding"))
	require.Contains(t, small.body, `"count":0`)

	s := b.openStream(b.url, alice, "Accept-Encoding", "gzip")
	defer s.close()
	require.Empty(t, s.resp.Header.Get("Content-Encoding"))
}
