package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"tasksync/daemon"
)

// watchEvery spaces the pictures of `tasksync pending --watch`.
const watchEvery = 2 * time.Second

// wideScreen is how many columns a screen needs for the reason beside its row. On a
// narrower one it stands below.
const wideScreen = 120

// The alternate screen of a terminal, which leaves what stood there, and the way back.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l"
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	drawScreen  = "\x1b[H%s\x1b[J" // from the top, and nothing below
)

// watch shows the rows until ctx ends, which is how the command is meant to end. A
// database that does not answer is shown too, and asked again.
func (c *pendingCmd) watch(ctx context.Context, std *streams, cfg daemon.Config) error {
	out, terminal := std.out.(*os.File)
	switch {
	case c.JSON:
		return usageError{errors.New("--watch and --json do not go together")}
	case !terminal || !term.IsTerminal(int(out.Fd())):
		return usageError{errors.New("--watch needs a terminal; without it, the rows are printed once")}
	}
	if _, err := daemon.Pending(ctx, cfg, c.request()); err != nil {
		return asUsage(err) // at the beginning it is a mistake, rather than an outage
	}
	fmt.Fprint(out, enterScreen)
	defer fmt.Fprint(out, leaveScreen)
	for {
		width, height, err := term.GetSize(int(out.Fd()))
		if err != nil {
			width, height = 80, 24
		}
		fmt.Fprintf(out, drawScreen, c.picture(ctx, cfg, width, height))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(watchEvery):
		}
	}
}

// picture is what a screen shows: a head line, and as many rows as fit.
func (c *pendingCmd) picture(ctx context.Context, cfg daemon.Config, width, height int) string {
	var table bytes.Buffer
	rows, err := daemon.Pending(ctx, cfg, c.request())
	if err != nil {
		fmt.Fprintln(&table, "the database does not answer:", err)
	} else {
		_ = printPending(&table, withoutWhy(rows, width)) // to memory
	}
	head := fmt.Sprintf("%s  %d rows, the oldest first; Ctrl-C ends", time.Now().Format(time.TimeOnly), len(rows))
	if len(rows) == c.Limit {
		head = fmt.Sprintf("%s  the first %d rows, the oldest first; Ctrl-C ends", time.Now().Format(time.TimeOnly), len(rows))
	}
	lines := append([]string{head, ""}, whyBelow(strings.Split(strings.TrimRight(table.String(), "\n"), "\n"), rows, width)...)
	if len(lines) > height {
		lines = append(lines[:height-1], "… and more")
	}
	for i, line := range lines {
		lines[i] = clip(line, width) + "\x1b[K"
	}
	return strings.Join(lines, "\r\n")
}

// withoutWhy leaves the reasons out of the table, where whyBelow adds them.
func withoutWhy(rows []daemon.Waiting, width int) []daemon.Waiting {
	if width >= wideScreen {
		return rows
	}
	rows = slices.Clone(rows)
	for i := range rows {
		rows[i].Why = ""
	}
	return rows
}

// whyBelow adds the reason below each line of a table that has none.
func whyBelow(table []string, rows []daemon.Waiting, width int) []string {
	if width >= wideScreen || len(rows) == 0 {
		return table
	}
	lines := []string{strings.TrimSuffix(table[0], "WHY")}
	for i, r := range rows {
		lines = append(lines, table[i+1], "  "+r.Why)
	}
	return lines
}

// clip cuts a line to the width of the screen.
func clip(line string, width int) string {
	r := []rune(line)
	if len(r) <= width || width < 2 {
		return line
	}
	return string(r[:width-1]) + "…"
}
