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
// that the broker of live updates takes, and a thousand for what is asked beside.
const maxConns = 6000

// httpServer serves metrics, health and, once there is a database, the API.
type httpServer struct {
	server      *http.Server
	listener    net.Listener
	api         *handlerSwitch
	unavailable http.Handler
}

// handlerSwitch serves with a handler that may come later.
type handlerSwitch struct{ handler atomic.Pointer[http.Handler] }

func (s *handlerSwitch) set(h http.Handler) { s.handler.Store(&h) }

// ServeHTTP implements http.Handler.
func (s *handlerSwitch) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	(*s.handler.Load()).ServeHTTP(w, r)
}

func openHTTP(cfg Config, reg *registry, h *health) (*httpServer, error) {
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
	return &httpServer{listener: limitListener(listener, maxConns), api: later, unavailable: unavailable, server: &http.Server{
		Handler:           routes(reg, h, later),
		ErrorLog:          slog.NewLogLogger(cfg.Logger.With("part", "http").Handler(), slog.LevelWarn), // like that it cannot accept
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
	}}, nil
}

// routes sends the paths of the daemon itself where they belong, and everything
// else to the API. A ServeMux would clean paths before the API sees them, and send
// redirects of its own.
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

func (s *httpServer) run() error {
	if err := s.server.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve HTTP: %w", err)
	}
	return nil
}

func (s *httpServer) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := s.server.Shutdown(ctx); err != nil {
		return s.server.Close()
	}
	return nil
}
