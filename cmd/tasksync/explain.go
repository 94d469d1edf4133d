package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"tasksync/daemon"
)

// explainCmd is `tasksync explain ID`.
type explainCmd struct {
	databaseFlags
	upstreamFlags
	logFlags
	JSON bool     `name:"json" help:"Print a list of the rows, with all that is known of each, as JSON."`
	IDs  []string `arg:"" name:"id" help:"Ids of rows, of their tasks at the provider, or of their clips."`
}

// Help implements kong's detailed help.
func (c *explainCmd) Help() string {
	return `Tells what happened to a row and what will: when it was inserted, when and how
tasksync heard of it, each look and what the provider said, each change and its
cause, its clips, the River job that follows it, when it is looked at next, and
until when it waits. It calls no provider and changes nothing.

Looks and the provider's last answer are kept for TASKSYNC_KEEP_ANSWERS, and are
written once a second: the last look of a daemon that was killed may be missing.
Ends with status 1 if no row has the id.`
}

// Run implements kong's command.
func (c *explainCmd) Run(ctx context.Context, std *streams) error {
	cfg, err := c.config(c.databaseFlags)
	if err != nil {
		return err
	}
	cfg.Logger = c.logger(std)
	stories := []*daemon.Story{}
	for _, id := range c.IDs {
		found, err := daemon.Explain(ctx, cfg, id)
		if errors.Is(err, daemon.ErrNoRow) {
			return fmt.Errorf("%q: %w%s", id, err, ofAdopted)
		}
		if err != nil {
			return asUsage(err)
		}
		stories = append(stories, found...)
	}
	if c.JSON {
		enc := json.NewEncoder(std.out)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(stories)
	}
	for i, s := range stories {
		if i > 0 {
			fmt.Fprintln(std.out)
		}
		if err := printStory(std.out, s); err != nil {
			return err
		}
	}
	return nil
}

func printStory(out io.Writer, s *daemon.Story) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	field := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%s\t%s\n", name, oneLine(fmt.Sprintf(format, args...)))
	}
	field("row", "%s", s.ID)
	field("task", "%s (%s, provider %s)", cmp.Or(s.TaskID, "none yet"), s.TaskType, cmp.Or(s.Provider, "default"))
	field("status", "%s: %s", statusOf(s), s.Why)
	if s.ErrorMessage != "" {
		field("message", "%s", s.ErrorMessage)
	}
	if s.Stage != "" {
		field("stage", "%s", s.Stage)
	}
	if s.Eta != nil {
		field("eta", "%s for half of such rows, %s for nine of ten", until(s, s.Eta.P50), until(s, s.Eta.P90))
	}
	if s.NextLook != nil {
		field("next look", "%s", until(s, *s.NextLook))
	}
	if s.Deadline != nil {
		field("deadline", "%s", until(s, *s.Deadline))
	}
	if g := s.Grace; g != nil {
		stands := ""
		if g.Stands {
			stands = "; it stands still, because no call can be made"
		}
		field("grace", "ends %s%s", until(s, g.Until), stands)
	}
	for _, j := range s.Jobs {
		field("job", "River job %d, %s in queue %s, for %d rows%s", j.ID, j.State, j.Queue, j.Rows, lastError(j.LastError))
	}
	for _, clip := range s.Clips {
		field("clip", "%s %s%s", clip.ClipID, clip.Status, has(clip.Audio, clip.Preview, clip.Placeholder))
	}
	if s.Advice != "" {
		field("next step", "%s", s.Advice)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return printLines(out, s)
}

// printLines prints the timeline. Offsets count from the first line.
func printLines(out io.Writer, s *daemon.Story) error {
	fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, l := range s.Lines {
		fmt.Fprintf(w, "%s\t%s\t%s\n", l.At.Format("2006-01-02 15:04:05.000Z"), offset(l.At.Sub(s.Lines[0].At)), oneLine(l.Text))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if a := s.Answer; a != nil {
		fmt.Fprintf(out, "\nlast answer (HTTP %d, %s; texts are replaced by their length):\n%s\n", a.Code, a.At.Format(time.RFC3339), indented(a.Body))
	}
	return nil
}

func indented(body json.RawMessage) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if enc.Encode(body) != nil {
		return string(body)
	}
	return strings.TrimRight(b.String(), "\n")
}

func statusOf(s *daemon.Story) string {
	if s.StatusWord != "" {
		return fmt.Sprintf("%s (%q in the table)", s.Status, s.StatusWord)
	}
	return s.Status
}

// until says when a time is, seen from the time of the story.
func until(s *daemon.Story, at time.Time) string {
	d := at.Sub(s.SeenAt).Round(time.Second)
	switch {
	case d > 0:
		return "in " + d.String()
	case d == 0:
		return "now"
	}
	return (-d).String() + " ago"
}

func offset(d time.Duration) string {
	if d < 0 {
		return d.Round(time.Millisecond).String()
	}
	return "+" + d.Round(time.Millisecond).String()
}

func lastError(text string) string {
	if text == "" {
		return ""
	}
	return "; its last error: " + text
}

func has(audio, preview, placeholder bool) string {
	switch {
	case audio:
		return ", with audio"
	case preview:
		return ", with a preview"
	case placeholder:
		return ", a placeholder"
	}
	return ""
}
