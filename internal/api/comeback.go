package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// A browser's EventSource gives up for ever after a response that is not a stream, even if
// that says 503 and Retry-After. So what is over soon (429 and 503, a daemon that starts) is
// an empty stream to an EventSource with a ticket, which tells it when to come back. Other
// clients, and those whose ticket was used up, get the problem.

// isEventSource reports whether an EventSource with a ticket has sent a request.
func isEventSource(r *http.Request) bool {
	return r.Method == http.MethodGet && r.URL.Path == eventsPath && r.URL.Query().Get("ticket") != "" &&
		strings.Contains(r.Header.Get("Accept"), "text/event-stream")
}

// writeEmptyStream has an EventSource come back after a time. id is where it goes on then;
// "": where it was.
func writeEmptyStream(w http.ResponseWriter, after time.Duration, id string) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	fmt.Fprintf(w, "retry: %d\n", after.Milliseconds())
	if id != "" {
		fmt.Fprintf(w, "id: %s\n", id)
	}
	_, _ = fmt.Fprint(w, "\n") // the client may be gone
}

// comeBack returns after what time a client may send a request again that had an error, and
// whether that is worth it.
func comeBack(err error) (after time.Duration, ok bool) {
	status, header := statusOf(err)
	n, _ := strconv.Atoi(header.Get("Retry-After")) // 0 without one
	after = max(time.Duration(n)*time.Second, time.Second)
	return after, status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable
}

// refuseStream responds to a request for a stream that had an error before its ticket was
// opened.
func (a *API) refuseStream(api huma.API, ctx huma.Context, err error) {
	r, w := humago.Unwrap(ctx)
	after, ok := comeBack(err)
	if !ok || !isEventSource(r) {
		a.writeError(api, ctx, err)
		return
	}
	_, _, _ = a.responseTo(ctx.Context(), err) // it logs what has to be
	writeEmptyStream(w, after, "")
}

// noStream is the response to a request for a stream that had an error after its ticket was
// opened, from since on.
func (a *API) noStream(ctx context.Context, o opening, since string, err error) (*huma.StreamResponse, error) {
	after, ok := comeBack(err)
	if !ok || o.key == "" || !o.patient {
		return nil, a.problem(ctx, err)
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		_, w := humago.Unwrap(c)
		writeEmptyStream(w, after, since+"/"+o.key)
	}}, nil
}
