package api

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tasksync/internal/live"
)

func TestStreamHeartbeats(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *Config) { c.Heartbeat = 20 * time.Millisecond })
	s := b.openStream(b.url, alice)
	b.until("heartbeats", func() bool { return s.comments.Load() >= 5 })
	require.Empty(t, s.events, "a heartbeat is no event")
	last := b.insertEvent(alice, someGeneration)
	require.Equal(t, last, s.next("status").change(t).ID)
	n := s.comments.Load()
	b.until("more of them", func() bool { return s.comments.Load() > n })
}

// TestStreamOutlivesTheServersTimeouts sets timeouts that are shorter than the stream.
func TestStreamOutlivesTheServersTimeouts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := b.start(func(server *http.Server, c *Config, _ *live.Config) {
		server.ReadHeaderTimeout, server.ReadTimeout, server.WriteTimeout = 250*time.Millisecond, 500*time.Millisecond, 500*time.Millisecond
		c.Heartbeat = 100 * time.Millisecond
	})
	stream := b.openStream(s.url, alice)
	opened := time.Now()
	b.until("heartbeats", func() bool { return stream.comments.Load() >= 20 })
	require.Greater(t, time.Since(opened), 1500*time.Millisecond)
	last := b.insertEvent(alice, someGeneration)
	require.Equal(t, last, stream.next("status").change(t).ID)
}

// TestStreamOfHalfARequest has clients that announce a body and never send it. The
// server would wait for the body before it responds.
func TestStreamOfHalfARequest(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := b.start(func(server *http.Server, _ *Config, _ *live.Config) { server.ReadTimeout = time.Second })
	for _, header := range []string{"Content-Length: 5", "Transfer-Encoding: chunked", "Content-Length: 5\r\nExpect: 100-continue"} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
		require.NoError(t, conn.SetDeadline(time.Now().Add(30*time.Second)))
		_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer %s\r\n%s\r\n\r\n", eventsPath, token(alice), header)
		require.NoError(t, err)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err, header)
		require.Equal(t, http.StatusBadRequest, resp.StatusCode, header)
	}
	b.until("no client is left", func() bool { return s.serving.Load() == 0 })
	require.Zero(t, b.metric(s, "tasksync_event_subscribers"))
}

func TestStreamEndsWithTheToken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := b.start(nil)
	expires := time.Now().Add(3 * time.Second).Truncate(time.Second)
	short := token(alice, func(c jwt.MapClaims) { c["exp"] = expires.Unix() })
	stream, a, err := b.tryStream(s.url, "", "Authorization", "Bearer "+short)
	require.NoError(t, err)
	require.NotNil(t, stream, a)
	longer := b.openStream(s.url, alice)
	stream.awaitEnd()
	require.NoError(t, stream.err, "in order")
	require.False(t, time.Now().Before(expires))
	b.until("its place is free", func() bool { return b.metric(s, "tasksync_event_subscribers") == 1 && s.serving.Load() == 1 })
	last := b.insertEvent(alice, someGeneration)
	require.Equal(t, last, longer.next("status").change(t).ID, "the stream of another token goes on")
}

func TestStreamsEndWithTheAPI(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := b.start(nil)
	var streams []*sseStream
	for range 20 {
		streams = append(streams, b.openStream(s.url, alice))
	}
	began := time.Now()
	go s.stop()
	for _, stream := range streams {
		stream.awaitEnd()
	}
	t.Logf("20 streams ended in %s", time.Since(began))
	b.until("no request is left", func() bool { return s.serving.Load() == 0 })
	s.stop()
	require.Equal(t, 20, b.metric(s, "tasksync_event_subscribers_dropped_total", "closing"))
	require.Zero(t, b.metric(s, "tasksync_event_subscribers"))
	_, _, err := b.tryStream(s.url, "", "Authorization", "Bearer "+token(alice))
	require.Error(t, err)
}

