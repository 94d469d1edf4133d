package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"tasksync/daemon"
	"tasksync/task"
)

// settleCmd is `tasksync settle`.
type settleCmd struct {
	List     settleListCmd     `cmd:"" help:"List quarantined settlements, and why the function failed."`
	Retry    settleRetryCmd    `cmd:"" help:"Call the function for quarantined settlements now."`
	Done     settleDoneCmd     `cmd:"" help:"Mark a quarantined settlement as settled by hand."`
	Backfill settleBackfillCmd `cmd:"" help:"Open settlements for rows that ended before TASKSYNC_SETTLE was set."`
	DryRun   settleDryRunCmd   `cmd:"" help:"Show what a function would do with the settlements of the past."`
}

// settleFlags say which function rows are settled by.
type settleFlags struct {
	Settle string `name:"settle" env:"TASKSYNC_SETTLE" placeholder:"FUNCTION" help:"Your SQL function that is called at the end of each row, in its transaction, like public.settle_generation (generation_id uuid, round int, outcome text, code text, details jsonb)." group:"ends"`
}

// settleListCmd is `tasksync settle list`.
type settleListCmd struct {
	databaseFlags
	All   bool     `help:"Settled ones, too."`
	Since string   `placeholder:"TIME" help:"Only of rows that ended since then: a duration like 24h, or a time like 2026-11-29T08:00:00Z."`
	Limit int      `default:"100" help:"At most so many (${default})."`
	JSON  bool     `name:"json" help:"Print them as JSON."`
	IDs   []string `arg:"" optional:"" name:"id" help:"Ids of rows: column id of music_generations."`
}

// Run implements kong's command.
func (c *settleListCmd) Run(ctx context.Context, std *streams) error {
	if err := c.require(); err != nil {
		return err
	}
	since, err := sinceTime(c.Since, time.Now())
	if err == nil {
		err = checkIDs(c.IDs)
	}
	if err == nil && (c.Limit < 1 || c.Limit > 10_000) {
		err = fmt.Errorf("--limit %d is not between 1 and 10000", c.Limit)
	}
	if err != nil {
		return usageError{err}
	}
	list, err := daemon.ListSettlements(ctx, daemon.Config{DatabaseURL: c.DatabaseURL}, daemon.SettlementRequest{
		IDs: c.IDs, Quarantined: !c.All, Since: since, Limit: c.Limit,
	})
	if err != nil {
		return asUsage(err)
	}
	if c.JSON {
		return printSettlementsJSON(std, list)
	}
	none := "no quarantined settlements; --all lists settled ones, too"
	if c.All {
		none = "no settlements"
	}
	if err := printSettlements(std, list, none); err != nil {
		return err
	}
	if len(list) == c.Limit {
		fmt.Fprintf(std.err, "tasksync: these are the first %d; --limit shows more\n", len(list))
	}
	return nil
}

// settlementLine is a settlement as `--json` prints it.
type settlementLine struct {
	ID        string     `json:"id"`
	Round     int        `json:"round"`
	Outcome   string     `json:"outcome"`
	Code      string     `json:"code,omitempty"`
	UserID    string     `json:"userId,omitempty"`
	State     string     `json:"state"`
	SettledBy string     `json:"settledBy,omitempty"`
	Attempts  int        `json:"attempts"`
	SQLState  string     `json:"sqlstate,omitempty"`
	Error     string     `json:"error,omitempty"`
	NextAt    *time.Time `json:"nextAt,omitempty"`
	EndedAt   time.Time  `json:"endedAt"`
}

func printSettlementsJSON(std *streams, list []daemon.Settlement) error {
	lines := make([]settlementLine, len(list))
	for i, s := range list {
		lines[i] = settlementLine{
			ID: s.ID, Round: s.Round, Outcome: s.Outcome, Code: s.Code, UserID: s.UserID, State: s.State, SettledBy: s.SettledBy,
			Attempts: s.Attempts, SQLState: s.SQLState, Error: s.Error, EndedAt: s.EndedAt,
		}
		if !s.NextAt.IsZero() {
			lines[i].NextAt = &s.NextAt
		}
	}
	enc := json.NewEncoder(std.out)
	enc.SetIndent("", "  ")
	return enc.Encode(lines)
}

func printSettlements(std *streams, list []daemon.Settlement, none string) error {
	if len(list) == 0 {
		fmt.Fprintln(std.out, none)
		return nil
	}
	w := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tROUND\tOUTCOME\tENDED AT\tSTATE\tSQLSTATE\tERROR")
	for _, s := range list {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\t%s\n", s.ID, s.Round, s.Outcome, s.EndedAt.UTC().Format(time.DateTime), s.State, s.SQLState, s.Error)
	}
	return w.Flush()
}

// settleRetryCmd is `tasksync settle retry [ID…]`.
type settleRetryCmd struct {
	databaseFlags
	wordsFlags
	logFlags
	settleFlags
	IDs []string `arg:"" optional:"" name:"id" help:"Ids of rows: column id of music_generations; without: all."`
}

