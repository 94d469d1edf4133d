package api

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"tasksync/internal/live"
	"tasksync/internal/view"
)

// instance is another API on the same database, which a test can stop.
type instance struct {
	url     string
	reg     *prometheus.Registry
	serving atomic.Int64 // requests that are being served
	end     func()       // ends the API, but not its server
	stop    func()       // in the order of the daemon: the API, then its server
}

// start starts an instance, whose server and configuration change may change.
func (b *bundle) start(change func(*http.Server, *Config, *live.Config)) *instance {
	b.Helper()
	s := &instance{reg: prometheus.NewRegistry()}
	cfg := b.cfg
	cfg.Registerer = s.reg
	follow := live.Config{ConnConfig: b.pool.Config().ConnConfig, Registerer: s.reg, Logger: cfg.Logger}
	server := httptest.NewUnstartedServer(nil)
	if change != nil {
		change(server.Config, &cfg, &follow)
	}
	cfg.Live = live.New(follow)
	api, err := New(cfg)
	require.NoError(b, err)
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.serving.Add(1)
		defer s.serving.Add(-1)
		api.ServeHTTP(w, r)
	})
	server.Start()
	s.url = server.URL
	ctx, cancel := context.WithCancel(context.Background())
	var parts sync.WaitGroup
	parts.Go(func() { b.NoError(api.Run(ctx)) })
	parts.Go(func() { b.NoError(cfg.Live.Run(ctx)) })
	s.end = cancel
	s.stop = sync.OnceFunc(func() {
		cancel()
		parts.Wait()
		server.CloseClientConnections()
		server.Close()
	})
	b.Cleanup(s.stop)
	return s
}

// sseEvent is one event of a stream.
type sseEvent struct{ name, id, data string }

// sseChange is the data of a status event.
type sseChange struct {
	ID           int64
	GenerationID string `json:"generation_id"`
	FromStatus   string `json:"from_status"`
	ToStatus     string `json:"to_status"`
	Via          string
	Generation   *view.Generation
}

func (e sseEvent) change(t testing.TB) sseChange {
	t.Helper()
	require.Equal(t, "status", e.name, e.data)
	var c sseChange
	require.NoError(t, json.Unmarshal([]byte(e.data), &c), e.data)
	return c
}

// sseStream is a client of the events that behaves like an EventSource.
type sseStream struct {
	t        testing.TB
	resp     *http.Response
	events   chan sseEvent
	comments atomic.Int64
	lastID   atomic.Value // string
	close    func()
	done     chan struct{} // the stream has ended
	err      error         // why, unless the server ended it; valid once done is closed
}

// tryStream opens a stream; header is names and values in turn. If the response is not
// a stream, it returns the response.
func (b *bundle) tryStream(base, query string, header ...string) (*sseStream, response, error) {
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+eventsPath+query, http.NoBody)
	require.NoError(b, err)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		cancel()
		return nil, response{}, err
	}
	if resp.StatusCode != http.StatusOK {
		defer cancel()
		defer resp.Body.Close()
		raw, err := io.ReadAll(resp.Body)
		return nil, response{resp.StatusCode, resp.Header, string(raw)}, err
	}
	s := &sseStream{t: b, resp: resp, events: make(chan sseEvent, 100_000), done: make(chan struct{})}
	s.lastID.Store("")
	go s.read()
	s.close = sync.OnceFunc(func() {
		cancel()
		<-s.done
		resp.Body.Close()
	})
	b.Cleanup(s.close)
	return s, response{}, nil
}

// openStream opens a stream and reads its first event.
func (b *bundle) openStream(base, user string, header ...string) *sseStream {
	b.Helper()
	s, a, err := b.tryStream(base, "", append([]string{"Authorization", "Bearer " + token(user)}, header...)...)
	require.NoError(b, err)
	require.NotNil(b, s, a)
	s.next("ready")
	return s
}

func (s *sseStream) read() {
	defer close(s.done)
	lines := bufio.NewReader(s.resp.Body)
	var e sseEvent
	for {
		line, err := lines.ReadString('\n')
		if err == io.EOF {
			return
		}
		if err != nil {
			s.err = err
			return
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "event":
			e.name = value
		case "data":
			e.data = value
		case "id":
			e.id = value
			s.lastID.Store(value)
		case "":
			if value != "" {
				s.comments.Add(1)
			} else if e.data != "" {
				s.events <- e
			}
			e = sseEvent{}
		}
	}
}

// next returns the next event, which must have that name.
func (s *sseStream) next(name string) sseEvent {
	s.t.Helper()
	select {
	case e := <-s.events:
		require.Equal(s.t, name, e.name, e.data)
		return e
	case <-time.After(30 * time.Second):
		require.Fail(s.t, "no event comes")
	}
	return sseEvent{}
}

