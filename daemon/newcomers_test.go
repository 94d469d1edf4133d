package daemon

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/feed"
	"tasksync/internal/live"
	"tasksync/task"
)

// page is a stream of a user's events.
type page struct {
	t      *testing.T
	lines  *bufio.Scanner
	cursor string
}

// open opens a stream after an event id, and waits until it has begun.
func (r *running) open(t *testing.T, bearer, cursor string) *page {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.addr+"/api/music/v2/sync/events", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+bearer)
	req.Header.Set("Last-Event-ID", cursor)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	t.Cleanup(func() { _ = resp.Body.Close() })
	require.Equal(t, http.StatusOK, resp.StatusCode)
	p := &page{t: t, lines: bufio.NewScanner(resp.Body), cursor: cursor}
	if cursor == "" {
		p.next("ready")
	}
	return p
}

// next returns the data of the next event of a type.
func (p *page) next(kind string) (data string) {
	p.t.Helper()
	name := ""
	for p.lines.Scan() {
		field, value, _ := strings.Cut(p.lines.Text(), ": ")
		switch {
		case field == "event":
			name = value
		case field == "data" && name == kind:
			data = value
		case field == "id":
			p.cursor = value
		case field == "" && data != "":
			return data
		}
	}
	require.Fail(p.t, "the stream has ended", p.lines.Err())
	return ""
}

// TestAPageSeesNewRows: a row that another tab or server has inserted comes as an event at
// once, though nothing has changed in it and its provider says nothing; and so does one
// that was inserted while no daemon ran.
func TestAPageSeesNewRows(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{feed.Notify, feed.Poll} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			away := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
			t.Cleanup(away.Close)
			cfg := b.config()
			cfg.API.JWTSecret, cfg.Feed, cfg.Providers[0].APIURL = jwtSecret, mode, away.URL
			r := b.run(cfg)
			p := r.open(t, b.token(), "")
			see := func(id string) {
				t.Helper()
				var e live.Event
				require.NoError(t, json.Unmarshal([]byte(p.next("status")), &e))
				require.Equal(t, []string{id, "submitted", "submitted", "insert"}, []string{e.GenerationID, e.FromStatus, e.ToStatus, e.Via})
				require.Equal(t, id, e.Generation.ID)
			}
			see(b.insertFor(userOfTheAPI, task.Generate, "a"))
			b.insert(task.Generate, "another user's")
			see(b.insertFor(userOfTheAPI, task.Generate, "b"))
			b.stop(r)
			missed := b.insertFor(userOfTheAPI, task.Generate, "c")
			p = b.run(cfg).open(t, b.token(), p.cursor)
			see(missed)
		})
	}
}
