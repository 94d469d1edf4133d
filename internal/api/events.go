package api

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"tasksync/internal/auth"
	"tasksync/internal/live"
)

// eventsInput is a request for a stream.
type eventsInput struct {
	UserParam
	Ticket      string `query:"ticket" maxLength:"64" doc:"Instead of a bearer token: a ticket."`
	LastEventID string `header:"Last-Event-ID" doc:"The id of the last event that was received: the stream resumes after it, without a gap."`
	Since       string `query:"last_event_id" doc:"Like Last-Event-ID, for an EventSource that is opened anew."`
}

func (a *API) registerEvents(api huma.API) {
	op := huma.Operation{
		OperationID: "events", Method: http.MethodGet, Path: eventsPath, Tags: []string{"live"},
		Summary:  "Follow the user's status changes as they commit",
		Security: append(bearerOnly(), map[string][]string{"ticket": {}}),
		Description: "Server-Sent Events. `ready` comes first. Each `status` is one change of a row's status, or of its clips alone, or a new row (then `from_status` and `to_status` are the same), with the row as it is now: the schema is that of its data. " +
			"`reset` says that more changes were missed than can be sent again: read the rows anew. The id of an event is where a later stream resumes; " +
			"a change may then come twice (same `id` in its data), but none is left out. The stream ends when the token expires.\n\n" +
			"Try it in a terminal: `curl -N -H \"Authorization: Bearer $TOKEN\" …/api/music/v2/sync/events`; in a browser: `new EventSource('…/events?ticket=…')`, which reconnects by itself if its ticket says so.",
		Middlewares: huma.Middlewares{refuseBody(api), a.authenticateStream(api)},
		Errors:      []int{400, 401, 403, 429, 500, 501, 503},
	}
	op.Responses = map[string]*huma.Response{"200": {
		Description: "The stream.",
		Content: map[string]*huma.MediaType{"text/event-stream": {
			Schema: api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[live.Event](), true, "Event"),
		}},
	}}
	huma.Register(api, op, a.events)
}

// refuseBody rejects a request that announces a body: net/http waits for the body
// before it sends a response, and a stream has no deadline for reading.
func refuseBody(api huma.API) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		if r, _ := humago.Unwrap(ctx); r.ContentLength != 0 {
			_ = huma.WriteErr(api, ctx, http.StatusBadRequest, "a stream is asked for without a body") // the client may be gone
			return
		}
		next(ctx)
	}
}

// events opens the stream, which stream then writes.
func (a *API) events(ctx context.Context, in *eventsInput) (*huma.StreamResponse, error) {
	o, _ := ctx.Value(openingKey{}).(opening)
	since, _ := splitID(cmp.Or(in.LastEventID, in.Since))
	user, id, err := a.subscriber(ctx, in.UserParam, a.streamLimiter)
	if err != nil {
		return a.noStream(ctx, o, since, err)
	}
	sub, err := a.cfg.Live.Subscribe(user, since)
	if err != nil {
		return a.noStream(ctx, o, since, err)
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		defer sub.Close()
		r, w := humago.Unwrap(c)
		out := newEventWriter(w)
		if r.Method == http.MethodHead { // GET's route serves it too, without a body
			_ = out.begin()
			return
		}
		ctx, leave := a.opened.enter(r.Context(), o)
		defer leave()
		if o.key != "" {
			out.reconnects(since, o.key)
		}
		a.stream(ctx, out, sub, id.Expires)
	}}, nil
}

// errExpired: the token is expired, but still within the verifier's leeway. A stream
// for it would end at once, and an EventSource would reopen it again and again; the
// error stops the EventSource, so that its page gets a new token.
var errExpired = fmt.Errorf("%w: it has expired (exp)", auth.ErrToken)

// subscriber returns the user of a stream, within the user's limit; errExpired if the
// stream would be over already.
func (a *API) subscriber(ctx context.Context, w UserParam, limit *limiter) (user string, id auth.Identity, err error) {
	user, id, err = a.subject(ctx, w)
	switch {
	case err != nil:
		return "", id, err
	case !a.cfg.Now().Before(id.Expires):
		return "", id, errExpired
	}
	return user, id, limit.take(ctx, user)
}

// stream writes events until the client disconnects, the subscription ends (the
// client is too slow, or the daemon stops), the token expires or its ticket was revoked or
// opened again.
func (a *API) stream(ctx context.Context, w *eventWriter, sub *live.Subscription, expires time.Time) {
	heartbeat := time.NewTicker(a.cfg.Heartbeat)
	defer heartbeat.Stop()
	end := time.NewTimer(expires.Sub(a.cfg.Now()))
	defer end.Stop()
	for err := w.begin(); err == nil; {
		select {
		case batch, open := <-sub.Batches():
			if !open {
				return
			}
			err = w.batch(batch)
			sub.Done(batch)
		case <-heartbeat.C:
			err = w.comment("heartbeat")
		case <-end.C:
			return
		case <-ctx.Done():
			return
		}
	}
}
