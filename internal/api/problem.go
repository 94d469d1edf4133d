package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"time"

	"tasksync/internal/database"

	"github.com/danielgtaylor/huma/v2"

	"tasksync/internal/auth"
	"tasksync/internal/live"
)

// Errors of requests, next to those of auth and live.
var (
	// errNoAuth is returned for every request of a user while no key is configured.
	errNoAuth = errors.New("authentication is not configured: set TASKSYNC_JWT_SECRET or TASKSYNC_JWKS_URL")
	// errNoWebhooks is returned for every webhook while no token is configured.
	errNoWebhooks = errors.New("webhooks are not configured: set TASKSYNC_WEBHOOK_TOKEN")
	errNoToken    = errors.New("no bearer token: send Authorization: Bearer and the user's access token")
	errTicket     = errors.New("the ticket is unknown, used or too old: get another one")
	errNotFound   = errors.New("there is nothing here")
	errNoRow      = errors.New("the user has no row with this id")
	// errOtherUser is returned for a user's token with the user_id of another user.
	errOtherUser = errors.New("user_id is for service role tokens")
	errNoUser    = errors.New("a service role token needs ?user_id=")
	errUserID    = errors.New("user_id is not a UUID like 123e4567-e89b-12d3-a456-426614174000")
	errWait      = errors.New("wait is not a time like 60s")
	errTokens    = errors.New("there are several Authorization headers: send one")
	errBusy      = errors.New("too many requests at once: try again")
	errClosing   = errors.New("tasksync is stopping: try again")
	errEvents    = errors.New("the changes cannot be read at the moment: try again")
	errCallback  = errors.New("the body is not the JSON of a callback")
	errSignature = errors.New("the signature is not the provider's")
)

// limitedError is returned for a user who sends too many requests.
type limitedError struct{ after time.Duration }

// Error implements error.
func (e limitedError) Error() string {
	return fmt.Sprintf("too many requests of this user: try again in %s s", seconds(e.after))
}

func seconds(d time.Duration) string {
	return strconv.FormatInt(int64(math.Max(1, math.Ceil(d.Seconds()))), 10)
}

// internalDetail is the whole text that a client gets about an error of the server.
const internalDetail = "the request could not be served; the log of tasksync has its request id"

// writeProblem writes a problem without huma.
func writeProblem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(huma.NewError(status, detail)) // the client may be gone
}

// problem turns an error into huma's.
func (a *API) problem(ctx context.Context, err error) error {
	status, header, detail := a.responseTo(ctx, err)
	return huma.ErrorWithHeaders(huma.NewError(status, detail), header)
}

// writeError writes the problem of a request that a middleware stops.
func (a *API) writeError(api huma.API, ctx huma.Context, err error) {
	status, header, detail := a.responseTo(ctx.Context(), err)
	for name := range header {
		ctx.SetHeader(name, header.Get(name))
	}
	_ = huma.WriteErr(api, ctx, status, detail) // the client may be gone
}

// responseTo is the one place where an error becomes an HTTP status. An unknown error
// is logged, and no client gets its text.
func (a *API) responseTo(ctx context.Context, err error) (status int, header http.Header, detail string) {
	status, header = statusOf(err)
	if status == http.StatusInternalServerError && a.stopping() {
		// The pool or another part is closed: another daemon, or this one later, can
		// serve the request.
		a.cfg.Logger.WarnContext(ctx, "[TaskSync] Request failed while stopping", "request_id", requestID(ctx), "error", database.WithoutDetail(err))
		err = errClosing
		status, header = statusOf(err)
	}
	if isPublic(err) || status != http.StatusInternalServerError && status != http.StatusServiceUnavailable {
		return status, header, err.Error()
	}
	level, left := slog.LevelDebug, 0
	if ctx.Err() == nil { // else the client has disconnected
		level, left = a.tellFailure(status)
	}
	a.cfg.Logger.Log(ctx, level, "[TaskSync] Request failed", "request_id", requestID(ctx), "error", database.WithoutDetail(err), "left_out", left)
	if status == http.StatusServiceUnavailable {
		return status, header, "the database does not answer: try again"
	}
	return status, header, internalDetail
}

// tellFailure returns Error for a failure of the server. While a database does not answer,
// each request has one: of these, one in [tellAgain], with how many were left out since the
// last one.
func (a *API) tellFailure(status int) (level slog.Level, left int) {
	if status != http.StatusServiceUnavailable {
		return slog.LevelError, 0
	}
	left, first := a.told.First("failed", a.cfg.Now())
	if !first {
		return slog.LevelDebug, 0
	}
	return slog.LevelError, left
}

// isPublic reports whether the client may see the text of err.
func isPublic(err error) bool {
	return errors.Is(err, errBusy) || errors.Is(err, errClosing) || errors.Is(err, errEvents) || errors.Is(err, auth.ErrKeys) ||
		errors.Is(err, live.ErrFull) || errors.Is(err, live.ErrClosing)
}

func statusOf(err error) (int, http.Header) {
	limited, isLimited := errors.AsType[limitedError](err)
	stale, isStale := errors.AsType[auth.StaleError](err)
	header := http.Header{}
	switch {
	case errors.Is(err, errNoAuth), errors.Is(err, errNoWebhooks):
		return http.StatusNotImplemented, header
	case errors.Is(err, errNoToken), errors.Is(err, errTicket):
		header.Set("WWW-Authenticate", `Bearer`)
		return http.StatusUnauthorized, header
	case errors.Is(err, auth.ErrToken):
		header.Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		return http.StatusUnauthorized, header
	case errors.Is(err, errSignature):
		return http.StatusUnauthorized, header
	case errors.Is(err, auth.ErrOneFactor): // RFC 9470, but 403: a page takes 401 for the end of the session
		header.Set("WWW-Authenticate", `Bearer error="insufficient_user_authentication", acr_values="aal2"`)
		return http.StatusForbidden, header
	case errors.Is(err, errOtherUser):
		return http.StatusForbidden, header
	case errors.Is(err, errNotFound), errors.Is(err, errNoRow):
		return http.StatusNotFound, header
	case errors.Is(err, errCallback), errors.Is(err, errTokens), errors.Is(err, errCursor):
		return http.StatusBadRequest, header
	case errors.Is(err, errNoUser), errors.Is(err, errUserID), errors.Is(err, errWait):
		return http.StatusUnprocessableEntity, header
	case errors.Is(err, live.ErrUserFull):
		header.Set("Retry-After", "10")
		return http.StatusTooManyRequests, header
	case isLimited:
		header.Set("Retry-After", seconds(limited.after))
		return http.StatusTooManyRequests, header
	case isStale:
		header.Set("Retry-After", seconds(stale.After))
		return http.StatusServiceUnavailable, header
	case isPublic(err), database.Away(err), database.Code(err) == database.QueryCanceled:
		header.Set("Retry-After", "1")
		return http.StatusServiceUnavailable, header
	default:
		return http.StatusInternalServerError, header
	}
}
