package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"tasksync/internal/live"
)

const reconnects = "?reconnects=true"

// reopen is the request that an EventSource sends by itself after a lost connection.
func (b *bundle) reopen(base, ticket, lastID string) *sseStream {
	b.Helper()
	s, a, err := b.tryStream(base, "?ticket="+ticket, "Last-Event-ID", lastID)
	require.NoError(b, err)
	require.NotNil(b, s, a)
	return s
}

func (s *sseStream) id() string { return s.lastID.Load().(string) }

// TestTicketReconnects: the same address opens the stream again, without a gap, for the
// reader of the stream and for no one else.
func TestTicketReconnects(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ticket := b.ticket(token(alice), reconnects)
	s := b.reopen(b.url, ticket, "")
	s.next("ready")
	for range 3 {
		s.close()
		missed := b.insertEvent(alice, someGeneration)
		b.rejectsTicket(ticket)
		for _, wrong := range []string{"", "garbage", strings.Split(s.id(), "/")[0], "1:1:/" + strings.Repeat("A", 26)} {
			_, a, err := b.tryStream(b.url, "?ticket="+ticket+"&last_event_id="+s.id(), "Last-Event-ID", wrong)
			require.NoError(t, err)
			require.Equal(t, http.StatusUnauthorized, a.status, "an address from a log has no key, in the header: %q", wrong)
		}
		require.Equal(t, http.StatusUnauthorized, b.call(http.MethodHead, eventsPath+"?ticket="+ticket, "", "").status)
		s = b.reopen(b.url, ticket, s.id())
		s.next("ready")
		require.Equal(t, missed, s.next("status").change(t).ID)
	}
	require.NotContains(t, b.log.String(), ticket)
	key := strings.Split(s.id(), "/")[1]
	require.Zero(t, b.queryInt(`SELECT count(*) FROM tasksync.event_tickets WHERE position($1 IN event_tickets::text) > 0`, key))
	require.Equal(t, http.StatusUnauthorized, b.call(http.MethodGet, syncPath, key, "").status)
}

// TestTicketReconnectsFromTheFirstByte: the key comes before any event. The stream begins
// in the middle of a step that takes long.
func TestTicketReconnectsFromTheFirstByte(t *testing.T) {
	t.Parallel()
	b := setup(t)
	before := b.openStream(b.url, alice)
	before.close()
	missed := b.insertEvent(alice, someGeneration)
	idle := b.start(func(_ *http.Server, c *Config, l *live.Config) {
		l.ConnConfig = l.ConnConfig.Copy()
		l.ConnConfig.Port = 1 // no event comes
	})
	ticket := b.ticket(token(alice), reconnects)
	s, a, err := b.tryStream(idle.url, "?ticket="+ticket+"&last_event_id="+before.id())
	require.NoError(t, err)
	require.NotNil(t, s, a)
	b.until("the id comes", func() bool { return s.id() != "" })
	require.Equal(t, before.id(), strings.Split(s.id(), "/")[0], "it is where the stream was to begin")
	s.close()
	s = b.reopen(b.url, ticket, s.id())
	s.next("ready")
	require.Equal(t, missed, s.next("status").change(t).ID)
}

// TestTicketHasOneStream: a newer stream of the same reader ends the older one, on the same
// daemon and on another.
func TestTicketHasOneStream(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *Config) { c.TicketCheck = 50 * time.Millisecond })
	other := b.start(nil)
	ticket := b.ticket(token(alice), reconnects)
	first := b.reopen(b.url, ticket, "")
	first.next("ready")
	alone := b.reopen(b.url, b.ticket(token(alice), reconnects), "")
	alone.next("ready")
	second := b.reopen(b.url, ticket, first.id())
	second.next("ready")
	first.awaitEnd()
	require.NoError(t, first.err, "in order")
	third := b.reopen(other.url, ticket, second.id())
	third.next("ready")
	second.awaitEnd()
	require.NoError(t, second.err, "in order")
	fourth := b.reopen(b.url, ticket, third.id())
	fourth.next("ready")
	third.awaitEnd()
	last := b.insertEvent(alice, someGeneration)
	require.Equal(t, last, fourth.next("status").change(t).ID)
	require.Equal(t, last, alone.next("status").change(t).ID, "the stream of another ticket goes on")
}

// TestTicketOutlivesItsDaemon: an EventSource comes back to a daemon that was restarted.
func TestTicketOutlivesItsDaemon(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ticket := b.ticket(token(alice), reconnects)
	first := b.start(nil)
	s := b.reopen(first.url, ticket, "")
	s.next("ready")
	first.stop()
	s.awaitEnd()
	missed := b.insertEvent(alice, someGeneration)
	s = b.reopen(b.start(nil).url, ticket, s.id())
	s.next("ready")
	require.Equal(t, missed, s.next("status").change(t).ID)
}

