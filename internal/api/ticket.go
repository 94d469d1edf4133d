package api

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/jackc/pgx/v5"

	"tasksync/internal/auth"
	"tasksync/queries"
)

// A ticket is for EventSource, which cannot send a header. It is kept in the database, by
// its hash, so that every daemon behind the same address accepts it, and so does a daemon
// that has restarted. Addresses stand in logs, so an address opens a stream once, within a
// minute, and never again by itself.
//
// A ticket that reconnects lets an EventSource come back with the same address, as it does
// by itself after each lost connection. What opens the stream again is the address together
// with the Last-Event-ID that the browser sends: each id of such a stream ends with a key
// that only its reader knows, like 740:745:741/KEY. The cursor before the slash is where
// the stream goes on. So
//   - a second tab, or a thief, with the address alone is rejected with 401;
//   - a ticket has one stream at a time: a newer one ends the older, on this daemon at once,
//     on others at their next check (opened.go), and so does a revocation;
//   - the stream ends when the token expires that the ticket was issued for, or after
//     maxReconnecting. An EventSource that reconnects then gets 401, which stops it;
//   - a reader that loses its connection before the first bytes have come knows no key, and
//     gets 401 too: its page gets another ticket, as one must after any response but 200.

const (
	// ticketValid is how long a ticket can be redeemed, or opened for the first time.
	ticketValid = time.Minute
	// maxSession is the longest stream that a ticket opens: a token may expire in a
	// year that Postgres does not have.
	maxSession = 365 * 24 * time.Hour
	// maxReconnecting is how long a ticket that reconnects is good, at most.
	maxReconnecting = 24 * time.Hour
	// keptTickets is how many reconnecting tickets a user has, at most, beside a new one:
	// twice the streams that a daemon serves a user.
	keptTickets = 100
)

// ticketInput is a request for a ticket.
type ticketInput struct {
	UserParam
	Reconnects bool `query:"reconnects" doc:"Whether the ticket lets its EventSource reconnect until the token expires."`
}

// ticketOutput is the response to a request for a ticket.
type ticketOutput struct {
	Body struct {
		Ticket    string `json:"ticket" doc:"Good for one stream, of one user."`
		ExpiresIn int    `json:"expires_in" doc:"Within how many seconds the stream has to be opened."`
	}
}

// revokeInput is a request to revoke tickets.
type revokeInput struct {
	UserParam
	Ticket string `query:"ticket" maxLength:"64" doc:"The ticket to revoke; left out: all tickets of the user."`
}

func (a *API) registerTickets(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "ticket", Method: http.MethodPost, Path: eventsPath + "/ticket", Tags: []string{"live"},
		Summary: "Get a ticket for the stream of events", Security: bearerOnly(), DefaultStatus: http.StatusCreated,
		Description: "For a browser's EventSource, which sends no token: its address gets the ticket as a parameter. The ticket opens one stream of the user's, within a minute.\n\n" +
			"With `reconnects=true`, the EventSource may reconnect, as it does by itself, until the token expires: one stream at a time, and only with the `Last-Event-ID` that the browser sends, so that the address alone opens nothing any more. " +
			"An EventSource that was closed (`readyState` is 2) needs a new ticket.",
		Middlewares: huma.Middlewares{a.authenticate(api, a.bearer)},
		Errors:      []int{401, 403, 429, 500, 501, 503},
	}, a.issueTicket)
	huma.Register(api, huma.Operation{
		OperationID: "revoke", Method: http.MethodDelete, Path: eventsPath + "/ticket", Tags: []string{"live"},
		Summary: "Revoke tickets of the user", Security: bearerOnly(), DefaultStatus: http.StatusNoContent,
		Description: "For a page whose user signs out, or for a server that locks a user out. Streams that were opened with these tickets and may reconnect end within seconds, and do not open again. Streams that were opened with a bearer token go on until it expires.",
		Middlewares: huma.Middlewares{a.authenticate(api, a.bearer)},
		Errors:      []int{401, 403, 429, 500, 501, 503},
	}, a.revokeTickets)
}

