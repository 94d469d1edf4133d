package api

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/rs/cors"
)

// wrap puts the middlewares of every request around the routes.
func (a *API) wrap(mux *http.ServeMux) (http.Handler, error) {
	h, err := encoded(notFound(mux))
	if err != nil {
		return nil, err
	}
	if h, err = crossOrigin(a.cfg.CORSOrigins, h); err != nil {
		return nil, err
	}
	return a.observe(mux, a.recoverPanic(securityHeaders(h))), nil
}

// crossOrigin allows pages of the origins to send requests. Without origins it is
// next.
func crossOrigin(origins []string, next http.Handler) (http.Handler, error) {
	if len(origins) == 0 {
		return next, nil
	}
	if err := ValidateOrigins(origins); err != nil {
		return nil, err
	}
	return cors.New(cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: []string{http.MethodGet, http.MethodPost, http.MethodDelete},
		AllowedHeaders: allowedHeaders(),
		ExposedHeaders: []string{"ETag", "Retry-After", "RateLimit", "RateLimit-Policy", "X-Request-Id"},
		MaxAge:         600,
	}).Handler(next), nil
}

// allowedHeaders returns the headers that pages may send: ours, those that supabase-js puts
// on every request, and those of tracing (W3C Trace Context and Baggage, Sentry, B3).
func allowedHeaders() []string {
	return []string{
		"Authorization", "Content-Type", "Last-Event-ID", "X-Request-Id", "Cache-Control", "If-None-Match",
		"apikey", "x-client-info", "x-supabase-api-version", "x-region",
		"traceparent", "tracestate", "baggage", "sentry-trace", "b3", "x-b3-traceid", "x-b3-spanid", "x-b3-sampled",
	}
}

// notFound responds with a problem to requests that have no route.
func notFound(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		recorded := &headerRecorder{header: http.Header{}}
		handler.ServeHTTP(recorded, r) // the mux's own: it knows the methods of the path
		if allow := recorded.header.Get("Allow"); allow != "" {
			w.Header().Set("Allow", allow)
			writeProblem(w, http.StatusMethodNotAllowed, "this path has other methods: "+allow)
			return
		}
		writeProblem(w, http.StatusNotFound, errNotFound.Error())
	})
}

// headerRecorder keeps the header of a response and discards the rest.
type headerRecorder struct{ header http.Header }

func (d *headerRecorder) Header() http.Header         { return d.header }
func (d *headerRecorder) Write(p []byte) (int, error) { return len(p), nil }
func (d *headerRecorder) WriteHeader(int)             {}

// ValidateOrigins returns an error unless each origin is "*" or a scheme and a host,
// without a path.
func ValidateOrigins(origins []string) error {
	for _, origin := range origins {
		u, err := url.Parse(origin)
		if origin == "*" || err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.String() == u.Scheme+"://"+u.Host && !strings.Contains(u.Host, "*") {
			continue
		}
		return fmt.Errorf("origin %q is not like https://app.example, without a path", origin)
	}
	return nil
}

// securityHeaders sets the headers that keep browsers from running, framing, caching
// or guessing the type of a response. The page of /docs has a policy of its own.
func securityHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		next.ServeHTTP(w, r)
	})
}

// Plain adds to the responses of another handler the id of the request and the security
// headers, as the API's own responses have them. They are neither logged nor counted.
func Plain(next http.Handler) http.Handler {
	next = securityHeaders(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Request-Id", idOf(r))
		next.ServeHTTP(w, r)
	})
}

// recoverPanic responds to a request whose handler panicked, and logs the panic. If a
// response has begun, it ends the connection instead, so that the client notices the
// missing rest. The panic http.ErrAbortHandler, by which a handler gives up its
// connection, is left to the server.
func (a *API) recoverPanic(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			if p == http.ErrAbortHandler { //nolint:errorlint // compared as net/http does
				panic(p)
			}
			if p == nil {
				return
			}
			a.cfg.Logger.ErrorContext(r.Context(), "[TaskSync] Panic while serving a request", "request_id", requestID(r.Context()), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			if recorded, ok := w.(*recorder); ok && recorded.wrote {
				panic(http.ErrAbortHandler)
			}
			writeProblem(w, http.StatusInternalServerError, internalDetail)
		}()
		next.ServeHTTP(w, r)
	})
}

