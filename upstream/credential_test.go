package upstream

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/task"
)

func TestKeyIsShownNowhere(t *testing.T) {
	t.Parallel()
	forms := []string{testKey, url.QueryEscape(testKey), url.PathEscape(testKey), base64.StdEncoding.EncodeToString([]byte(testKey))}
	echo := "bad key " + strings.Join(forms, " ")
	padded := strings.Repeat("x", 60) + testKey // at the place where the excerpt is cut
	for name, handler := range map[string]http.HandlerFunc{
		"HTML":         write(200, "text/html; key="+testKey, echo),
		"cut":          write(200, "text/html", padded),
		"401":          write(401, "application/json", `{"msg":"`+echo+`"}`),
		"content type": write(502, testKey, echo),
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://"+testKey+".example/", http.StatusFound)
		},
		"text":        write(200, "application/json", `"`+echo+`"`),
		"broken HTTP": hijack("HTTP/1.1 " + testKey + "\r\n\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, handler)
			f := b.fails(t, func(ans Answer) (int, *task.Failure) {
				return 0, &task.Failure{Verdict: task.Account, Reason: "r", Message: string(ans.Body)}
			})
			again := b.client.Get(t.Context(), "/x", nil, accept)
			printed := fmt.Sprintf("%v|%+v|%#v|%v|%+v|%#v|%v", f, f, f, b.client, b.client, *b.client, again)
			reason, _, _ := b.client.Paused()
			for _, form := range append(forms, testKey[:12]) {
				require.NotContains(t, printed+reason+b.log.String(), form)
			}
		})
	}
	cfg := Config{Provider: "p", APIKey: testKey}
	asJSON, err := json.Marshal(struct{ C any }{map[string]string{"c": fmt.Sprint(cfg)}})
	require.NoError(t, err)
	require.NotContains(t, fmt.Sprintf("%v %+v %#v %s", cfg, cfg, cfg, asJSON), testKey)
}

func TestShortKeyGarblesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t, accept200, func(c *Config) { c.APIKey = "k" })
	require.Equal(t, "task not found", b.client.Redact("task not found"))
	require.NoError(t, b.get(t))
}

func hijack(raw string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_, _ = conn.Write([]byte(raw))
			_ = conn.Close()
		}
	}
}