// TestStreamThatIsNotRead has a client that sends a request and reads nothing.
func TestStreamThatIsNotRead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := b.start(nil)
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.(*net.TCPConn).SetReadBuffer(4<<10))
	_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer %s\r\n\r\n", eventsPath, token(alice))
	require.NoError(t, err)
	b.until("the client is subscribed", func() bool { return b.metric(s, "tasksync_event_subscribers") == 1 })
	friend, stranger := b.openStream(s.url, alice), b.openStream(s.url, bob)

	id := b.insert(alice, "lyrics", "a-long-one")
	_, err = b.pool.Exec(t.Context(), `INSERT INTO music_clips (generation_id, clip_id, status, lyrics) VALUES ($1, 'c', 'streaming', repeat('la ', 350000))`, id)
	require.NoError(t, err)
	began, sent := time.Now(), 0
	for b.metric(s, "tasksync_event_subscribers") > 2 {
		require.Less(t, sent, 2000)
		last := b.insertEvent(alice, id)
		sent++
		require.Equal(t, last, friend.next("status").change(t).ID, "other streams of the user go on")
	}
	t.Logf("dropped after %d events of a megabyte, in %s", sent, time.Since(began))
	b.until("its goroutine is gone", func() bool { return s.serving.Load() == 2 })
	require.Equal(t, b.insertEvent(bob, someGeneration), stranger.next("status").change(t).ID)
	require.Equal(t, b.insertEvent(alice, someGeneration), friend.next("status").change(t).ID)
}

// pieceRecorder records how many bytes are written under each deadline.
type pieceRecorder struct {
	http.ResponseWriter
	sizes []int
	noted func([]byte) // called with each write, if it is set
}

func (p *pieceRecorder) Write(b []byte) (int, error) {
	p.sizes[len(p.sizes)-1] += len(b)
	if p.noted != nil {
		p.noted(b)
	}
	return len(b), nil
}
func (p *pieceRecorder) WriteHeader(int)                  {}
func (p *pieceRecorder) Header() http.Header              { return http.Header{} }
func (p *pieceRecorder) FlushError() error                { return nil }
func (p *pieceRecorder) SetReadDeadline(time.Time) error  { return nil }
func (p *pieceRecorder) SetWriteDeadline(time.Time) error { p.sizes = append(p.sizes, 0); return nil }

// TestStreamGivesSlowReadersTime: each piece of a long batch has its own deadline, so
// that a slow connection does not end in the middle of the batch again and again.
func TestStreamGivesSlowReadersTime(t *testing.T) {
	t.Parallel()
	p := &pieceRecorder{}
	w := newEventWriter(p)
	require.NoError(t, w.begin())
	var batch live.Batch
	for range 1000 {
		batch.Events = append(batch.Events, live.Event{GenerationID: someGeneration, Via: strings.Repeat("x", 1000)})
	}
	require.NoError(t, w.batch(batch))
	sum := 0
	for _, n := range p.sizes {
		require.LessOrEqual(t, n, pieceSize)
		sum += n
	}
	require.Greater(t, sum, 1_000_000)
}

// TestStreamHoldsAPiece: a batch is encoded piece by piece, and no piece is kept.
func TestStreamHoldsAPiece(t *testing.T) {
	t.Parallel()
	p := &pieceRecorder{}
	w := newEventWriter(p)
	most, sent := 0, 0
	p.noted = func(b []byte) { most, sent = max(most, w.buf.Cap()), sent+len(b) }
	require.NoError(t, w.begin())
	var batch live.Batch
	for range 1000 {
		batch.Events = append(batch.Events, live.Event{GenerationID: someGeneration, Via: strings.Repeat("x", 10<<10)})
	}
	for range 2 {
		require.NoError(t, w.batch(batch))
		require.LessOrEqual(t, w.buf.Cap(), keptSize)
	}
	require.Greater(t, sent, 20_000_000)
	require.LessOrEqual(t, most, 4*pieceSize)
}

// TestStreamFormat: each event ends with a blank line, and the last event of a batch
// has the id.
func TestStreamFormat(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	w := newEventWriter(&pieceRecorder{noted: func(b []byte) { text.Write(b) }})
	require.NoError(t, w.begin())
	for _, batch := range []live.Batch{{Cursor: "1:1:"}, {Cursor: "2:2:"}, {Cursor: "3:3:", Reset: true}, {Reset: true}} {
		require.NoError(t, w.batch(batch))
	}
	require.NoError(t, w.comment("heartbeat"))
	require.NoError(t, w.batch(live.Batch{Cursor: "4:4:", Events: []live.Event{{ID: 1}, {ID: 2}}}))
	const event = `"generation_id":"","from_status":"","to_status":"","via":"","upstream_status":null,"created_at":"0001-01-01T00:00:00Z"}`
	require.Equal(t, "event: ready\ndata: {}\nid: 1:1:\n\n"+"id: 2:2:\n\n"+"event: reset\ndata: {}\nid: 3:3:\n\n"+"event: reset\ndata: {}\n\n"+
		": heartbeat\n\n"+"event: status\ndata: {\"id\":1,"+event+"\n\nevent: status\ndata: {\"id\":2,"+event+"\nid: 4:4:\n\n", text.String())
}

