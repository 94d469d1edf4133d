package daemon

import (
	"context"

	"go.opentelemetry.io/otel/trace"

	"tasksync/internal/cdn"
	"tasksync/internal/database"
	"tasksync/internal/live"
	"tasksync/syncer"
	"tasksync/task"
)

func (d *daemon) openSyncer(ctx context.Context) (err error) {
	if d.upstreams, err = openUpstreams(d.cfg, d.registry); err != nil {
		return err
	}
	if d.now, err = database.Clock(ctx, d.pool, d.cfg.Logger); err != nil {
		return err
	}
	if err := d.openNotifier(); err != nil {
		return err
	}
	d.openLooks()
	d.announcer = live.NewAnnouncer(d.pool)
	cfg := d.syncerConfig()
	cfg.Registerer, cfg.Committed = d.registry, d.announcer.Announce
	d.syncer = syncer.New(cfg)
	for name, paused := range d.upstreams.paused {
		d.health.check("upstream "+name, paused)
	}
	d.health.check("upstream answers", func() string { return troubleReason(d.syncer.Trouble()) })
	for _, h := range d.holders {
		d.health.check("rate limit "+h.provider, h.Trouble)
		d.registry.MustRegister(h.gauge())
	}
	d.registry.MustRegister(newPendingCollector(d.pool, d.cfg), d.planner.Collector())
	return nil
}

func (d *daemon) syncerConfig() syncer.Config {
	return syncer.Config{
		Pool: d.pool, Upstreams: d.upstreams.adapters, Providers: d.cfg.providerWords(), Words: d.cfg.words(), Prober: cdn.NewProber(cdn.ProberConfig{}),
		Policy: d.policy(), Planner: d.planner, Tracer: d.cfg.tracer(), Logger: d.cfg.Logger, Now: d.now, UpdateClips: d.cfg.Clips == clipsUpdate,
		MessageLength: d.cfg.traits.MessageLength, Effects: d.effects(),
	}
}

// tracer returns what traces passes; nil: nothing does.
func (c Config) tracer() trace.Tracer {
	if c.TracerProvider == nil {
		return nil
	}
	return c.TracerProvider.Tracer("tasksync", trace.WithInstrumentationVersion(c.Version))
}

// effects returns what follows from the end of a row, for the daemon and for each command
// that writes rows.
func (d *daemon) effects() (effects []syncer.Effect) {
	if d.notifier != nil {
		effects = append(effects, d.notifier.Effect)
	}
	if d.settler != nil { // last: what its function changes in the session concerns nothing else
		effects = append(effects, d.settler.Settle)
	}
	return effects
}

func (c Config) policy() task.Policy {
	return task.Policy{
		Handlers: c.Handlers, Timeout: c.Timeout, Grace: c.Grace, Late: task.LateMode(c.Late),
		PollInterval: c.PollInterval, ProbeCDN: !c.NoCDNProbe, NoZone: c.traits.NoZone,
	}
}