// TestTicketIsRevoked: at any daemon, by its user alone.
func TestTicketIsRevoked(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *Config) { c.TicketCheck = 50 * time.Millisecond })
	other := b.start(nil)
	one, two, unused, once := b.ticket(token(alice), reconnects), b.ticket(token(alice), reconnects), b.ticket(token(alice), reconnects), b.ticket(token(alice), "")
	theirs := b.reopen(b.url, b.ticket(token(bob), reconnects), "")
	first, second := b.reopen(b.url, one, ""), b.reopen(other.url, two, "")
	byToken := b.openStream(b.url, alice)
	first.next("ready")
	second.next("ready")
	require.Equal(t, http.StatusUnauthorized, b.call(http.MethodDelete, eventsPath+"/ticket?ticket="+one, "", "").status)
	require.Equal(t, http.StatusNoContent, b.call(http.MethodDelete, eventsPath+"/ticket?ticket="+one, token(bob), "").status, "what is not bob's is not there")
	require.Equal(t, http.StatusNoContent, b.call(http.MethodDelete, eventsPath+"/ticket?ticket="+one, token(alice), "").status)
	first.awaitEnd()
	require.NoError(t, first.err, "in order")
	_, a, err := b.tryStream(b.url, "?ticket="+one, "Last-Event-ID", first.id())
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, a.status)

	require.Equal(t, http.StatusNoContent, b.call(http.MethodDelete, eventsPath+"/ticket", token(alice), "").status)
	second.awaitEnd()
	for _, ticket := range []string{two, unused, once} {
		b.rejectsTicket(ticket)
	}
	last := b.insertEvent(alice, someGeneration)
	require.Equal(t, last, byToken.next("status").change(t).ID)
	theirs.next("ready")
	last = b.insertEvent(bob, someGeneration)
	require.Equal(t, last, theirs.next("status").change(t).ID)
	require.Equal(t, 1, b.queryInt(`SELECT count(*) FROM tasksync.event_tickets`))
}

// TestTicketReconnectsUntilItsTokenExpires.
func TestTicketReconnectsUntilItsTokenExpires(t *testing.T) {
	t.Parallel()
	b := setup(t)
	expires := time.Now().Add(3 * time.Second).Truncate(time.Second)
	ticket := b.ticket(token(alice, func(c jwt.MapClaims) { c["exp"] = expires.Unix() }), reconnects)
	s := b.reopen(b.url, ticket, "")
	s.next("ready")
	s.awaitEnd()
	require.NoError(t, s.err)
	require.False(t, time.Now().Before(expires))
	_, a, err := b.tryStream(b.url, "?ticket="+ticket, "Last-Event-ID", s.id())
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, a.status)
	endless := b.ticket(token(alice, func(c jwt.MapClaims) { c["exp"] = 1 << 45 }), reconnects)
	b.reopen(b.url, endless, "").next("ready")
	require.Equal(t, 1, b.queryInt(`SELECT count(*) FROM tasksync.event_tickets WHERE expires_at BETWEEN now() + interval '23 hours' AND now() + interval '25 hours'`))
}

// TestReconnectingTicketsAreBounded: those that were used last are kept.
func TestReconnectingTicketsAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.pool.Exec(t.Context(), `INSERT INTO tasksync.event_tickets (hash, user_id, expires_at, session_expires_at, openings, used_at)
		SELECT sha256(n::text::bytea), $1, now() + interval '1 hour', now() + interval '1 hour', 1, now() - make_interval(secs => n) FROM generate_series(1, 150) AS n`, alice)
	require.NoError(t, err)
	b.ticket(token(alice), reconnects)
	require.Equal(t, keptTickets+1, b.queryInt(`SELECT count(*) FROM tasksync.event_tickets`))
	require.Equal(t, 1, b.queryInt(`SELECT count(*) FROM tasksync.event_tickets WHERE hash = sha256('1')`))
	require.Zero(t, b.queryInt(`SELECT count(*) FROM tasksync.event_tickets WHERE hash = sha256('150')`))
}

// asEventSource sends the request that an EventSource sends.
func (b *bundle) asEventSource(h http.Handler, ticket, lastID string) *httptest.ResponseRecorder {
	b.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, eventsPath+"?ticket="+ticket, http.NoBody)
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("Last-Event-ID", lastID)
	r.Header.Set("Origin", "https://app.example")
	h.ServeHTTP(w, r)
	return w
}

// TestEventSourceComesBack: what is over soon does not stop an EventSource for ever, and
// what is not stops it.
func TestEventSourceComesBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	starting, err := Unavailable([]string{"https://app.example"})
	require.NoError(t, err)
	ticket := b.ticket(token(alice), reconnects)
	w := b.asEventSource(starting, ticket, "")
	require.Equal(t, []string{"text/event-stream", "https://app.example"}, []string{w.Header().Get("Content-Type"), w.Header().Get("Access-Control-Allow-Origin")})
	require.Equal(t, http.StatusOK, w.Code)
	require.Regexp(t, `^retry: \d+\n\n$`, w.Body.String())

	full := b.start(func(_ *http.Server, c *Config, l *live.Config) { l.MaxPerUser = 1 })
	there := b.openStream(full.url, alice)
	s := b.reopenAsEventSource(full.url, ticket, there.id())
	s.awaitEnd()
	require.Empty(t, s.events)
	require.Equal(t, there.id(), strings.Split(s.id(), "/")[0])
	s = b.reopen(b.url, ticket, s.id())
	s.next("ready")
	once := b.ticket(token(alice), "")
	require.Equal(t, http.StatusTooManyRequests, b.presentTicket(full, once).status, "a ticket that was used up is not worth to come back with")

	b.lock("tasksync.event_tickets")
	require.Equal(t, http.StatusServiceUnavailable, b.presentTicket(full, ticket).status, "another client gets the problem")
	s = b.reopenAsEventSource(full.url, ticket, s.id())
	s.awaitEnd()
	require.Empty(t, s.id(), "it keeps its own")
	w = b.asEventSource(b.api, "unknown", "")
	require.Equal(t, http.StatusUnauthorized, w.Code)
}

func (b *bundle) reopenAsEventSource(base, ticket, lastID string) *sseStream {
	b.Helper()
	s, a, err := b.tryStream(base, "?ticket="+ticket, "Last-Event-ID", lastID, "Accept", "text/event-stream")
	require.NoError(b, err)
	require.NotNil(b, s, a)
	return s
}