// TestStreamThatComesBackAndIsNotRead has clients that resume and read nothing: each
// loses its connection and its place.
func TestStreamThatComesBackAndIsNotRead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.insert(alice, "lyrics", "a-long-one")
	_, err := b.pool.Exec(t.Context(), `INSERT INTO music_clips (generation_id, clip_id, status, lyrics) VALUES ($1, 'c', 'streaming', repeat('la ', 350000))`, id)
	require.NoError(t, err)
	for range 30 {
		b.insertEvent(alice, id)
	}
	s := b.start(nil)
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.(*net.TCPConn).SetReadBuffer(4<<10))
	_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: test\r\nLast-Event-ID: 1:1:\r\nAuthorization: Bearer %s\r\n\r\n", eventsPath, token(alice))
	require.NoError(t, err)
	b.until("it was given what it had missed", func() bool { return b.metric(s, "tasksync_events_delivered_total") == 30 })
	b.until("its goroutine is gone", func() bool { return s.serving.Load() == 0 })
	require.Zero(t, b.metric(s, "tasksync_event_subscribers"))
	reader := b.openStream(s.url, alice, "Last-Event-ID", "1:1:")
	for range 30 {
		require.NotNil(t, reader.next("status").change(t).Generation)
	}
}

// TestStreamsAreLimited: a user may not open one stream after another without end.
func TestStreamsAreLimited(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *Config) { c.UserRate, c.UserBurst = 0.001, 1 })
	for range streamBursts {
		b.openStream(b.url, alice).close()
	}
	s, a, err := b.tryStream(b.url, "", "Authorization", "Bearer "+token(alice))
	require.NoError(t, err)
	require.Nil(t, s)
	require.Equal(t, http.StatusTooManyRequests, a.status)
	require.NotEmpty(t, a.header.Get("Retry-After"))
	require.Contains(t, a.detail(t), "try again")
	b.openStream(b.url, bob)
	require.Equal(t, http.StatusOK, b.call(http.MethodPost, syncPath, token(alice), "").status, "POSTs have a limit of their own")
}

// TestStreamOfAnExpiredToken: an expired token within the leeway gets no stream, which
// would end at once.
func TestStreamOfAnExpiredToken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	late := token(alice, func(c jwt.MapClaims) { c["exp"] = time.Now().Add(-time.Second).Unix() })
	require.Equal(t, http.StatusOK, b.call(http.MethodGet, syncPath, late, "").status, "it is within the leeway")
	stream, refused, err := b.tryStream(b.url, "", "Authorization", "Bearer "+late)
	require.NoError(t, err)
	require.Nil(t, stream)
	ticket := b.ticket(token(alice), "")
	_, err = b.pool.Exec(t.Context(), `UPDATE tasksync.event_tickets SET session_expires_at = now() - interval '1 second'`)
	require.NoError(t, err)
	stream, outlived, err := b.tryStream(b.url, "?ticket="+ticket)
	require.NoError(t, err)
	require.Nil(t, stream)
	for _, a := range []response{refused, outlived, b.call(http.MethodPost, eventsPath+"/ticket", late, "")} {
		require.Equal(t, http.StatusUnauthorized, a.status)
		require.Equal(t, `Bearer error="invalid_token"`, a.header.Get("WWW-Authenticate"))
		require.Equal(t, "the token is refused: it has expired (exp)", a.detail(t))
	}
}

// racingWriters starts writers that commit events of two users in any order: a
// transaction that wrote its events early may commit late, or roll back. wait waits for
// their end.
func (b *bundle) racingWriters(until <-chan struct{}) (wait func()) {
	var writers sync.WaitGroup
	for n := range 6 {
		rng := rand.New(rand.NewPCG(4711, uint64(n)))
		writers.Go(func() {
			for {
				select {
				case <-until:
					return
				case <-time.After(time.Duration(rng.IntN(20)) * time.Millisecond):
				}
				b.NoError(b.writeAndWait(rng))
			}
		})
	}
	return writers.Wait
}

