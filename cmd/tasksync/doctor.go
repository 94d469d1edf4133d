package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"tasksync/daemon"
	"tasksync/internal/doctor"
)

// doctorCmd is `tasksync doctor`. It has the flags of `tasksync run` that can be
// wrong.
type doctorCmd struct {
	databaseFlags
	upstreamFlags
	httpFlags
	feedFlags
	archiveFlags
	notifyFlags
	logFlags
	rlsFlags
	JSON bool `name:"json" help:"Print one JSON object: ok, and findings with level, check, text, next and sql."`
}

// Run implements kong's command.
func (c *doctorCmd) Run(ctx context.Context, std *streams) error {
	cfg, err := c.config(c.databaseFlags)
	if err != nil {
		return err
	}
	if err := c.feed(&cfg); err != nil {
		return err
	}
	if err := c.sign(cfg.Providers); err != nil {
		return err
	}
	c.notify(&cfg)
	cfg.API, cfg.Logger, cfg.NoRLS = c.api(), c.logger(std), c.NoRLS
	c.archive(&cfg)
	r := findings{OK: true, Findings: []finding{}}
	err = daemon.Examine(ctx, cfg, func(f daemon.Finding) {
		if field, ok := errors.AsType[*daemon.FieldError](f.Err); ok {
			f.What = "settings: " + inVariables(field).Error()
		}
		r.add(f)
		if !c.JSON {
			printFinding(std.out, f)
		}
	})
	if c.JSON {
		out := json.NewEncoder(std.out)
		out.SetEscapeHTML(false)
		if encodeErr := out.Encode(r); err == nil {
			err = encodeErr
		}
	}
	switch {
	case err != nil:
		return asUsage(err)
	case !r.OK:
		return errQuiet
	}
	return nil
}

// printFinding prints a finding in a line, and its SQL below.
func printFinding(out io.Writer, f daemon.Finding) {
	fmt.Fprintln(out, f)
	for line := range strings.Lines(f.SQL) {
		fmt.Fprintln(out, "       ", strings.TrimRight(line, "\n"))
	}
}

// findings is what --json prints.
type findings struct {
	OK       bool      `json:"ok"` // nothing is bad
	Findings []finding `json:"findings"`
}

// finding is one of them. Level is ok, warn or fail; the names of checks stay the same.
type finding struct {
	Level string `json:"level"`
	Check string `json:"check"`
	Text  string `json:"text"`
	Next  string `json:"next,omitempty"`
	SQL   string `json:"sql,omitempty"`
}

func (fs *findings) add(f daemon.Finding) {
	fs.OK = fs.OK && f.Level != doctor.Bad
	fs.Findings = append(fs.Findings, finding{strings.ToLower(string(f.Level)), f.Check, f.What, f.Next, f.SQL})
}
