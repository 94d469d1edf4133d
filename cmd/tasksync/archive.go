package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"tasksync/daemon"
)

// archiveCmd is `tasksync archive`.
type archiveCmd struct {
	databaseFlags
	upstreamFlags
	archiveFlags
	logFlags
	Backfill bool     `help:"Copy the files of rows that were complete before."`
	Since    string   `placeholder:"TIME" help:"With --backfill: only rows that ended since then: a duration like 336h, or a time like 2026-11-29T08:00:00Z (default: 14 days ago)."`
	Host     []string `placeholder:"HOST" help:"With --backfill: only files at these hosts, like tempfile.aiquickdraw.com (default: at any)."`
	DryRun   bool     `help:"With --backfill: only count the files, by kind and host, and change nothing."`
}

// Help implements kong's detailed help.
func (c *archiveCmd) Help() string {
	return `Without --backfill: prints how many files are archived, waiting or lost, and why.

With --backfill: copies the files of complete rows to TASKSYNC_ARCHIVE and puts the
own URLs into the clips. Rows that are done are left out, so that a run that was
interrupted goes on when it is started again; it may run beside daemons. Columns
may hold URLs of your own already: --dry-run shows the hosts, and --host chooses.`
}

// defaultSince is how far back a backfill looks, unless told: files that are older are
// most likely gone.
const defaultSince = 14 * 24 * time.Hour

// Run implements kong's command.
func (c *archiveCmd) Run(ctx context.Context, std *streams) error {
	cfg, err := c.config(c.databaseFlags)
	if err != nil {
		return err
	}
	cfg.Logger = c.logger(std)
	c.archive(&cfg)
	if !c.Backfill {
		if c.DryRun || c.Since != "" || len(c.Host) > 0 {
			return usageError{errors.New("--since, --host and --dry-run are for --backfill; give it, too")}
		}
		return asUsage(c.print(ctx, std, cfg))
	}
	req, err := c.request(time.Now())
	if err != nil {
		return usageError{err}
	}
	if c.DryRun {
		return asUsage(c.count(ctx, std, cfg, req))
	}
	var progress *rowProgress
	err = daemon.Backfill(ctx, cfg, req, func(done, all int) {
		if progress == nil {
			progress = newRowProgress(ctx, std, all)
		}
		progress.show(done)
	})
	if progress != nil {
		progress.close()
	}
	if ctx.Err() != nil {
		fmt.Fprintln(std.err, "tasksync: the backfill was interrupted; the same command goes on with it")
		return errInterrupted
	}
	if err != nil {
		return asUsage(err)
	}
	return c.print(ctx, std, cfg)
}

func (c *archiveCmd) request(now time.Time) (req daemon.BackfillRequest, err error) {
	req.Since = now.Add(-defaultSince)
	for _, h := range trimmed(c.Host) {
		req.Hosts = append(req.Hosts, strings.ToLower(h))
	}
	if c.Since == "" {
		return req, nil
	}
	req.Since, err = sinceTime(c.Since, now)
	return req, err
}

func (c *archiveCmd) count(ctx context.Context, std *streams, cfg daemon.Config, req daemon.BackfillRequest) error {
	all, err := daemon.BackfillCandidates(ctx, cfg, req)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "KIND\tHOST\tFILES")
	for _, f := range all {
		fmt.Fprintf(w, "%s\t%s\t%d\n", f.Kind, f.Host, f.Files)
	}
	return w.Flush()
}

func (c *archiveCmd) print(ctx context.Context, std *streams, cfg daemon.Config) error {
	all, err := daemon.ArchiveStandings(ctx, cfg)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		fmt.Fprintln(std.out, "no files; the archive gets those of rows that complete while TASKSYNC_ARCHIVE is set, and --backfill copies those from before")
		return nil
	}
	w := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "STATE\tKIND\tFILES\tBYTES\tIN DANGER\tREASON")
	for _, s := range all {
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%s\n", s.State, s.Kind, s.Files, s.Bytes, s.Endangered, s.Error)
	}
	return w.Flush()
}
