package daemon

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"tasksync/internal/cdn"
	"tasksync/internal/database"
	"tasksync/internal/live"
	"tasksync/internal/record"
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
	if err := errors.Join(d.openPauses(ctx), d.openNotifier()); err != nil {
		return err
	}
	d.openLooks()
	d.openRecorder(d.registry)
	d.announcer = live.NewAnnouncer(d.pool)
	if err := d.openArchiver(); err != nil {
		return err
	}
	cfg := d.syncerConfig()
	cfg.Registerer, cfg.Committed = d.registry, d.announcer.Announce
	d.syncer = syncer.New(cfg)
	for name, paused := range d.upstreams.paused {
		d.health.check("upstream "+name, paused)
		d.health.note("provider "+name, func() string { return d.pauses.Of(name).String() })
	}
	d.health.check("upstream answers", func() string { return troubleReason(d.syncer.Trouble()) })
	for _, h := range d.holders {
		d.health.check("rate limit "+h.provider, h.Trouble)
		d.registry.MustRegister(h.gauge())
	}
	d.registry.MustRegister(newPendingCollector(d.pool, d.cfg), d.planner.Collector(), d.pauses.Collector(slices.Sorted(maps.Keys(d.upstreams.all))))
	if d.archiver != nil {
		d.registry.MustRegister(d.archiver.Collector())
	}
	return nil
}

// openRecorder makes what keeps looks, if they are to be kept.
func (d *daemon) openRecorder(reg prometheus.Registerer) {
	if d.cfg.KeepAnswers > 0 {
		d.recorder = record.New(record.Config{DB: d.pool, Keep: d.cfg.KeepAnswers, Logger: d.cfg.Logger, Registerer: reg})
	}
}

func (d *daemon) syncerConfig() syncer.Config {
	return syncer.Config{
		Pool: d.pool, Upstreams: d.upstreams.adapters, Providers: d.cfg.providerWords(), Words: d.cfg.words(), Prober: cdn.NewProber(cdn.ProberConfig{}),
		Policy: d.policy(), Planner: d.planner, Tracer: d.cfg.tracer(), Logger: d.cfg.Logger, Now: d.now, UpdateClips: d.cfg.Clips == clipsUpdate,
		MessageLength: d.cfg.traits.MessageLength, Effects: d.effects(), DefaultProvider: d.cfg.defaultProvider(),
		Recorder: d.recorder,
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
	effects = sabotage()
	if d.archiver != nil {
		effects = append(effects, d.archiver.Effect)
	}
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
