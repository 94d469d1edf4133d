package api

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"tasksync/internal/live"
)

// ticket requests a ticket.
func (b *bundle) ticket(bearer, query string) string {
	b.Helper()
	a := b.call(http.MethodPost, eventsPath+"/ticket"+query, bearer, "")
	require.Equal(b, http.StatusCreated, a.status, a.body)
	require.Equal(b, "no-store", a.header.Get("Cache-Control"))
	var out struct {
		Ticket    string
		ExpiresIn int `json:"expires_in"`
	}
	a.decode(b, &out)
	require.GreaterOrEqual(b, len(out.Ticket), 26)
	require.Equal(b, 60, out.ExpiresIn)
	return out.Ticket
}

// rejectsTicket checks that a ticket opens no stream.
func (b *bundle) rejectsTicket(ticket string) {
	b.Helper()
	s, a, err := b.tryStream(b.url, "?ticket="+ticket)
	require.NoError(b, err)
	require.Nil(b, s)
	require.Equal(b, http.StatusUnauthorized, a.status)
	require.Contains(b, a.detail(b), "ticket")
	require.NotEmpty(b, a.header.Get("WWW-Authenticate"))
}

func TestTicketOpensOneStream(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ticket := b.ticket(token(alice), "")
	s, a, err := b.tryStream(b.url, "?ticket="+ticket)
	require.NoError(t, err)
	require.NotNil(t, s, a)
	s.next("ready")
	b.insertEvent(bob, someGeneration)
	last := b.insertEvent(alice, someGeneration)
	require.Equal(t, last, s.next("status").change(t).ID, "it is the stream of the ticket's user")
	b.rejectsTicket(ticket)
	s.close()
	b.rejectsTicket(ticket)
	require.NotContains(t, b.log.String(), ticket)
	require.Zero(t, b.queryInt(`SELECT count(*) FROM tasksync.event_tickets`))
}

// TestTicketResumes resumes a stream with a new EventSource.
func TestTicketResumes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.insertEvent(alice, someGeneration)
	s := b.openStream(b.url, alice)
	s.close()
	missed := b.insertEvent(alice, someGeneration)
	s, a, err := b.tryStream(b.url, "?ticket="+b.ticket(token(alice), "")+"&last_event_id="+s.lastID.Load().(string))
	require.NoError(t, err)
	require.NotNil(t, s, a)
	s.next("ready")
	require.Equal(t, missed, s.next("status").change(t).ID)
}

func TestTicketIsGoodOnceEvenAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ticket := b.ticket(token(alice), "")
	var opened atomic.Int64
	var all sync.WaitGroup
	for range 30 {
		all.Go(func() {
			s, a, err := b.tryStream(b.url, "?ticket="+ticket)
			b.NoError(err)
			if s != nil {
				opened.Add(1)
			} else if a.status != http.StatusUnauthorized {
				b.Errorf("%d %s", a.status, a.body)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, opened.Load())
}

func TestTicketIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, wrong := range []string{"x", strings.Repeat("A", 26), "%00", "%ff", "'%20OR%201=1%20--", strings.Repeat("x", 64)} {
		b.rejectsTicket(wrong)
	}
	old := b.ticket(token(alice), "")
	b.rejectsTicket(strings.ToLower(old))
	b.rejectsTicket(old[:len(old)-1])
	_, err := b.pool.Exec(t.Context(), `UPDATE tasksync.event_tickets SET expires_at = now() - interval '1 second'`)
	require.NoError(t, err)
	b.rejectsTicket(old)
	fresh := b.ticket(token(alice), "")
	require.Equal(t, 1, b.queryInt(`SELECT count(*) FROM tasksync.event_tickets`), "the old one is swept up")
	require.Zero(t, b.queryInt(`SELECT count(*) FROM tasksync.event_tickets WHERE position(convert_to($1, 'UTF8') IN hash) > 0`, fresh),
		"the table does not hold the ticket itself")
}

func TestTicketIsForTheStreamOnly(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.insertReady(alice)
	ticket := b.ticket(token(alice), "")
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		for _, bearer := range []string{"", ticket} {
			require.Equal(t, http.StatusUnauthorized, b.call(method, syncPath+"?ticket="+ticket, bearer, "").status)
		}
	}
	require.Equal(t, http.StatusUnauthorized, b.call(http.MethodPost, eventsPath+"/ticket?ticket="+ticket, "", "").status, "nor for another ticket")
	require.Equal(t, http.StatusUnauthorized, b.call(http.MethodPost, eventsPath+"/ticket", "x", "").status)
	require.Zero(t, b.sim.Requests().Total)
	s, a, err := b.tryStream(b.url, "?ticket="+ticket)
	require.NoError(t, err)
	require.NotNil(t, s, "it is still good: %v", a)
}

