package web_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/examples/web"
)

func get(t *testing.T, path string, origins ...string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	web.Handler(origins...).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return w
}

func TestHandlerServesThePageAndNothingElse(t *testing.T) {
	t.Parallel()
	answer := get(t, "/")
	require.Equal(t, http.StatusOK, answer.Code)
	require.Equal(t, "text/html; charset=utf-8", answer.Header().Get("Content-Type"))
	require.Contains(t, answer.Body.String(), "<title>Generations</title>")
	for _, path := range []string{"/web.go", "/index.html", "/.env"} {
		require.Equal(t, http.StatusNotFound, get(t, path).Code)
	}
}

// The policy has the hashes of the page's own script and style.
func TestPolicyFitsThePage(t *testing.T) {
	t.Parallel()
	answer := get(t, "/", "http://127.0.0.1:8080", "http://127.0.0.1:9090")
	policy := answer.Header().Get("Content-Security-Policy")
	for _, element := range []string{"script", "style"} {
		found := regexp.MustCompile(`(?s)<`+element+`[^>]*>(.*?)</`+element+`>`).FindAllStringSubmatch(answer.Body.String(), -1)
		require.Len(t, found, 1)
		sum := sha256.Sum256([]byte(found[0][1]))
		require.Contains(t, policy, element+"-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"';")
	}
	require.Contains(t, policy, "default-src 'none';")
	require.Contains(t, policy, "connect-src http://127.0.0.1:8080 http://127.0.0.1:9090;")
	require.NotContains(t, policy, "unsafe")
	require.Contains(t, get(t, "/").Header().Get("Content-Security-Policy"), "connect-src http: https:;")
}

// The page loads no other file, and parses no value as markup.
func TestPageIsOneFile(t *testing.T) {
	t.Parallel()
	page := get(t, "/").Body.String()
	require.NotRegexp(t, `<(script|link|img|iframe)[^>]+(src|href)="[^"#]*/`, page)
	require.NotRegexp(t, `@import|url\(`, page)
	require.NotRegexp(t, `innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(`, page)
}
