package wal

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

// HandOn takes the ids of new rows. It returns nil when it answers for them:
// they are then never given again by the same slot. It may be given an id twice.
type HandOn interface {
	HandOn(ctx context.Context, ids []string) error
}

// Config says what to read and whom to tell.
type Config struct {
	// ConnConfig is of a direct connection to the database, not through a
	// pooler. Required by Run.
	ConnConfig *pgx.ConnConfig

	// Pool is of connections to the same database; a pooler may stand between.
	// Required.
	Pool *pgxpool.Pool

	// To gets the ids, at most 5000 at once, from one goroutine. Required by Run.
	To HandOn

	// Ready is called by Run when every row that is committed from now on will be
	// handed on. What was committed before is for a sweep, and this is the place
	// to make it: nothing is handed on until Ready has returned, and its error
	// ends Run. Default: nothing.
	Ready func(ctx context.Context) error

	// Evict is called by Run, again and again, while a process of the server reads
	// the slot for somebody else, and may end that process. It must do so only if
	// the other reader has lost its place for sure: two that end each other would
	// never stop. Run waits on if it does nothing, and if it lacks the right; its
	// other errors end Run. Default: it does nothing, and Run waits until the other
	// one ends, or the server gives it up (Timeout).
	Evict func(ctx context.Context, pid int) error

	// SlotLimit is how many bytes of WAL the slot may hold before it is dropped.
	// Default: 1 GiB.
	SlotLimit int64

	// SlotIdle is how long Guard leaves a slot that nobody reads. Default: 10 min.
	SlotIdle time.Duration

	// Heartbeat is how often the server is told what is handed on, and asked for
	// a sign of life. Default: 1 s.
	Heartbeat time.Duration

	// Timeout is after how much silence the server gives the reader up, which
	// frees the slot for another one. Default: 5 s.
	Timeout time.Duration

	// Logger. Default: none.
	Logger *slog.Logger

	// Registerer gets the metrics. Default: none.
	Registerer prometheus.Registerer
}

func (cfg Config) withDefaults() Config {
	cfg.SlotLimit = cmp.Or(cfg.SlotLimit, DefaultSlotLimit)
	cfg.SlotIdle = cmp.Or(cfg.SlotIdle, 10*time.Minute)
	cfg.Heartbeat = cmp.Or(cfg.Heartbeat, time.Second)
	cfg.Timeout = cmp.Or(cfg.Timeout, 5*time.Second)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Registerer == nil {
		cfg.Registerer = prometheus.NewRegistry()
	}
	if cfg.Evict == nil {
		cfg.Evict = func(context.Context, int) error { return nil }
	}
	if cfg.Ready == nil {
		cfg.Ready = func(context.Context) error { return nil }
	}
	return cfg
}

func (cfg Config) validate() error {
	switch {
	case cfg.Pool == nil:
		return errors.New("Pool: missing")
	case cfg.SlotLimit < 0:
		return errors.New("SlotLimit: negative")
	case cfg.SlotIdle < 0:
		return errors.New("SlotIdle: negative")
	case cfg.Heartbeat < 0 || cfg.Timeout < 2*cfg.Heartbeat:
		return errors.New("Timeout: less than two Heartbeats")
	}
	return nil
}

// DefaultSlotLimit is the default of Config.SlotLimit: 1 GiB.
const DefaultSlotLimit = 1 << 30