// TestTicketBesideAToken: with both, the token counts, and the ticket is not used up.
func TestTicketBesideAToken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ticket := b.ticket(token(alice), "")
	_, a, err := b.tryStream(b.url, "?ticket="+ticket, "Authorization", "Bearer wrong")
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, a.status)
	s, a, err := b.tryStream(b.url, "?ticket="+ticket, "Authorization", "Bearer "+token(bob))
	require.NoError(t, err)
	require.NotNil(t, s, a)
	s.next("ready")
	b.insertEvent(alice, someGeneration)
	last := b.insertEvent(bob, someGeneration)
	require.Equal(t, last, s.next("status").change(t).ID, "the stream of the token's user")
	s, a, err = b.tryStream(b.url, "?ticket="+ticket)
	require.NoError(t, err)
	require.NotNil(t, s, a)
}

func TestTicketOfAService(t *testing.T) {
	t.Parallel()
	b := setup(t)
	service := token("", func(c jwt.MapClaims) { c["role"] = "service_role"; delete(c, "sub") })
	require.Equal(t, http.StatusUnprocessableEntity, b.call(http.MethodPost, eventsPath+"/ticket", service, "").status)
	require.Equal(t, http.StatusForbidden, b.call(http.MethodPost, eventsPath+"/ticket?user_id="+bob, token(alice), "").status)
	ticket := b.ticket(service, "?user_id="+strings.ToUpper(bob))
	s, a, err := b.tryStream(b.url, "?ticket="+ticket+"&user_id="+alice)
	require.NoError(t, err)
	require.Nil(t, s, "the ticket is not alice's")
	require.Equal(t, http.StatusForbidden, a.status)
	ticket = b.ticket(service, "?user_id="+bob)
	s, a, err = b.tryStream(b.url, "?ticket="+ticket+"&user_id="+bob)
	require.NoError(t, err)
	require.NotNil(t, s, a)
	s.next("ready")
	b.insertEvent(alice, someGeneration)
	last := b.insertEvent(bob, someGeneration)
	require.Equal(t, last, s.next("status").change(t).ID, "the user of the ticket")
}

// TestTicketEndsWithItsToken: a stream ends when the token expires that the ticket was
// issued for.
func TestTicketEndsWithItsToken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	expires := time.Now().Add(3 * time.Second).Truncate(time.Second)
	ticket := b.ticket(token(alice, func(c jwt.MapClaims) { c["exp"] = expires.Unix() }), "")
	s, a, err := b.tryStream(b.url, "?ticket="+ticket)
	require.NoError(t, err)
	require.NotNil(t, s, a)
	s.awaitEnd()
	require.NoError(t, s.err)
	require.False(t, time.Now().Before(expires))
}

// TestTicketOfAnEndlessToken has tokens that expire in years that Postgres does not
// have, among them one with microseconds in place of seconds.
func TestTicketOfAnEndlessToken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, exp := range []int64{1790000000000, 1 << 45, 1790000000000000, 1<<53 - 1} {
		ticket := b.ticket(token(alice, func(c jwt.MapClaims) { c["exp"] = exp }), "")
		require.Equal(t, 1, b.queryInt(`SELECT count(*) FROM tasksync.event_tickets
			WHERE session_expires_at BETWEEN now() + interval '364 days' AND now() + interval '366 days'`))
		s, a, err := b.tryStream(b.url, "?ticket="+ticket)
		require.NoError(t, err)
		require.NotNil(t, s, a)
		s.next("ready")
	}
}

