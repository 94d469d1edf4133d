package daemon

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// registry is where the metrics of one run are registered, until it ends: a
// program may run a daemon again with the same Registerer.
type registry struct {
	prometheus.Registerer
	gatherer prometheus.Gatherer

	mu    sync.Mutex
	taken []prometheus.Collector
	errs  error // of registrations that failed
}

func newRegistry(cfg Config) *registry {
	r := &registry{Registerer: cfg.Registerer, gatherer: cfg.Gatherer}
	if cfg.Registerer == nil {
		own := prometheus.NewRegistry()
		own.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
		r.Registerer, r.gatherer = own, own
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "tasksync_build_info", Help: "Always 1; the labels tell what runs.",
	}, []string{"version", "go_version"})
	build.WithLabelValues(cfg.Version, runtime.Version()).Set(1)
	r.MustRegister(build)
	return r
}

// Register implements prometheus.Registerer.
func (r *registry) Register(c prometheus.Collector) error {
	err := r.Registerer.Register(c)
	if err == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.taken = append(r.taken, c)
	}
	return err
}

// MustRegister implements prometheus.Registerer, but does not panic: a registry of
// the program's own may have such metrics already. Then failed returns the error.
func (r *registry) MustRegister(all ...prometheus.Collector) {
	for _, c := range all {
		if err := r.Register(c); err != nil {
			r.mu.Lock()
			r.errs = errors.Join(r.errs, err)
			r.mu.Unlock()
		}
	}
}

// failed returns an error that wraps ErrConfig if metrics could not be registered.
func (r *registry) failed() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.errs == nil {
		return nil
	}
	return fmt.Errorf("%w: Registerer: %w; does another daemon use it?", ErrConfig, r.errs)
}

// close unregisters all metrics.
func (r *registry) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.taken {
		r.Unregister(c)
	}
	r.taken = nil
}

func (d *daemon) openMetrics(context.Context) error {
	d.registry = newRegistry(d.cfg)
	if err := d.registry.failed(); err != nil {
		d.registry.close()
		return err
	}
	return nil
}

func (d *daemon) closeMetrics(context.Context) error {
	d.registry.close()
	return nil
}
