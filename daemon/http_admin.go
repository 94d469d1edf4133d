package daemon

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tasksync/internal/api"
)

// defaultAdminAddr is the port of OpenTelemetry's Prometheus exporters, on this machine
// alone.
const defaultAdminAddr = "127.0.0.1:9464"

// newAdminServer listens for /metrics, /healthz and /readyz, but does not serve yet. They
// have an address of their own, so that no client of the API can take it away from them,
// and what they tell is for the operator alone.
func newAdminServer(cfg Config, reg *registry, h *health) (*adminServer, error) {
	listener, err := listenAdmin(cfg)
	if err != nil {
		return nil, err
	}
	metrics := promhttp.HandlerFor(reg.gatherer, promhttp.HandlerOpts{Registry: reg})
	rest := &handlerSwitch{}
	rest.set(api.NotFound())
	handler := routes(map[string]http.HandlerFunc{"/": says(welcomeAdmin), "/metrics": metrics.ServeHTTP, "/healthz": alive, "/readyz": h.ready}, rest)
	return &adminServer{newHTTPServer(limitListener(listener, maxAdminConns), handler, cfg.Logger), rest}, nil
}

// adminServer serves what is for the operator, and all other paths by rest: the console,
// once there is a database.
type adminServer struct {
	*httpServer
	rest *handlerSwitch
}

// listenAdmin takes any port of this machine if the default one is taken: a second daemon
// on a machine must start without a setting more. An address that was set is taken as it is.
func listenAdmin(cfg Config) (net.Listener, error) {
	listener, err := net.Listen("tcp", cmp.Or(cfg.AdminAddr, defaultAdminAddr))
	if err != nil && cfg.AdminAddr == "" {
		taken := err
		if listener, err = net.Listen("tcp", "127.0.0.1:0"); err == nil {
			cfg.Logger.Warn("[TaskSync] The default address of metrics and health is taken; another port serves them",
				"admin_addr", listener.Addr().String(), "error", taken, "hint", "set TASKSYNC_ADMIN_ADDR")
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrListenAdmin, err)
	}
	return listener, nil
}

func (d *daemon) openAdmin(context.Context) (err error) {
	if d.admin, err = newAdminServer(d.cfg, d.registry, d.health); err != nil {
		return err
	}
	go d.admin.serve()
	if d.cfg.AdminStarted != nil {
		d.cfg.AdminStarted(d.admin.listener.Addr())
	}
	return nil
}

func (d *daemon) watchAdmin(ctx context.Context) error { return d.admin.watch(ctx) }

func (d *daemon) closeAdmin(ctx context.Context) error { return d.admin.close(ctx) }