// TestTicketOfAnotherDaemon: every daemon behind one address accepts a ticket.
func TestTicketOfAnotherDaemon(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := b.start(nil)
	s, a, err := b.tryStream(other.url, "?ticket="+b.ticket(token(alice), ""))
	require.NoError(t, err)
	require.NotNil(t, s, a)
	s.next("ready")
}

func TestTicketsAreLimited(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *Config) { c.UserRate, c.UserBurst = 0.001, 3 })
	for range 3 {
		b.ticket(token(alice), "")
	}
	a := b.call(http.MethodPost, eventsPath+"/ticket", token(alice), "")
	require.Equal(t, http.StatusTooManyRequests, a.status)
	require.NotEmpty(t, a.header.Get("Retry-After"))
	b.ticket(token(bob), "")
}

// TestTicketWithoutADatabase locks the table of the tickets.
func TestTicketWithoutADatabase(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := b.start(func(_ *http.Server, c *Config, _ *live.Config) { c.UserRate = 1000 })
	b.lock("tasksync.event_tickets")
	for _, a := range []response{b.call(http.MethodPost, eventsPath+"/ticket", token(alice), ""), b.presentTicket(s, strings.Repeat("A", 26))} {
		require.Equal(t, http.StatusServiceUnavailable, a.status, a.body)
		require.NotContains(t, a.detail(t), "SQL")
		require.NotEmpty(t, a.header.Get("Retry-After"))
	}
}

func (b *bundle) presentTicket(s *instance, ticket string) response {
	b.Helper()
	_, a, err := b.tryStream(s.url, "?ticket="+ticket)
	require.NoError(b, err)
	return a
}

// TestTicketSurvivesAHead: a HEAD, which a proxy may send first, uses no ticket up.
func TestTicketSurvivesAHead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ticket := b.ticket(token(alice), "")
	for range 2 {
		require.Equal(t, http.StatusOK, b.call(http.MethodHead, eventsPath+"?ticket="+ticket, "", "").status)
	}
	s, a, err := b.tryStream(b.url, "?ticket="+ticket)
	require.NoError(t, err)
	require.NotNil(t, s, a)
	s.next("ready")
	require.Equal(t, http.StatusUnauthorized, b.call(http.MethodHead, eventsPath+"?ticket="+ticket, "", "").status, "it is used up")
}

// TestTicketsAreSweptUp: old tickets are deleted in parts, without waiting for locks.
func TestTicketsAreSweptUp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.pool.Exec(t.Context(), `INSERT INTO tasksync.event_tickets (hash, user_id, expires_at, session_expires_at)
		SELECT sha256(n::text::bytea), gen_random_uuid(), now() - make_interval(secs => n), now() FROM generate_series(1, 150) AS n`)
	require.NoError(t, err)
	tx, err := b.pool.Begin(t.Context())
	require.NoError(t, err)
	defer tx.Rollback(t.Context()) //nolint:errcheck // the test is over
	_, err = tx.Exec(t.Context(), `SELECT FROM tasksync.event_tickets ORDER BY expires_at LIMIT 10 FOR UPDATE`)
	require.NoError(t, err)
	for _, left := range []int{50, 10, 10} {
		b.ticket(token(alice), "")
		require.Equal(t, left, b.queryInt(`SELECT count(*) FROM tasksync.event_tickets WHERE expires_at < now()`))
	}
	require.NoError(t, tx.Rollback(t.Context()))
	b.ticket(token(alice), "")
	require.Equal(t, 4, b.queryInt(`SELECT count(*) FROM tasksync.event_tickets`))
}
