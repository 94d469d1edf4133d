package api

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"net/http"
	"regexp"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/jackc/pgx/v5"

	"tasksync/internal/auth"
	"tasksync/queries"
)

const (
	// ticketValid is how long a ticket can be redeemed.
	ticketValid = time.Minute
	// maxSession is the longest stream that a ticket opens: a token may expire in a
	// year that Postgres does not have.
	maxSession = 365 * 24 * time.Hour
)

// ticketOutput is the response to a request for a ticket.
type ticketOutput struct {
	Body struct {
		Ticket    string `json:"ticket" doc:"Good for one stream, of one user."`
		ExpiresIn int    `json:"expires_in" doc:"In seconds."`
	}
}

// ticketOperation issues tickets, for EventSource, which cannot send a header. A ticket
// is kept in the database, so that every daemon behind the same address accepts it.
func (a *API) ticketOperation(api huma.API) huma.Operation {
	return huma.Operation{
		OperationID: "ticket", Method: http.MethodPost, Path: eventsPath + "/ticket", Tags: []string{"live"},
		Summary: "Get a one-time ticket for the stream of events", Security: bearerOnly(), DefaultStatus: http.StatusCreated,
		Description: "For a browser's EventSource, which sends no token: its address gets the ticket as a parameter. The ticket opens one stream of the user's, within a minute.",
		Middlewares: huma.Middlewares{a.authenticate(api, a.bearer)},
		Errors:      []int{401, 403, 429, 500, 501, 503},
	}
}

func (a *API) issueTicket(ctx context.Context, in *listInput) (*ticketOutput, error) {
	user, id, err := a.subscriber(ctx, in.UserParam, a.postLimiter)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	leave, err := a.reads.enter(ctx)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	ends := id.Expires
	if latest := a.cfg.Now().Add(maxSession); ends.After(latest) {
		ends = latest
	}
	var out ticketOutput
	out.Body.Ticket, out.Body.ExpiresIn = rand.Text(), int(ticketValid.Seconds())
	err = a.queries.TicketInsert(ctx, a.cfg.Pool, queries.TicketInsertParams{
		Hash: hashOf(out.Body.Ticket), UserID: user, ValidSeconds: ticketValid.Seconds(), SessionExpiresAt: ends,
	})
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &out, nil
}

// ticketPattern is the form of rand.Text. A string of another form costs no query.
var ticketPattern = regexp.MustCompile(`^[A-Z2-7]{26}$`)

// redeem returns the identity that a ticket was issued to, and uses the ticket up
// unless keep is set.
func (a *API) redeem(ctx context.Context, ticket string, keep bool) (auth.Identity, error) {
	if a.cfg.Verifier == nil {
		return auth.Identity{}, errNoAuth
	}
	if !ticketPattern.MatchString(ticket) {
		return auth.Identity{}, errTicket
	}
	leave, err := a.tickets.enter(ctx)
	if err != nil {
		return auth.Identity{}, err
	}
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	row, err := a.readTicket(ctx, hashOf(ticket), keep)
	if errors.Is(err, pgx.ErrNoRows) {
		return auth.Identity{}, errTicket
	}
	return auth.Identity{UserID: row.UserID, Expires: row.SessionExpiresAt}, err
}

func (a *API) readTicket(ctx context.Context, hash []byte, keep bool) (queries.TicketTakeRow, error) {
	if !keep {
		return a.queries.TicketTake(ctx, a.cfg.Pool, hash)
	}
	row, err := a.queries.TicketGet(ctx, a.cfg.Pool, hash)
	return queries.TicketTakeRow(row), err
}

func hashOf(ticket string) []byte {
	sum := sha256.Sum256([]byte(ticket))
	return sum[:]
}
