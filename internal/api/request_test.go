package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
	"tasksync/syncer"
)

// request is a request that call cannot send.
type request struct {
	method, url, body string
	header            http.Header
}

// plainClient follows no redirects, and waits long for a response.
var plainClient = &http.Client{
	Timeout:       time.Minute,
	Transport:     &http.Transport{MaxIdleConnsPerHost: 16, DisableCompression: true, IdleConnTimeout: time.Second},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func send(ctx context.Context, r request) (response, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, r.url, strings.NewReader(r.body))
	if err != nil {
		return response{}, err
	}
	for name, values := range r.header {
		req.Header[name] = values
	}
	resp, err := plainClient.Do(req)
	if err != nil {
		return response{}, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	return response{resp.StatusCode, resp.Header, string(raw)}, err
}

// ask sends a request with headers, given as names and values in turn.
func (b *bundle) ask(method, path, body string, headers ...string) response {
	b.Helper()
	h := http.Header{}
	for i := 0; i < len(headers); i += 2 {
		h.Add(headers[i], headers[i+1])
	}
	a, err := send(b.Context(), request{method, b.url + path, body, h})
	require.NoError(b, err)
	return a
}

// serveHandler starts a server for a handler, with changed timeouts.
func (b *bundle) serveHandler(handler http.Handler, change func(*http.Server)) (url string) {
	b.Helper()
	server := httptest.NewUnstartedServer(handler)
	change(server.Config)
	server.Start()
	b.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

// heldSyncer holds each pass at its beginning until the test closes release.
type heldSyncer struct {
	Syncer
	entered chan []string // the ids of each held pass
	release chan struct{}
	entries atomic.Int64
	broken  atomic.Bool // the context of a pass had ended
}

func holdPasses(held *heldSyncer) func(*Config) {
	held.entered, held.release = make(chan []string, 100), make(chan struct{})
	return func(c *Config) { held.Syncer, c.Syncer = c.Syncer, held }
}

// Sync implements Syncer.
func (s *heldSyncer) Sync(ctx context.Context, req syncer.Request) ([]syncer.Result, error) {
	s.entries.Add(1)
	s.entered <- req.IDs
	<-s.release
	if ctx.Err() != nil {
		s.broken.Store(true)
	}
	return s.Syncer.Sync(ctx, req)
}

func (b *bundle) awaitPass(held *heldSyncer) {
	b.Helper()
	select {
	case <-held.entered:
	case <-time.After(30 * time.Second):
		require.Fail(b, "no pass begins", b.log)
	}
}

func TestBodyIsOptional(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, body := range map[string]string{
		"absent": "", "null": "null", "empty": "{}", "null ids": `{"taskIds":null}`, "no ids": `{"taskIds":[]}`,
		"unknown fields": `{"force":true,"deep":{"a":[1,{"b":null}]},"taskIds":[]}`, "blanks": " \n{ } ",
		"other case": `{"TASKIDS":[]}`,
	} {
		id, _ := b.insertReady(alice)
		r := b.post(alice, body)
		require.Len(t, r.Generations, 1, name)
		require.Equal(t, "complete", b.status(id), name)
	}
	for name, body := range map[string]string{
		"blank": `{"taskIds":[""]}`, "NUL": `{"taskIds":["\u0000","a\u0000b"]}`, "half a surrogate": `{"taskIds":["\ud800"]}`,
		"long": taskIDs(strings.Repeat("x", 60_000)), "SQL": taskIDs(`'; DROP TABLE music_generations; --`, "{a,b}", `"`, `\`),
	} {
		_, _ = b.insertReady(alice)
		r := b.post(alice, body)
		require.Empty(t, r.Generations, "%s: none of them is a task of this user", name)
		require.Zero(t, *r.SyncedCount, name)
	}
}

func TestBodyThatIsWrong(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id, taskID := b.insertReady(alice)
	for body, want := range map[string]int{
		"{": 400, "x": 400, `{"taskIds":["a"]} {}`: 400, "\x00": 400, "\xff\xfe": 400, strings.Repeat("[", 20_000): 400, "   ": 400,
		"[]": 422, "7": 422, `"x"`: 422, "true": 422, `{"taskIds":"a"}`: 422, `{"taskIds":{}}`: 422, `{"taskIds":7}`: 422,
		`{"taskIds":[7]}`: 422, `{"taskIds":["a",null]}`: 422, `{"taskIds":[["a"]]}`: 422, `{"taskIds":[1e999]}`: 400,
		`{"TaskIds":[7]}`: 422, `{"taskIds":5,"taskIds":["a"]}`: 422, `{"taskIds":[{}],"taskIds":null}`: 422,
	} {
		a := b.call(http.MethodPost, syncPath, token(alice), body)
		require.Equal(t, want, a.status, "%.60q: %s", body, a.body)
		require.NotRegexp(t, `\bGo\b|syncBody`, a.body, "the names of our types are not shown")
		require.NotEmpty(t, a.detail(t), "%.60q", body)
	}
	for _, contentType := range []string{
		"", "text/plain", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded", "application/cbor", "multipart/form-data; boundary=x",
		"application/json", "Application/JSON", "application/json; charset=utf-8", "application/merge+json", "nonsense",
	} {
		a := b.ask(http.MethodPost, syncPath, taskIDs("unknown"), "Authorization", "Bearer "+token(alice), "Content-Type", contentType)
		require.Equal(t, http.StatusOK, a.status, "%q is read as JSON: %s", contentType, a.body)
		a = b.ask(http.MethodPost, syncPath, "taskIds=a", "Authorization", "Bearer "+token(alice), "Content-Type", contentType)
		require.Equal(t, http.StatusBadRequest, a.status, "%q: %s", contentType, a.body)
	}
	for _, body := range []string{"{", "[]", strings.Repeat(" ", maxBody+1)} {
		require.Equal(t, http.StatusUnauthorized, b.call(http.MethodPost, syncPath, "", body).status, "the token is checked before the body")
	}
	require.Zero(t, b.sim.Requests().Total, "nothing of that reaches the upstream")
	require.Len(t, b.post(alice, taskIDs(taskID)).Generations, 1)
	require.Equal(t, "complete", b.status(id))
}

func TestAnswerIsBoundedOldestFirst(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var ids []string
	for i := range maxRows + 5 {
		id, _ := b.insertReady(alice)
		_, err := b.pool.Exec(t.Context(), `UPDATE music_generations SET created_at = now() - $2 * interval '1 s' WHERE id = $1`, id, i)
		require.NoError(t, err)
		ids = append(ids, id)
	}
	a := b.call(http.MethodGet, syncPath, token(alice), "")
	var listed rows
	a.decode(t, &listed)
	require.Equal(t, maxRows, *listed.Count)
	synced := b.post(alice, "")
	require.Equal(t, maxRows, *synced.SyncedCount)
	for i := range maxRows {
		want := ids[len(ids)-1-i]
		require.Equal(t, want, listed.Generations[i].ID, i)
		require.Equal(t, want, synced.Generations[i].ID, i)
		require.Equal(t, "complete", synced.Generations[i].Status)
	}
	require.Len(t, b.post(alice, "").Generations, 5, "the next request has the others")
	require.Empty(t, b.post(alice, "").Generations)
}

// TestRowsOfForeignTables: values in the application's tables that JSON cannot
// represent are shown as null.
func TestRowsOfForeignTables(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.pool.Exec(t.Context(), `
		ALTER TABLE music_generations ALTER created_at DROP NOT NULL, ALTER updated_at DROP NOT NULL;
		ALTER TABLE music_clips ALTER clip_id DROP NOT NULL, ALTER status DROP NOT NULL, ALTER created_at DROP NOT NULL, ALTER updated_at DROP NOT NULL;
		INSERT INTO music_generations (user_id, task_type, status, created_at, updated_at, completed_at)
		SELECT '`+alice+`', 'generate', 'processing', t, t, t
		FROM unnest('{NULL,infinity,-infinity,12026-01-01 00:00Z,4000-01-01 00:00Z BC,0001-01-01 00:00Z}'::timestamptz[]) AS t;
		INSERT INTO music_clips (generation_id, clip_id, status, duration, created_at, updated_at)
		SELECT g.id, c.clip_id, NULL, c.duration, g.created_at, g.updated_at
		FROM music_generations AS g, (VALUES (NULL, NULL), ('nan', 'NaN'), ('inf', 'Infinity'), ('-inf', '-Infinity'), ('real', 1.5)) AS c (clip_id, duration)`)
	require.NoError(t, err)
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		a := b.call(method, syncPath, token(alice), "")
		require.Equal(t, http.StatusOK, a.status, a.body)
		var r struct {
			Generations []struct {
				CreatedAt *time.Time `json:"created_at"`
				Clips     []struct {
					ClipID   string `json:"clip_id"`
					Duration *float64
				}
			}
		}
		a.decode(t, &r)
		require.Len(t, r.Generations, 6, method)
		for _, g := range r.Generations {
			require.Nil(t, g.CreatedAt)
			require.Len(t, g.Clips, 5)
			for _, c := range g.Clips {
				require.Equal(t, c.ClipID == "real", c.Duration != nil, c.ClipID)
			}
		}
	}
}

// TestTimeLimit: the upstream does not respond, and the server's and huma's deadlines
// for reading a request pass long before the pass ends.
func TestTimeLimit(t *testing.T) {
	t.Parallel()
	b := setup(t) // with the default of 10 s
	b.url = b.serveHandler(b.api, func(s *http.Server) { s.ReadTimeout = time.Second })
	ids := map[string]string{}
	for _, user := range []string{alice, bob} {
		ids[user], _ = b.insertReady(user)
	}
	b.sim.Outage(simulator.Hang)
	var wg sync.WaitGroup
	for user, body := range map[string]string{alice: "", bob: "{}"} {
		wg.Go(func() {
			a, err := b.try(http.MethodPost, syncPath, token(user), body)
			b.NoError(err)
			if !strings.Contains(a.body, ids[user]) || !strings.Contains(a.body, `"status":"submitted"`) || !strings.Contains(a.body, `"syncedCount":0`) {
				b.NoError(fmt.Errorf("the row is returned as it is: %d %s", a.status, a.body))
			}
		})
	}
	wg.Wait()
	// A call may still be under way for a moment, and until it ends the row is spared.
	b.until("the calls have ended", func() bool { return b.sim.Requests().Faults[simulator.Hang] == 2 })
	b.sim.Outage(simulator.NoFault)
	b.until("the next look", func() bool {
		a, err := b.try(http.MethodPost, syncPath, token(alice), "")
		require.NoError(t, err)
		return strings.Contains(a.body, `"syncedCount":1`)
	})
}

// TestTimeLimitOfAPassThatDoesNotEnd: the response does not wait for the pass.
func TestTimeLimitOfAPassThatDoesNotEnd(t *testing.T) {
	t.Parallel()
	held := &heldSyncer{}
	b := setup(t, holdPasses(held))
	id, _ := b.insertReady(alice)
	r := b.post(alice, "")
	require.Equal(t, "submitted", r.Generations[0].Status)
	require.Zero(t, *r.SyncedCount)
	close(held.release)
	b.until("the pass ends", func() bool { return len(b.api.syncs) == 0 })
	require.Len(t, held.entered, 1, "there was one, for "+id)
}

func TestClientThatGoesAway(t *testing.T) {
	t.Parallel()
	held := &heldSyncer{}
	b := setup(t, holdPasses(held))
	id, _ := b.insertReady(alice)
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() {
		_, err := send(ctx, request{method: http.MethodPost, url: b.url + syncPath, header: http.Header{"Authorization": {"Bearer " + token(alice)}}})
		gone <- err
	}()
	b.awaitPass(held)
	cancel()
	require.ErrorIs(t, <-gone, context.Canceled)
	b.until("its request ends", func() bool { return counterValue(t, b.reg, "tasksync_http_requests_total", "503") == 1 })
	close(held.release)
	b.until("the pass goes on and writes", func() bool { return b.status(id) == "complete" })
	b.until("its place is free", func() bool { return len(b.api.syncs) == 0 })
	require.False(t, held.broken.Load())
	require.NotContains(t, b.log.String(), "level=ERROR", "a client that disconnects is not an error")
	require.NotContains(t, b.log.String(), "level=WARN")
}

func TestIdenticalRequestsShareAPass(t *testing.T) {
	t.Parallel()
	const n = 12
	held := &heldSyncer{}
	b := setup(t, holdPasses(held))
	id, taskID := b.insertReady(alice)
	bodies := []string{"", "{}", taskIDs(taskID), taskIDs(taskID, "unknown")} // all for the same row
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			a, err := b.try(http.MethodPost, syncPath, token(alice), bodies[i%len(bodies)])
			b.NoError(err)
			if a.status != http.StatusOK {
				b.NoError(fmt.Errorf("%d: %s", a.status, a.body))
			}
		})
	}
	b.until("all are under way", func() bool { return len(b.api.syncs) == n })
	close(held.release)
	wg.Wait()
	require.Equal(t, "complete", b.status(id))
	require.EqualValues(t, 1, b.sim.Requests().Total)
	require.Less(t, held.entries.Load(), int64(n))
}

// TestPassesOfDifferentRows: a request does not wait for the pass of another user.
func TestPassesOfDifferentRows(t *testing.T) {
	t.Parallel()
	held := &heldSyncer{}
	b := setup(t, holdPasses(held))
	_, _ = b.insertReady(alice)
	_, _ = b.insertReady(bob)
	var wg sync.WaitGroup
	for _, user := range []string{alice, bob} {
		wg.Go(func() {
			_, err := b.try(http.MethodPost, syncPath, token(user), "")
			b.NoError(err)
		})
		b.awaitPass(held) // although the pass before it is held
	}
	close(held.release)
	wg.Wait()
	require.EqualValues(t, 2, b.sim.Requests().Total)
}