// Help implements kong's detailed help.
func (c *settleRetryCmd) Help() string {
	return `Calls the function of TASKSYNC_SETTLE for quarantined settlements, in the order
of their rounds. Daemons do the same by themselves, with growing spaces up to an
hour; settlements that were opened by ` + "`tasksync settle backfill`" + ` wait for this
command.`
}

// Run implements kong's command.
func (c *settleRetryCmd) Run(ctx context.Context, std *streams) error {
	cfg, err := c.config(std, c.databaseFlags, c.wordsFlags, c.logFlags)
	if err == nil {
		err = usageOf(checkIDs(c.IDs))
	}
	if err != nil {
		return err
	}
	last := time.Now()
	done, err := daemon.RetrySettlements(ctx, cfg, c.IDs, func(done daemon.SettlementsRetried) {
		if time.Since(last) > time.Second {
			last = time.Now()
			fmt.Fprintf(std.err, "%d settled, %d failed\n", done.Settled, done.Failed)
		}
	})
	fmt.Fprintf(std.out, "%d settled, %d failed\n", done.Settled, done.Failed)
	switch {
	case ctx.Err() != nil:
		return errInterrupted
	case err != nil:
		return asUsage(err)
	case done.Failed > 0:
		return errors.New("the function failed again; `tasksync settle list` shows why")
	}
	return nil
}

// config is that of a command that calls the function.
func (f settleFlags) config(std *streams, db databaseFlags, w wordsFlags, l logFlags) (daemon.Config, error) {
	if err := db.require(); err != nil {
		return daemon.Config{}, err
	}
	words, err := w.words()
	return daemon.Config{DatabaseURL: db.DatabaseURL, StatusWords: words, Settle: f.Settle, Logger: l.logger(std)}, err
}

// settleDoneCmd is `tasksync settle done ID ROUND`.
type settleDoneCmd struct {
	databaseFlags
	ID    string `arg:"" name:"id" help:"Id of the row: column id of music_generations."`
	Round int    `arg:"" name:"round" help:"The round, as tasksync settle list shows it."`
}

// Help implements kong's detailed help.
func (c *settleDoneCmd) Help() string {
	return `The function is not called for it any more, and later rounds of the row count it
as settled. Use it for what you have settled yourself.`
}

// Run implements kong's command.
func (c *settleDoneCmd) Run(ctx context.Context, std *streams) error {
	if err := c.require(); err != nil {
		return err
	}
	if err := checkIDs([]string{c.ID}); err != nil {
		return usageError{err}
	}
	if err := daemon.SettledByHand(ctx, daemon.Config{DatabaseURL: c.DatabaseURL}, c.ID, c.Round); err != nil {
		return asUsage(err)
	}
	fmt.Fprintf(std.out, "round %d of %s is settled\n", c.Round, c.ID)
	return nil
}

// settleBackfillCmd is `tasksync settle backfill --since TIME`.
type settleBackfillCmd struct {
	databaseFlags
	wordsFlags
	Since string `required:"" placeholder:"TIME" help:"Rows that ended since then: a duration like 24h, or a time like 2026-11-29T08:00:00Z."`
}

// Help implements kong's detailed help.
func (c *settleBackfillCmd) Help() string {
	return `Opens a round for rows whose last end since then was not settled, because
TASKSYNC_SETTLE was not set. They are quarantined, and nothing is called: look at
` + "`tasksync settle list`" + `, then run ` + "`tasksync settle retry`" + `. Give no time before
your own code stopped to settle rows. tasksync knows the ends of the last 30 days.`
}

// Run implements kong's command.
func (c *settleBackfillCmd) Run(ctx context.Context, std *streams) error {
	if err := c.require(); err != nil {
		return err
	}
	words, err := c.words()
	if err != nil {
		return err
	}
	since, err := sinceTime(c.Since, time.Now())
	if err == nil && since.IsZero() {
		err = errors.New("--since is empty; give a time since when nothing else settles rows, like 24h")
	}
	if err != nil {
		return usageError{err}
	}
	n, err := daemon.BackfillSettlements(ctx, daemon.Config{DatabaseURL: c.DatabaseURL, StatusWords: words}, since)
	if err != nil {
		return asUsage(err)
	}
	fmt.Fprintf(std.out, "%d settlements are open and quarantined; `tasksync settle retry` calls the function for them\n", n)
	return nil
}

// sinceTime reads --since; the zero time: it is not given.
func sinceTime(text string, now time.Time) (since time.Time, err error) {
	if text == "" {
		return since, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago > 0 {
		return now.Add(-ago), nil
	}
	if since, err = time.Parse(time.RFC3339, text); err != nil {
		return since, fmt.Errorf("--since %q is neither a duration like 24h nor a time like 2026-11-29T08:00:00Z", text)
	}
	return since, nil
}

func checkIDs(ids []string) error {
	for _, id := range ids {
		if !task.IsUUID(id) {
			return fmt.Errorf("%q is not the id of a row, which is a UUID%s", id, ofAdopted)
		}
	}
	return nil
}

// usageOf makes an error one of the usage.
func usageOf(err error) error {
	if err == nil {
		return nil
	}
	return usageError{err}
}
