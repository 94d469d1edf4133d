package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"tasksync/daemon"
	"tasksync/task"
)

// notifyCmd is `tasksync notify`.
type notifyCmd struct {
	List   notifyListCmd   `cmd:"" help:"List what your servers were told, and are to be told."`
	Replay notifyReplayCmd `cmd:"" help:"Send notifications again."`
	Test   notifyTestCmd   `cmd:"" help:"Send an example to each of your servers."`
}

// notifyListCmd is `tasksync notify list`.
type notifyListCmd struct {
	databaseFlags
	logFlags
	Pending   bool `help:"Those that have not been delivered yet."`
	Dead      bool `help:"Those that are not sent any more."`
	Delivered bool `help:"Those that were delivered in the last 7 days."`
	JSON      bool `name:"json" help:"Print them as JSON."`
	Limit     int  `default:"100" help:"At most so many, the newest (${default})."`
}

// notificationLine is a notification as `--json` prints it.
type notificationLine struct {
	ID           string     `json:"id"`
	Receiver     string     `json:"receiver"`
	Type         string     `json:"type"`
	GenerationID string     `json:"generationId"`
	CreatedAt    time.Time  `json:"createdAt"`
	State        string     `json:"state"`
	Attempts     int        `json:"attempts"`
	NextAttempt  *time.Time `json:"nextAttempt,omitempty"`
	Result       string     `json:"result,omitempty"`
}

// Run implements kong's command.
func (c *notifyListCmd) Run(ctx context.Context, std *streams) error {
	if c.Limit < 1 || c.Limit > 10_000 {
		return usageError{fmt.Errorf("--limit %d is not between 1 and 10000", c.Limit)}
	}
	if err := c.require(); err != nil {
		return err
	}
	list, err := daemon.NotifyList(ctx, daemon.Config{DatabaseURL: c.DatabaseURL, Logger: c.logger(std)}, c.states(), c.Limit)
	if err != nil {
		return asUsage(err)
	}
	if c.JSON {
		return printNotificationsJSON(std, list)
	}
	none := "no notifications"
	if !c.Pending && !c.Dead && !c.Delivered {
		none = "no notifications are pending or dead; --delivered lists those that were delivered"
	}
	if err := printNotifications(std, list, none); err != nil {
		return err
	}
	if len(list) == c.Limit {
		fmt.Fprintf(std.err, "tasksync: these are the newest %d; --limit shows more\n", len(list))
	}
	return nil
}

// states returns the chosen states; without a choice, those that somebody may wait for.
func (c *notifyListCmd) states() (states []string) {
	for i, chosen := range []bool{c.Pending, c.Delivered, c.Dead} {
		if chosen {
			states = append(states, daemon.NotifyStates()[i])
		}
	}
	if states == nil {
		return []string{daemon.NotifyStates()[0], daemon.NotifyStates()[2]}
	}
	return states
}

