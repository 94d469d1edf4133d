package api

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/internal/view"
	"tasksync/task"
)

func TestOneRow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id, taskID := b.insertReady(alice)
	read := func(user, id string) response {
		return b.call(http.MethodGet, "/api/music/v2/generations/"+id, token(user), "")
	}
	var row view.Generation
	read(alice, id).decode(t, &row)
	require.Equal(t, "submitted", row.Status)
	b.post(alice, "")
	for _, spelling := range []string{id, strings.ToUpper(id)} {
		a := read(alice, spelling)
		require.Equal(t, http.StatusOK, a.status, a.body)
		a.decode(t, &row)
		require.Equal(t, []string{id, taskID, "complete"}, []string{row.ID, *row.TaskID, row.Status}, "and when it has ended")
		require.Len(t, row.Clips, 2)
	}
	for _, other := range []response{read(bob, id), read(alice, bob), read(bob, bob)} {
		require.Equal(t, http.StatusNotFound, other.status)
		require.Equal(t, "the user has no row with this id", other.detail(t))
	}
	for _, odd := range []string{"x", "urn:uuid:" + id, "{" + id + "}", "%00", url.PathEscape("' OR 1=1 --")} {
		a := read(alice, odd)
		require.Contains(t, []int{http.StatusNotFound, http.StatusUnprocessableEntity}, a.status, odd)
	}
	require.Equal(t, http.StatusUnauthorized, b.call(http.MethodGet, "/api/music/v2/generations/"+id, "", "").status)
	service := b.call(http.MethodGet, "/api/music/v2/generations/"+id+"?user_id="+bob, token(alice), "")
	require.Equal(t, http.StatusForbidden, service.status)
	require.NotContains(t, b.log.String(), "level=ERROR")
}

// TestMoreRowsThanAResponseHas: the responses say so.
func TestMoreRowsThanAResponseHas(t *testing.T) {
	t.Parallel()
	b := setup(t)
	insert := func(n int) {
		_, err := b.pool.Exec(context.Background(), `INSERT INTO music_generations (user_id, task_id, task_type, provider)
			SELECT $1, 'task-' || n, 'generate', 'elsewhere' FROM generate_series(1, $2::int) AS n`, alice, n)
		require.NoError(t, err)
	}
	check := func(n int, more bool) {
		t.Helper()
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			var got struct {
				Generations []view.Generation
				HasMore     *bool `json:"has_more"`
			}
			b.call(method, syncPath, token(alice), "").decode(t, &got)
			require.Len(t, got.Generations, n, method)
			require.Equal(t, more, *got.HasMore, method)
		}
	}
	check(0, false)
	insert(maxRows)
	check(maxRows, false)
	insert(1)
	check(maxRows, true)
	b.insert(bob, task.Generate, "x")
	require.NotContains(t, b.call(http.MethodGet, syncPath, token(bob), "").body, `"has_more":true`)
}

// TestPagesMaySendTheirHeaders: those of supabase-js and of tracing too.
func TestPagesMaySendTheirHeaders(t *testing.T) {
	t.Parallel()
	const origin = "https://app.example"
	b := setup(t, func(c *Config) { c.CORSOrigins = []string{origin} })
	for _, asked := range []string{
		"apikey,authorization,x-client-info", "authorization,content-type,x-supabase-api-version",
		"authorization,baggage,traceparent,tracestate", "authorization,baggage,sentry-trace",
	} {
		a := b.ask(http.MethodOptions, syncPath, "", "Origin", origin, "Access-Control-Request-Method", http.MethodGet, "Access-Control-Request-Headers", asked)
		require.Equal(t, origin, a.header.Get("Access-Control-Allow-Origin"), asked)
		require.Equal(t, asked, strings.ReplaceAll(strings.ToLower(a.header.Get("Access-Control-Allow-Headers")), " ", ""))
	}
	a := b.ask(http.MethodOptions, syncPath, "", "Origin", origin, "Access-Control-Request-Method", http.MethodGet, "Access-Control-Request-Headers", "x-other")
	require.Empty(t, a.header.Get("Access-Control-Allow-Origin"))
	a = b.ask(http.MethodGet, syncPath, "", "Origin", origin, "Authorization", "Bearer "+token(alice))
	require.Contains(t, a.header.Get("Access-Control-Expose-Headers"), "Ratelimit")
}
