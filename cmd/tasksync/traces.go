package main

import (
	"context"
	"os"
	"time"

	"tasksync/daemon"
	"tasksync/internal/traces"
)

// traceTimeout bounds how long the sending of the last traces may keep a command from
// ending. A daemon has stopped within 9 s, so that it has ended within ten.
const traceTimeout = time.Second

// sendTraces has a daemon send traces, if the environment asks for them. The function that
// it returns sends the last ones.
func sendTraces(ctx context.Context, cfg *daemon.Config) (end func()) {
	t := traces.Open(ctx, traces.Config{Getenv: os.Getenv, Version: cfg.Version, Logger: cfg.Logger})
	cfg.TracerProvider = t.Provider()
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), traceTimeout)
		defer cancel()
		t.Close(ctx)
	}
}