func printNotificationsJSON(std *streams, list []daemon.Notification) error {
	lines := make([]notificationLine, len(list))
	for i, n := range list {
		lines[i] = notificationLine{
			ID: n.MessageID, Receiver: n.Receiver, Type: n.Type, GenerationID: n.GenerationID, CreatedAt: n.CreatedAt,
			State: n.State, Attempts: n.Attempts, Result: n.Result,
		}
		if !n.NextAt.IsZero() {
			lines[i].NextAttempt = &n.NextAt
		}
	}
	enc := json.NewEncoder(std.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(lines)
}

func printNotifications(std *streams, list []daemon.Notification, none string) error {
	if len(list) == 0 {
		fmt.Fprintln(std.out, none)
		return nil
	}
	w := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tAGE\tTYPE\tGENERATION\tRECEIVER\tSTATE\tATTEMPTS\tNEXT\tRESULT")
	for _, n := range list {
		next := "none"
		if !n.NextAt.IsZero() {
			next = "in " + max(0, n.NextAt.Sub(n.SeenAt)).Round(time.Second).String()
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", n.MessageID, n.SeenAt.Sub(n.CreatedAt).Round(time.Second), n.Type,
			n.GenerationID, n.Receiver, n.State, n.Attempts, next, n.Result)
	}
	return w.Flush()
}

// notifyReplayCmd is `tasksync notify replay`.
type notifyReplayCmd struct {
	databaseFlags
	notifyFlags
	logFlags
	All       bool     `help:"All that are dead."`
	Since     string   `placeholder:"TIME" help:"Those about events since then: a duration like 24h, or a time like 2026-11-29T08:00:00Z."`
	Delivered bool     `help:"With --all or --since: also those that were delivered."`
	Pending   bool     `help:"With --all or --since: also those that wait for their next attempt."`
	To        string   `placeholder:"RECEIVER" help:"Where to send those whose own URL is no longer configured, by its name in the list (default: the only URL, if there is one)."`
	DryRun    bool     `help:"Only count them, and change nothing."`
	IDs       []string `arg:"" optional:"" name:"id" help:"Ids of notifications (msg_…) or of rows, in any state."`
}

// Help implements kong's detailed help.
func (c *notifyReplayCmd) Help() string {
	return `Makes notifications pending again, with the same id and body as before. A running
daemon sends them, and tries as often as with a new one. --all and --since choose
dead ones.`
}

// Run implements kong's command.
func (c *notifyReplayCmd) Run(ctx context.Context, std *streams) error {
	if err := c.require(); err != nil {
		return err
	}
	req, err := c.request(time.Now())
	if err != nil {
		return usageError{err}
	}
	cfg := daemon.Config{DatabaseURL: c.DatabaseURL, Version: version(), Logger: c.logger(std)}
	c.notify(&cfg)
	replayed, strangers, err := daemon.NotifyReplay(ctx, cfg, req)
	if err != nil {
		return asUsage(err)
	}
	if strangers > 0 {
		fmt.Fprintf(std.err, "tasksync: %d are left, because their URLs are no longer in TASKSYNC_NOTIFY_URL; --to sends them to another\n", strangers)
	}
	if c.DryRun {
		fmt.Fprintf(std.out, "%d notifications would be sent again\n", replayed)
		return nil
	}
	fmt.Fprintf(std.out, "%d notifications are sent again by the daemon\n", replayed)
	return nil
}

// request returns the request that the flags make, after checking them.
func (c *notifyReplayCmd) request(now time.Time) (req daemon.ReplayRequest, err error) {
	req = daemon.ReplayRequest{IDs: c.IDs, Delivered: c.Delivered, Pending: c.Pending, To: c.To, DryRun: c.DryRun}
	switch chosen := c.All || c.Since != ""; {
	case len(c.IDs) == 0 && !chosen:
		return req, errors.New("name the notifications or rows by their ids, or choose them by --since or --all")
	case len(c.IDs) > 0 && (chosen || c.Delivered || c.Pending):
		return req, errors.New("ids choose in any state; leave out --all, --since, --delivered and --pending")
	}
	for _, id := range c.IDs {
		if !task.IsUUID(strings.TrimPrefix(id, "msg_")) {
			return req, fmt.Errorf("%q is neither the id of a notification (msg_ and a UUID) nor that of a row%s", id, ofAdopted)
		}
	}
	req.Since, err = sinceTime(c.Since, now)
	return req, err
}

// notifyTestCmd is `tasksync notify test`.
type notifyTestCmd struct {
	notifyFlags
	logFlags
}

// Help implements kong's detailed help.
func (c *notifyTestCmd) Help() string {
	return `Sends a signed example of type tasksync.test to each URL, once, and prints what it
answered. It reads and writes no row.`
}

// Run implements kong's command.
func (c *notifyTestCmd) Run(ctx context.Context, std *streams) error {
	cfg := daemon.Config{Version: version(), Logger: c.logger(std)}
	c.notify(&cfg)
	results, err := daemon.NotifyTest(ctx, cfg)
	if err != nil {
		return asUsage(err)
	}
	for _, r := range results {
		if !r.Delivered {
			err = errQuiet
		}
		fmt.Fprintf(std.out, "%s: %s\n", r.Receiver, r.Result)
	}
	return err
}
