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

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tasksync/internal/api"
)

// maxConns is how many connections are served at once: 5000 streams, which is all
// that the broker of live updates takes, and 1000 for other requests.
const maxConns = 6000

// httpServer serves metrics, health and, once there is a database, the API.
type httpServer struct {
	server      *http.Server
	listener    net.Listener
	api         *handlerSwitch
	unavailable http.Handler // answers 503
	served      chan error   // has the error of serve, and is closed after it
}

// handlerSwitch serves with a handler that can be replaced.
type handlerSwitch struct{ handler atomic.Pointer[http.Handler] }

func (s *handlerSwitch) set(h http.Handler) { s.handler.Store(&h) }

// ServeHTTP implements http.Handler.
func (s *handlerSwitch) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	(*s.handler.Load()).ServeHTTP(w, r)
}

// newServer listens, but does not serve yet.
func newServer(cfg Config, reg *registry, h *health) (*httpServer, error) {
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
	return &httpServer{listener: limitListener(listener, maxConns), api: later, unavailable: unavailable, served: make(chan error, 1), server: &http.Server{
		Handler:           routes(reg, h, later),
		ErrorLog:          slog.NewLogLogger(cfg.Logger.With("part", "http").Handler(), slog.LevelWarn), // e.g. accept errors
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
	}}, nil
}

// routes serves the daemon's own paths, and leaves all others to rest. A ServeMux
// would clean paths before the API sees them, and send redirects of its own.
func routes(reg *registry, h *health, rest http.Handler) http.Handler {
	own := map[string]http.Handler{
		"/metrics": api.Plain(promhttp.HandlerFor(reg.gatherer, promhttp.HandlerOpts{Registry: reg})),
		"/healthz": api.Plain(http.HandlerFunc(h.live)),
		"/readyz":  api.Plain(http.HandlerFunc(h.ready)),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if handler := own[r.URL.Path]; handler != nil && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			handler.ServeHTTP(w, r)
			return
		}
		rest.ServeHTTP(w, r)
	})
}

func (s *httpServer) serve() {
	defer close(s.served)
	if err := s.server.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		s.served <- fmt.Errorf("serve HTTP: %w", err)
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

// openServer has the server serve from now on, until it is closed.
func (d *daemon) openServer(context.Context) (err error) {
	if d.server, err = newServer(d.cfg, d.registry, d.health); err != nil {
		return err
	}
	go d.server.serve()
	return nil
}

// watchServer returns the error of a server that does not serve any more.
func (d *daemon) watchServer(ctx context.Context) error {
	select {
	case err := <-d.server.served:
		return err
	case <-ctx.Done():
		return nil
	}
}

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