// awaitEnd waits for the end of the stream.
func (s *sseStream) awaitEnd() {
	s.t.Helper()
	select {
	case <-s.done:
	case <-time.After(30 * time.Second):
		require.Fail(s.t, "the stream does not end")
	}
}

func (b *bundle) metric(s *instance, name string, labels ...string) int {
	b.Helper()
	return counterValue(b, s.reg, name, labels...)
}

// insertEvent inserts an event of a generation, as the syncer does, and returns its id.
func (b *bundle) insertEvent(user, generation string) (id int64) {
	b.Helper()
	require.NoError(b, b.pool.QueryRow(context.Background(), insertEventSQL, generation, user).Scan(&id))
	b.announcer.Announce()
	return id
}

const (
	insertEventSQL = `INSERT INTO tasksync.generation_events (generation_id, user_id, from_status, to_status, via)
		VALUES ($1, $2, 'queued', 'processing', 'poll') RETURNING id`
	someGeneration = "99999999-9999-4999-8999-999999999999"
)

func TestEventsFollowCommits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	mine, theirs := b.openStream(b.url, alice), b.openStream(b.url, bob)
	require.NotEmpty(t, mine.lastID.Load(), "the first event has an id")
	for name, want := range map[string]string{"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no", "X-Content-Type-Options": "nosniff"} {
		require.Equal(t, want, mine.resp.Header.Get(name))
	}
	bobs, _ := b.insertReady(bob)
	b.post(bob, "")
	require.Equal(t, bobs, theirs.next("status").change(t).GenerationID)
	for range 3 {
		id, taskID := b.insertReady(alice)
		b.post(alice, "")
		e := mine.next("status")
		require.NotEmpty(t, e.id)
		c := e.change(t)
		require.Equal(t, []string{id, "submitted", "complete", "request"}, []string{c.GenerationID, c.FromStatus, c.ToStatus, c.Via})
		rows, err := view.Load(t.Context(), b.pool, []string{id}, view.Options{})
		require.NoError(t, err)
		require.Equal(t, rows[0], *c.Generation, "the row and its clips, as they are in the tables")
		require.Equal(t, taskID, *c.Generation.TaskID)
		require.Len(t, c.Generation.Clips, 2)
		require.NotEmpty(t, *c.Generation.Clips[0].AudioURL)
	}
	require.Empty(t, theirs.events, "users get no events of other users")

	_, err := b.pool.Exec(t.Context(), `DELETE FROM music_generations WHERE id = $1`, bobs)
	require.NoError(t, err)
	b.insertEvent(bob, bobs)
	require.NotContains(t, theirs.next("status").data, `"generation":`, "the row is gone")
	tx, err := b.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), insertEventSQL, someGeneration, alice)
	require.NoError(t, err)
	require.NoError(t, tx.Rollback(t.Context()))
	last := b.insertEvent(alice, someGeneration)
	require.Equal(t, last, mine.next("status").change(t).ID, "an event that was rolled back is not sent")
}

func TestEventsNeedAToken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	service := token("", func(c jwt.MapClaims) { c["role"] = "service_role"; delete(c, "sub") })
	for what, tc := range map[string]struct {
		query, bearer string
		status        int
	}{
		"none":                        {"", "", 401},
		"a wrong one":                 {"", "Bearer x", 401},
		"another scheme":              {"", "Basic " + token(alice), 401},
		"a token for a ticket":        {"?ticket=" + token(alice)[:60], "", 401},
		"a token in the address":      {"?access_token=" + token(alice), "", 401},
		"somebody else":               {"?user_id=" + bob, "Bearer " + token(alice), 403},
		"a service without a user":    {"", "Bearer " + service, 422},
		"a service with half a user":  {"?user_id=b0b", "Bearer " + service, 422},
		"a service, user in braces":   {"?user_id={" + bob + "}", "Bearer " + service, 422},
		"a service, user as a URN":    {"?user_id=urn:uuid:" + bob, "Bearer " + service, 422},
		"a service, user in one word": {"?user_id=" + strings.ReplaceAll(bob, "-", ""), "Bearer " + service, 422},
		"a ticket too long":           {"?ticket=" + strings.Repeat("x", 65), "", 401},
	} {
		s, a, err := b.tryStream(b.url, tc.query, "Authorization", tc.bearer)
		require.NoError(t, err, what)
		require.Nil(t, s, what)
		require.Equal(t, tc.status, a.status, "%s: %s", what, a.body)
		require.NotEmpty(t, a.detail(t), what)
	}
	for _, user := range []string{bob, strings.ToUpper(bob)} {
		s, a, err := b.tryStream(b.url, "?user_id="+user, "Authorization", "Bearer "+service)
		require.NoError(t, err)
		require.NotNil(t, s, a)
		s.next("ready")
		b.insertEvent(bob, someGeneration)
		s.next("status")
	}
	off := b.start(func(_ *http.Server, c *Config, _ *live.Config) { c.Verifier = nil })
	for _, query := range []string{"", "?ticket=x"} {
		_, a, err := b.tryStream(off.url, query, "Authorization", "Bearer "+token(alice))
		require.NoError(t, err)
		require.Equal(t, http.StatusNotImplemented, a.status)
		require.Contains(t, a.detail(t), "TASKSYNC_JWT_SECRET")
	}
}

