package main

import (
	"context"
	"errors"
	"fmt"
	"net"

	"tasksync/daemon"
	"tasksync/internal/postgres"
)

// runCmd is `tasksync run`.
type runCmd struct {
	databaseFlags
	upstreamFlags
	httpFlags
	feedFlags
	archiveFlags
	notifyFlags
	rlsFlags
	consoleFlags
	logFlags
	ListenAddr  string `env:"TASKSYNC_LISTEN_ADDR" default:":8080" placeholder:"ADDR" help:"Address of the HTTP API, its /docs, and /healthz (${default})."`
	AdminAddr   string `env:"TASKSYNC_ADMIN_ADDR" placeholder:"ADDR" help:"Address of /metrics, /healthz and /readyz, which are not for the internet (default: 127.0.0.1:9464, or any port there if that one is taken)."`
	NoMigrate   bool   `help:"Exit if the database lacks migrations, instead of applying them."`
	Embedded    bool   `help:"Start a private Postgres instead of using DATABASE_URL. Its data is gone when it stops, unless --embedded-dir is given."`
	EmbeddedDir string `placeholder:"DIR" help:"Folder in which --embedded keeps its data."`
}

// Run implements kong's command.
func (c *runCmd) Run(ctx context.Context, std *streams) error {
	logger := c.logger(std)
	if c.json(std) {
		std.log.Store(logger)
	}
	if c.EmbeddedDir != "" && !c.Embedded && c.DatabaseURL != "" {
		return usageError{errors.New("both DATABASE_URL and --embedded-dir are set; unset one")}
	}
	if c.Embedded || c.EmbeddedDir != "" {
		server, err := postgres.Start(ctx, postgres.Config{
			Dir: c.EmbeddedDir, Durable: c.EmbeddedDir != "",
			Progress: func(msg string) { fmt.Fprintln(std.err, "postgres:", msg) },
		})
		if err != nil {
			return err
		}
		defer server.Stop() //nolint:errcheck // the server has logged why, and the command ends
		c.DatabaseURL = server.URL()
		fmt.Fprintln(std.err, "postgres: ready, with psql", server.URL())
	}
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
	if cfg.Console, err = c.console(); err != nil {
		return err
	}
	c.notify(&cfg)
	cfg.NoRLS = c.NoRLS
	c.archive(&cfg)
	cfg.AdminAddr, cfg.ListenAddr, cfg.NoMigrate, cfg.Logger, cfg.API = c.AdminAddr, c.ListenAddr, c.NoMigrate, logger, c.api()
	var admin net.Addr
	cfg.AdminStarted = func(addr net.Addr) { admin = addr }
	cfg.Started = func(addr net.Addr) {
		logger.Info("[TaskSync] Ready", "version", cfg.Version, "provider", cfg.Providers[0].Name, "rate_limit", cfg.Providers[0].Rate().String(), "pace", cfg.Pace, "other_providers", len(cfg.Providers)-1, "listen_addr", addr.String(), "admin_addr", admin.String())
		go supervise(ctx, admin.String())
	}
	defer sendTraces(ctx, &cfg)()
	return asUsage(daemon.Run(ctx, cfg))
}