// observe gives each request its id, and logs and counts it. Neither the path nor the
// query is logged: they may hold a webhook's token or a ticket.
func (a *API) observe(mux *http.ServeMux, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		id := idOf(r)
		w.Header().Set("X-Request-Id", id)
		r = r.WithContext(context.WithValue(r.Context(), requestInfoKey{}, requestInfo{id, http.NewResponseController(w), w.Header()}))
		_, route := mux.Handler(r)
		route = routeName(route)
		if route == http.MethodGet+" "+syncPath && r.URL.Query().Get("wait") != "" {
			route += "?wait" // how long it takes is the client's will
		}
		recorded := &recorder{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			took := time.Since(began)
			a.metrics.requests.WithLabelValues(route, strconv.Itoa(recorded.status)).Inc()
			a.metrics.duration.WithLabelValues(route).Observe(took.Seconds())
			level, left := a.levelOf(r.Context(), recorded.status)
			a.cfg.Logger.Log(r.Context(), level, "[TaskSync] Served a request",
				"request_id", id, "route", route, "status", recorded.status, "duration", took.Round(time.Microsecond).String(), "left_out", left)
		}()
		next.ServeHTTP(recorded, r)
	})
}

// routeName returns the label of a route, from a closed set: all assets of /docs have
// one label, and so have all requests without a route.
func routeName(pattern string) string {
	switch {
	case pattern == "":
		return "none"
	case strings.HasPrefix(pattern, "GET /docs"):
		return "GET /docs"
	}
	return pattern
}

// levelOf returns Warn for errors of the server, unless the client has disconnected. During
// an outage each request has a 503: of these, one in [tellAgain], with how many were left
// out since the last one.
func (a *API) levelOf(ctx context.Context, status int) (level slog.Level, left int) {
	switch {
	case status < http.StatusInternalServerError, status == http.StatusNotImplemented, ctx.Err() != nil:
		return slog.LevelDebug, 0
	case status != http.StatusServiceUnavailable:
		return slog.LevelWarn, 0
	}
	left, first := a.told.First("served", a.cfg.Now())
	if !first {
		return slog.LevelDebug, 0
	}
	return slog.LevelWarn, left
}

// requestInfo is the id of a request, its connection, and the header of its response.
type requestInfo struct {
	id       string
	conn     *http.ResponseController
	response http.Header
}

type requestInfoKey struct{}

// requestID returns the id of the request that ctx belongs to.
func requestID(ctx context.Context) string {
	e, _ := ctx.Value(requestInfoKey{}).(requestInfo)
	return e.id
}

// responseHeader returns the header of the response to the request that ctx belongs to.
func responseHeader(ctx context.Context) http.Header {
	if e, ok := ctx.Value(requestInfoKey{}).(requestInfo); ok {
		return e.response
	}
	return http.Header{}
}

// clearReadDeadline removes the deadline for reading the request, which has been read:
// when the deadline passes, net/http ends the request's context as if the client had
// disconnected.
func clearReadDeadline(ctx context.Context) {
	if e, ok := ctx.Value(requestInfoKey{}).(requestInfo); ok {
		_ = e.conn.SetReadDeadline(time.Time{}) // fails only for a connection without deadlines
	}
}

// extendDeadlines gives a request more time than the server gives each: none for reading it,
// which has been read, and so long for the response.
func extendDeadlines(ctx context.Context, d time.Duration) {
	clearReadDeadline(ctx)
	if e, ok := ctx.Value(requestInfoKey{}).(requestInfo); ok {
		_ = e.conn.SetWriteDeadline(time.Now().Add(d)) // as in clearReadDeadline
	}
}

var requestIDPattern = regexp.MustCompile(`^[A-Za-z0-9._:/+=-]{1,64}$`)

// idOf returns the id that the client or a proxy gave the request, if it is fit for a
// log, else a new one.
func idOf(r *http.Request) string {
	if id := r.Header.Get("X-Request-Id"); requestIDPattern.MatchString(id) {
		return id
	}
	return rand.Text()
}

// recorder records the status of a response.
type recorder struct {
	http.ResponseWriter
	status int
	wrote  bool
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	if !r.wrote {
		r.status, r.wrote = status, true
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(p []byte) (int, error) {
	r.wrote = true
	return r.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
