package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tasksync/internal/api"
)

// httpServer serves metrics, health and, once there is a database, the API.
type httpServer struct {
	server   *http.Server
	listener net.Listener
	api      *handlerSwitch
}

// handlerSwitch serves with a handler that may come later.
type handlerSwitch struct{ handler atomic.Pointer[http.Handler] }

func (s *handlerSwitch) set(h http.Handler) { s.handler.Store(&h) }

// ServeHTTP implements http.Handler.
func (s *handlerSwitch) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	(*s.handler.Load()).ServeHTTP(w, r)
}

func openHTTP(addr string, reg *prometheus.Registry, h *health) (*httpServer, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("serve HTTP: %w; choose another address with TASKSYNC_LISTEN_ADDR", err)
	}
	later := &handlerSwitch{}
	later.set(http.HandlerFunc(api.Unavailable))
	mux := http.NewServeMux()
	mux.Handle("/", later)
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{Registry: reg}))
	mux.HandleFunc("GET /healthz", h.live)
	mux.HandleFunc("GET /readyz", h.ready)
	return &httpServer{listener: listener, api: later, server: &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
	}}, nil
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
