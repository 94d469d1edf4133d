package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"tasksync/internal/api"
)

const (
	// maxConns is how many connections are served at once: 5000 streams, which is all
	// that the broker of live updates takes, and 1000 for other requests.
	maxConns = 6000
	// maxAdminConns is how many connections the admin server serves at once.
	maxAdminConns = 100
)

// httpServer serves from serve until close.
type httpServer struct {
	server   *http.Server
	listener net.Listener
	served   chan error // has the error of serve, and is closed after it
}

func newHTTPServer(listener *limitedListener, handler http.Handler, logger *slog.Logger) *httpServer {
	return &httpServer{listener: listener, served: make(chan error, 1), server: &http.Server{
		Handler:           handler,
		ConnState:         listener.note,
		ErrorLog:          slog.NewLogLogger(logger.With("part", "http").Handler(), slog.LevelWarn), // e.g. accept errors
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
	}}
}

func (s *httpServer) serve() {
	defer close(s.served)
	if err := s.server.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		s.served <- fmt.Errorf("serve HTTP: %w", err)
	}
}

// watch returns the error of a server that does not serve any more.
func (s *httpServer) watch(ctx context.Context) error {
	select {
	case err := <-s.served:
		return err
	case <-ctx.Done():
		return nil
	}
}

// close lets requests finish until ctx ends, and then cuts them. Its error is also
// that of serve, unless a run has returned it.
func (s *httpServer) close(ctx context.Context) error {
	var err error
	if s.server.Shutdown(ctx) != nil {
		err = s.server.Close()
	}
	return errors.Join(err, <-s.served)
}

// publicServer serves /healthz and, once there is a database, the API.
type publicServer struct {
	*httpServer
	api         *handlerSwitch
	unavailable http.Handler // answers 503
}

// handlerSwitch serves with a handler that can be replaced.
type handlerSwitch struct{ handler atomic.Pointer[http.Handler] }

func (s *handlerSwitch) set(h http.Handler) { s.handler.Store(&h) }

// ServeHTTP implements http.Handler.
func (s *handlerSwitch) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	(*s.handler.Load()).ServeHTTP(w, r)
}

// newServer listens, but does not serve yet.
func newServer(cfg Config) (*publicServer, error) {
	unavailable, err := api.Unavailable(cfg.API.CORSOrigins)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", cfg.ListenAddr)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrListen, err)
	}
	later := &handlerSwitch{}
	later.set(unavailable)
	handler := routes(map[string]http.HandlerFunc{"/": says(welcome), "/healthz": alive}, later)
	return &publicServer{httpServer: newHTTPServer(limitListener(listener, maxConns), handler, cfg.Logger), api: later, unavailable: unavailable}, nil
}

// routes serves the daemon's own paths, and leaves all others to rest. A ServeMux
// would clean paths before the API sees them, and send redirects of its own.
func routes(own map[string]http.HandlerFunc, rest http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if handler := own[r.URL.Path]; handler != nil && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			api.Plain(handler).ServeHTTP(w, r)
			return
		}
		rest.ServeHTTP(w, r)
	})
}

// openServer has the server serve from now on, until it is closed.
func (d *daemon) openServer(context.Context) (err error) {
	if d.server, err = newServer(d.cfg); err != nil {
		return err
	}
	go d.server.serve()
	return nil
}

func (d *daemon) watchServer(ctx context.Context) error { return d.server.watch(ctx) }

func (d *daemon) closeServer(ctx context.Context) error { return d.server.close(ctx) }

func (d *daemon) admitRequests(context.Context) error {
	d.server.api.set(d.api)
	return nil
}

// refuseRequests has new requests answered with 503 when a stop begins.
func (d *daemon) refuseRequests(ctx context.Context) error {
	<-ctx.Done()
	d.server.api.set(d.server.unavailable)
	return nil
}
