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

// HandOn takes the ids of new rows. Method HandOn returns nil only when the rows are
// safe: the reader confirms them then, and the slot does not give them again. It may
// get an id twice.
type HandOn interface {
	HandOn(ctx context.Context, ids []string) error
}

// Config configures a Reader.
type Config struct {
	// ConnConfig is the address of a direct connection to the database, not through
	// a pooler. Required by Run.
	ConnConfig *pgx.ConnConfig

	// Pool connects to the same database, through a pooler or not. Required.
	Pool *pgxpool.Pool

	// To gets the ids, at most 5000 at once, from one goroutine. Required by Run.
	To HandOn

	// Ready is called by Run when every row that is committed from now on will be
	// handed on. Ready must sweep the rows that were committed before. No row is
	// handed on until Ready has returned, and its error ends Run. Default: it does nothing.
	Ready func(ctx context.Context) error

	// Evict is called by Run, again and again, while a process of the server reads
	// the slot for another reader, and may end that process. Evict must do so only if
	// the other reader has certainly lost its place: two readers that end each other
	// would never stop. Run waits on if Evict does nothing, or fails for lack of a
	// right; other errors of Evict end Run. Default: it does nothing, and Run waits
	// until the other reader ends, or the server gives that reader up (Timeout).
	Evict func(ctx context.Context, pid int) error

	// SlotLimit is how many bytes of WAL the slot may hold before it is dropped;
	// default 1 GiB.
	SlotLimit int64

	// SlotIdle is how long Guard leaves a slot that is not read; default 10 min.
	SlotIdle time.Duration

	// Heartbeat is how often the reader tells the server what is handed on, and asks
	// it for a sign of life; default 1 s.
	Heartbeat time.Duration

	// Timeout is the silence after which the server gives the reader up, which frees
	// the slot for another reader; default 5 s.
	Timeout time.Duration

	Logger     *slog.Logger          // default: discard
	Registerer prometheus.Registerer // default: none
}

func (c Config) withDefaults() Config {
	c.SlotLimit = cmp.Or(c.SlotLimit, DefaultSlotLimit)
	c.SlotIdle = cmp.Or(c.SlotIdle, 10*time.Minute)
	c.Heartbeat = cmp.Or(c.Heartbeat, time.Second)
	c.Timeout = cmp.Or(c.Timeout, 5*time.Second)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Registerer == nil {
		c.Registerer = prometheus.NewRegistry()
	}
	if c.Evict == nil {
		c.Evict = func(context.Context, int) error { return nil }
	}
	if c.Ready == nil {
		c.Ready = func(context.Context) error { return nil }
	}
	return c
}

func (c Config) validate() error {
	switch {
	case c.Pool == nil:
		return errors.New("Pool: missing")
	case c.SlotLimit < 0:
		return errors.New("SlotLimit: negative")
	case c.SlotIdle < 0:
		return errors.New("SlotIdle: negative")
	case c.Heartbeat < 0 || c.Timeout < 2*c.Heartbeat:
		return errors.New("Timeout: less than two Heartbeats")
	}
	return nil
}

// DefaultSlotLimit is the default of Config.SlotLimit: 1 GiB.
const DefaultSlotLimit = 1 << 30