func TestEventsLimitSubscribers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := b.start(func(_ *http.Server, _ *Config, l *live.Config) { l.MaxSubscribers, l.MaxPerUser = 3, 2 })
	first := b.openStream(s.url, alice)
	b.openStream(s.url, alice)
	_, a, err := b.tryStream(s.url, "", "Authorization", "Bearer "+token(alice))
	require.NoError(t, err)
	require.Equal(t, http.StatusTooManyRequests, a.status)
	require.NotEmpty(t, a.header.Get("Retry-After"))
	b.openStream(s.url, bob)
	_, a, err = b.tryStream(s.url, "", "Authorization", "Bearer "+token(bob))
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, a.status)
	require.NotEmpty(t, a.header.Get("Retry-After"))
	first.close()
	b.until("its place is free", func() bool { return b.metric(s, "tasksync_event_subscribers") == 2 })
	b.openStream(s.url, alice)
}

// TestEventsHead sends two HEADs on one connection.
func TestEventsHead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := b.start(nil)
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(30*time.Second)))
	answers := bufio.NewReader(conn)
	for range 2 {
		_, err = fmt.Fprintf(conn, "HEAD %s HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer %s\r\n\r\n", eventsPath, token(alice))
		require.NoError(t, err)
		resp, err := http.ReadResponse(answers, &http.Request{Method: http.MethodHead})
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, resp.StatusCode)
		require.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
	}
	b.until("no client is left", func() bool { return s.serving.Load() == 0 && b.metric(s, "tasksync_event_subscribers") == 0 })
}

// TestEventsHostileIDs sends ids that no stream has had.
func TestEventsHostileIDs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.insertEvent(alice, someGeneration)
	healthy := b.openStream(b.url, alice)
	var snapshot string
	require.NoError(t, b.pool.QueryRow(t.Context(), `SELECT pg_current_snapshot()::text`).Scan(&snapshot))
	ids := []string{
		"garbage", "0", "1", "-1", "0:0:", "1:0:", "2:1:", "-1:1:", "1:1", "1:1:1:1", "::", "1:2:3", "1:3:2,1", "1:3:2,2", "1:1:,", "+1:1:", "1 :1:",
		"01:1:", "1.0:1:", "1e3:1e3:", "999999999999:999999999999:", "18446744073709551615:18446744073709551615:", "18446744073709551616:18446744073709551616:",
		snapshot + ",", snapshot + "x", "'; DROP TABLE music_generations; --", "1:9:" + strings.Repeat("2,", 3000), strings.Repeat("9", 9000), "null", "\xff\xfe", "ü",
	}
	for i, id := range ids {
		query, header := "", []string{"Authorization", "Bearer " + token(alice)}
		if i%2 == 0 {
			header = append(header, "Last-Event-ID", id)
		} else {
			query = "?last_event_id=" + url.QueryEscape(id)
		}
		s, a, err := b.tryStream(b.url, query, header...)
		require.NoError(t, err, id)
		require.NotNil(t, s, "%q: %d %s", id, a.status, a.body)
		s.next("ready")
		require.NotEmpty(t, s.next("reset").id, "%q is invalid, so the rows must be read anew", id)
		s.close()
	}
	for _, query := range []string{"?last_event_id=%00", "?last_event_id=%ff%fe", "?last_event_id=%0a%0d"} {
		s, a, err := b.tryStream(b.url, query, "Authorization", "Bearer "+token(alice))
		require.NoError(t, err)
		require.NotNil(t, s, a)
		s.next("ready")
		s.next("reset")
		s.close()
	}
	for _, header := range []string{"Last-Event-ID", "Authorization", "X-Anything"} {
		_, a, err := b.tryStream(b.url, "", header, strings.Repeat("9", 64<<10))
		require.NoError(t, err)
		require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, a.status, header)
	}
	last := b.insertEvent(alice, someGeneration)
	require.Equal(t, last, healthy.next("status").change(t).ID, "other streams go on")
}
