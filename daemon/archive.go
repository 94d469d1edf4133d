package daemon

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"tasksync/internal/archive"
	"tasksync/internal/doctor"
	"tasksync/internal/outbound"
	"tasksync/internal/outgoing"
	"tasksync/jobs"
	"tasksync/upstream"
)

// The types of the archive's results.
type (
	// BackfillRequest says which rows from before are archived.
	BackfillRequest = archive.BackfillRequest
	// Candidate is how many files of a kind a host has.
	Candidate = archive.Candidate
	// Standing is how many files are in a state.
	Standing = archive.Standing
)

func (c Config) validateArchive() error {
	if c.ArchiveURL == "" {
		return nil
	}
	settings := archive.Settings{Address: c.ArchiveURL}
	if _, err := settings.Parse(); err != nil {
		return wrong("ArchiveURL", "%s", err)
	}
	settings.Kinds = c.ArchiveFiles
	if _, err := settings.Parse(); err != nil {
		return wrong("ArchiveFiles", ": %s", err)
	}
	settings.Key = c.ArchiveKey
	if _, err := settings.Parse(); err != nil {
		return wrong("ArchiveKey", ": %s", err)
	}
	return nil
}

// archiver makes the archiver. d has its pool; without upstreams no provider is asked to make
// files anew.
func (d *daemon) openArchiver() (err error) {
	if d.cfg.ArchiveURL == "" {
		return nil
	}
	settings, err := archive.Settings{Address: d.cfg.ArchiveURL, Kinds: d.cfg.ArchiveFiles, Key: d.cfg.ArchiveKey}.Parse()
	if err != nil {
		return wrong("ArchiveURL", "%s", err)
	}
	inserter, err := jobs.NewInserter()
	if err != nil {
		return err
	}
	cfg := archive.Config{
		Pool: d.pool, Settings: settings, Words: d.cfg.words(), ProviderWords: d.cfg.providerWords(), Providers: map[string]archive.Provider{},
		Job: inserter, Logger: d.cfg.Logger,
	}
	if d.registry != nil {
		cfg.Registerer = d.registry
	}
	if d.announcer != nil {
		cfg.Committed = d.announcer.Announce
	}
	if d.notifier != nil {
		cfg.Archived = func(ctx context.Context, tx pgx.Tx, ids []string) error {
			return d.notifier.Notify(ctx, tx, outgoing.Archived, ids)
		}
	}
	for i, p := range d.cfg.Providers {
		known := d.archiveProvider(p)
		cfg.Providers[p.Name] = known
		if i == 0 {
			cfg.Providers[""] = known
		}
		if p.APIURL != "" { // a server of the operator's own may hand out its files itself
			cfg.Hosts = append(cfg.Hosts, outbound.HostOf(p.APIURL))
		}
	}
	d.archiver, err = archive.New(cfg)
	return err
}

func (d *daemon) archiveProvider(p Provider) archive.Provider {
	known := archive.Provider{Name: p.Name, Retention: p.Retention}
	if d.upstreams == nil {
		return known
	}
	if r, ok := d.upstreams.all[p.Name].(upstream.Recoverer); ok && r.Recovers() {
		known.Recover, known.Recovered = r.Recover, r.Recovered
	}
	return known
}

// examineArchive stores and removes an object, and tells of files in danger.
func (c Config) examineArchive(ctx context.Context, tell func(Finding)) {
	find := func(level doctor.Level, what, next string) {
		tell(Finding{Level: level, Check: "archive", What: "archive: " + what, Next: next})
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	pool, err := OpenPool(ctx, c.DatabaseURL)
	if err != nil {
		return // another finding says so
	}
	defer pool.Close()
	d := &daemon{cfg: c, pool: pool}
	if err := d.openArchiver(); err != nil {
		find(doctor.Bad, err.Error(), "")
		return
	}
	if err := d.archiver.Check(ctx); err != nil {
		find(doctor.Bad, err.Error(), "")
	} else {
		find(doctor.Good, d.archiver.Shown()+" stores, serves and removes objects", "")
	}
	if trouble, err := d.archiver.Trouble(ctx); err == nil && trouble != "" {
		find(doctor.Warning, trouble, "`tasksync archive` says why")
	}
}

// withArchiver calls f with an archiver on a database that has its migrations.
func withArchiver(ctx context.Context, cfg Config, f func(a *archive.Archiver) error) error {
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return err
	}
	if cfg.ArchiveURL == "" {
		return wrong("ArchiveURL", "is not set; give s3://bucket/prefix?public_url=… or file:///path?public_url=…")
	}
	d, err := connect(ctx, cfg)
	if err != nil {
		return err
	}
	defer d.pool.Close()
	if d.upstreams, err = openUpstreams(cfg, nil); err != nil {
		return err
	}
	if err := d.openArchiver(); err != nil {
		return err
	}
	return f(d.archiver)
}

// Backfill archives the files of complete rows from before. progress is told how many
// rows of all are done. It may run beside daemons, and goes on where a former run ended.
func Backfill(ctx context.Context, cfg Config, req BackfillRequest, progress func(done, all int)) error {
	return withArchiver(ctx, cfg, func(a *archive.Archiver) error { return a.Backfill(ctx, req, progress) })
}

// BackfillCandidates counts the files that Backfill would copy.
func BackfillCandidates(ctx context.Context, cfg Config, req BackfillRequest) (all []Candidate, err error) {
	err = withArchiver(ctx, cfg, func(a *archive.Archiver) error {
		all, err = a.Candidates(ctx, req)
		if err != nil {
			return fmt.Errorf("count files: %w", err)
		}
		return nil
	})
	return all, err
}

// ArchiveStandings counts the files of the archive by their states.
func ArchiveStandings(ctx context.Context, cfg Config) (all []Standing, err error) {
	err = withArchiver(ctx, cfg, func(a *archive.Archiver) error {
		all, err = a.Standings(ctx)
		return err
	})
	return all, err
}