func (b *bundle) writeAndWait(rng *rand.Rand) error {
	ctx := context.Background()
	tx, err := b.pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(ctx) //nolint:errcheck // after Commit it does nothing
	for range 1 + rng.IntN(4) {
		if _, err := tx.Exec(ctx, insertEventSQL, someGeneration, []string{alice, bob}[rng.IntN(2)]); err != nil {
			return err
		}
		<-time.After(time.Duration(rng.IntN(4)*rng.IntN(40)) * time.Millisecond)
	}
	if rng.IntN(5) == 0 {
		return nil
	}
	return tx.Commit(ctx)
}

// TestStreamResumesWithoutAGap has a client that loses its connection at random and
// with each restart of the API, and resumes with its last id.
func TestStreamResumesWithoutAGap(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.insertEvent(alice, someGeneration) // the first event must not be rolled back: see the broker's oldest
	var at atomic.Value                  // the address of the API
	s := b.start(nil)
	at.Store(s.url)
	stop := make(chan struct{})
	wait := b.racingWriters(stop)
	end := make(chan int64, 1)
	seen := make(chan map[int64]int, 1)
	go func() { seen <- b.followToLast(&at, end) }()

	for range 4 {
		for range 25 {
			_, taskID := b.insertReady(alice)
			b.url = s.url
			b.post(alice, taskIDs(taskID))
		}
		s.stop()
		s = b.start(nil)
		at.Store(s.url)
	}
	close(stop)
	wait()
	end <- b.insertEvent(alice, someGeneration)
	got := <-seen
	require.NotNil(t, got)
	rows, err := b.pool.Query(t.Context(), `SELECT id FROM tasksync.generation_events WHERE user_id = $1`, alice)
	require.NoError(t, err)
	want, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	require.NoError(t, err)
	twice := 0
	for _, id := range want {
		require.NotZero(t, got[id], "event %d was left out", id)
		twice += got[id] - 1
		delete(got, id)
	}
	require.Empty(t, got, "events of other users, or events that were rolled back")
	t.Logf("%d events, %d of them sent twice", len(want), twice)
}

// followToLast follows alice's events from the first to the one that end names, across
// connections, and counts each event. It returns nil after an error.
func (b *bundle) followToLast(at *atomic.Value, end <-chan int64) map[int64]int {
	rng := rand.New(rand.NewPCG(4711, 4712))
	got, last, lastID, connections := map[int64]int{}, int64(0), "1:1:", 0
	for deadline := time.Now().Add(2 * time.Minute); last == 0 || got[last] == 0; connections++ {
		if time.Now().After(deadline) {
			b.Errorf("event %d has not come", last)
			return nil
		}
		query, header := "?last_event_id="+url.QueryEscape(lastID), []string{"Authorization", "Bearer " + token(alice)}
		if rng.IntN(2) == 0 { // an EventSource that reconnects by itself
			query, header = "?last_event_id=garbage", append(header, "Last-Event-ID", lastID)
		}
		s, _, err := b.tryStream(at.Load().(string), query, header...)
		if err != nil || s == nil {
			<-time.After(20 * time.Millisecond)
			continue
		}
		bored := time.After(time.Duration(20+rng.IntN(400)) * time.Millisecond)
		for open := true; open && (last == 0 || got[last] == 0); {
			select {
			case e := <-s.events:
				open = b.count(got, e)
			case last = <-end:
			case <-bored:
				open = false
			case <-s.done:
				open = false
			}
		}
		s.close()
		for len(s.events) > 0 { // received before the end
			b.count(got, <-s.events)
		}
		if id := s.lastID.Load().(string); id != "" {
			lastID = id
		}
	}
	b.Logf("%d connections", connections)
	return got
}

func (b *bundle) count(got map[int64]int, e sseEvent) bool {
	switch e.name {
	case "status":
		var id int64
		_, err := fmt.Fscanf(bytes.NewReader([]byte(e.data)), `{"id":%d`, &id)
		b.NoError(err)
		got[id]++
	case "reset":
		b.Errorf("a reset: %+v", e)
	}
	return true
}