func (a *API) issueTicket(ctx context.Context, in *ticketInput) (*ticketOutput, error) {
	user, id, err := a.subscriber(ctx, in.UserParam, a.postLimiter)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	longest := maxSession
	if in.Reconnects {
		longest = maxReconnecting
	}
	ends := id.Expires
	if latest := a.cfg.Now().Add(longest); ends.After(latest) {
		ends = latest
	}
	var out ticketOutput
	out.Body.Ticket, out.Body.ExpiresIn = rand.Text(), int(ticketValid.Seconds())
	err = a.read(ctx, func() error {
		ctx, cancel := context.WithTimeout(ctx, readTimeout)
		defer cancel()
		return a.queries.TicketInsert(ctx, a.cfg.Pool, queries.TicketInsertParams{
			Hash: hashOf(out.Body.Ticket), UserID: user, ValidSeconds: ticketValid.Seconds(), SessionExpiresAt: ends,
			Reconnects: in.Reconnects, Kept: keptTickets,
		})
	})
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &out, nil
}

// revokeTickets deletes tickets, and ends their streams on this daemon.
func (a *API) revokeTickets(ctx context.Context, in *revokeInput) (*struct{}, error) {
	user, _, err := a.subscriber(ctx, in.UserParam, a.postLimiter)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	hashes := [][]byte{}
	if in.Ticket != "" {
		hashes = append(hashes, hashOf(in.Ticket))
	}
	err = a.read(ctx, func() error {
		ctx, cancel := context.WithTimeout(ctx, readTimeout)
		defer cancel()
		hashes, err = a.queries.TicketDelete(ctx, a.cfg.Pool, queries.TicketDeleteParams{UserID: user, Hashes: hashes})
		return err
	})
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	a.opened.end(hashes)
	return nil, nil //nolint:nilnil // 204 has no body
}

// ticketPattern is the form of rand.Text. A string of another form costs no query.
var ticketPattern = regexp.MustCompile(`^[A-Z2-7]{26}$`)

// splitID splits the id of an event into the cursor and, if it is the id of a stream that
// may reconnect, its key.
func splitID(id string) (cursor, key string) {
	cursor, key, _ = strings.Cut(id, "/")
	return cursor, key
}

type openingKey struct{}

// authenticateStream authenticates a request for a stream by its bearer token, or else by
// its ticket. A HEAD does not use the ticket up.
func (a *API) authenticateStream(api huma.API) func(huma.Context, func(huma.Context)) {
	byToken := a.authenticate(api, a.bearer)
	return func(ctx huma.Context, next func(huma.Context)) {
		ticket := ctx.Query("ticket")
		if ticket == "" || hasToken(ctx) {
			byToken(ctx, next)
			return
		}
		r, _ := humago.Unwrap(ctx)
		_, key := splitID(r.Header.Get("Last-Event-ID"))
		id, o, err := a.redeem(ctx.Context(), ticket, key, r.Method == http.MethodHead)
		if err != nil {
			a.refuseStream(api, ctx, err)
			return
		}
		o.patient = isEventSource(r)
		next(huma.WithValue(huma.WithValue(ctx, identityKey{}, id), openingKey{}, o))
	}
}

// redeem returns the identity that a ticket was issued to. Unless keep is set, it uses up a
// ticket that is good once, and opens one that reconnects.
func (a *API) redeem(ctx context.Context, ticket, key string, keep bool) (auth.Identity, opening, error) {
	if a.cfg.Verifier == nil {
		return auth.Identity{}, opening{}, errNoAuth
	}
	if !ticketPattern.MatchString(ticket) {
		return auth.Identity{}, opening{}, errTicket
	}
	if !ticketPattern.MatchString(key) { // none, or no key: that of a first opening
		key = rand.Text()
	}
	leave, err := a.tickets.enter(ctx)
	if err != nil {
		return auth.Identity{}, opening{}, err
	}
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	row, err := a.readTicket(ctx, queries.TicketTakeParams{Hash: hashOf(ticket), ReopenHash: hashOf(key)}, keep)
	if errors.Is(err, pgx.ErrNoRows) {
		err = errTicket
	}
	o := opening{ticket: hashOf(ticket), key: key, count: row.Opening}
	if o.count == 0 {
		o = opening{}
	}
	return auth.Identity{UserID: row.UserID, Expires: row.SessionExpiresAt}, o, err
}

func (a *API) readTicket(ctx context.Context, p queries.TicketTakeParams, keep bool) (queries.TicketTakeRow, error) {
	if !keep {
		return a.queries.TicketTake(ctx, a.cfg.Pool, p)
	}
	row, err := a.queries.TicketGet(ctx, a.cfg.Pool, queries.TicketGetParams(p))
	return queries.TicketTakeRow{UserID: row.UserID, SessionExpiresAt: row.SessionExpiresAt}, err
}

func hashOf(ticket string) []byte {
	sum := sha256.Sum256([]byte(ticket))
	return sum[:]
}
