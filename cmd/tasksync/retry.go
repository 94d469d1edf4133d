package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"tasksync/daemon"
)

// retryCmd is `tasksync retry ID…`.
type retryCmd struct {
	databaseFlags
	wordsFlags
	notifyFlags
	logFlags
	Code    string   `placeholder:"CODE" help:"Only rows with this error_code, like API_ERROR."`
	Since   string   `placeholder:"TIME" help:"Only rows that failed since then: a duration like 24h, or a time like 2026-11-29T08:00:00Z."`
	Unasked bool     `help:"Only rows that failed at their deadline without an answer from the provider."`
	DryRun  bool     `help:"Only count the rows, and change nothing."`
	IDs     []string `arg:"" optional:"" name:"id" help:"Ids of rows: column id of music_generations."`
}

// Help implements kong's detailed help.
func (c *retryCmd) Help() string {
	return `Makes failed rows pending again, with an event each: their status becomes
submitted, their failed clips are open again, and their deadline counts from
now on. A running daemon then looks at them, which costs a call or more each;
nothing is submitted anew. Without ids the flags choose the rows.`
}

// Run implements kong's command.
func (c *retryCmd) Run(ctx context.Context, std *streams) error {
	if err := c.require(); err != nil {
		return err
	}
	req, err := c.request(time.Now())
	if err != nil {
		return usageError{err}
	}
	words, err := c.words()
	if err != nil {
		return err
	}
	cfg := daemon.Config{DatabaseURL: c.DatabaseURL, StatusWords: words, Version: version(), Logger: c.logger(std)}
	c.notify(&cfg)
	counting := req
	counting.DryRun = true
	total, err := daemon.Retry(ctx, cfg, counting, nil)
	if err != nil {
		return asUsage(err)
	}
	if missing := len(c.IDs) - total; missing > 0 {
		fmt.Fprintf(std.err, "tasksync: %d of the ids name no failed row that the flags choose\n", missing)
	}
	if c.DryRun {
		fmt.Fprintf(std.out, "%d failed rows would be made pending again\n", total)
		return nil
	}
	progress := newRowProgress(ctx, std, total)
	done, err := daemon.Retry(ctx, cfg, req, progress.show)
	progress.close()
	fmt.Fprintf(std.out, "%d failed rows are pending again\n", done)
	if ctx.Err() != nil {
		return errInterrupted
	}
	return err
}

// request returns the request that the flags make, after checking them.
func (c *retryCmd) request(now time.Time) (req daemon.RetryRequest, err error) {
	req = daemon.RetryRequest{IDs: c.IDs, Code: c.Code, Unasked: c.Unasked}
	if len(c.IDs) == 0 && c.Code == "" && c.Since == "" && !c.Unasked {
		return req, errors.New("name the rows by their ids, or choose them by --code, --since or --unasked")
	}
	if err := checkIDs(c.IDs); err != nil {
		return req, err
	}
	req.Since, err = sinceTime(c.Since, now)
	return req, err
}

// ofAdopted says how to find the id of a row in a table of the application's own.
const ofAdopted = " (in an adopted table: SELECT tasksync.adopted_id(KEY))"

// rowProgress shows how many rows are done, on standard error: a bar on a
// terminal, else a line for each batch.
type rowProgress struct {
	std   *streams
	total int
	bars  *mpb.Progress
	bar   *mpb.Bar
}

func newRowProgress(ctx context.Context, std *streams, total int) *rowProgress {
	p := &rowProgress{std: std, total: total}
	if isTerminal(std.err) && total > 0 {
		p.bars = mpb.NewWithContext(ctx, mpb.WithOutput(std.err), mpb.WithRefreshRate(100*time.Millisecond))
		p.bar = p.bars.AddBar(int64(total), mpb.PrependDecorators(decor.CountersNoUnit("%d / %d rows")), mpb.AppendDecorators(decor.Percentage()))
	}
	return p
}

func (p *rowProgress) show(done int) {
	if p.bar == nil {
		fmt.Fprintf(p.std.err, "%d of %d rows\n", done, p.total)
		return
	}
	p.bar.SetCurrent(int64(done))
}

func (p *rowProgress) close() {
	if p.bar != nil {
		p.bar.Abort(false) // does nothing to a full one
		p.bars.Wait()
	}
}
