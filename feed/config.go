package feed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

// The modes.
const (
	Auto   = "auto"   // notify where LISTEN works, poll where it does not
	Notify = "notify" // LISTEN, and reading under load
	WAL    = "wal"    // logical replication
	Poll   = "poll"   // a look every PollInterval
)

// Modes are the values of Config.Mode.
func Modes() []string { return []string{Auto, Notify, WAL, Poll} }

// Jobs is who takes the rows.
type Jobs interface {
	// HandOn gives the generations their jobs. Called again with the same ids it
	// does no harm.
	HandOn(ctx context.Context, ids []string) error
	// Sweep gives every row that no job follows one and returns their ids; grace
	// leaves the youngest rows to the feed.
	Sweep(ctx context.Context, grace time.Duration) ([]string, error)
}

// Config is what a Feed needs.
type Config struct {
	Pool *pgxpool.Pool // required: for looks at the rows, and all that may go through a pooler
	// Session is where the feed's own connection goes; default: where Pool's go.
	// LISTEN and session locks need a direct connection, or a pooler in session
	// mode.
	Session *pgx.ConnConfig
	To      Jobs   // required
	Mode    string // one of Modes; default Auto
	// PollInterval is the time between two looks when polling; default 250 ms.
	PollInterval time.Duration
	// BusyRate is how many notifications in a second make the feed read instead
	// of listening; default 100. It listens again when fewer than half as many
	// rows a second came for CalmAfter; default 5 s.
	BusyRate  int
	CalmAfter time.Duration
	// HungAfter is the silence after which a leader's session is ended by those
	// that wait for its place; default 3 s. The leader speaks every third of it.
	HungAfter time.Duration
	// RetryAfter is how long polling stands in before a session that does not
	// hear is tried again; default 30 s.
	RetryAfter time.Duration
	// SlotLimit is how many bytes of WAL the replication slot may hold back before
	// it is given up; default 1 GiB.
	SlotLimit int64
	// GuardEvery is how often the replication slot is looked after, in every mode:
	// it may be that of a daemon that is gone; default 10 s.
	GuardEvery time.Duration

	Logger     *slog.Logger          // default: discard
	Registerer prometheus.Registerer // default: none
	// State is told why new rows are not heard of at once; "" when they are.
	State func(reason string)
}

func (c Config) withDefaults() Config {
	c.Mode = cmp.Or(c.Mode, Auto)
	c.PollInterval = cmp.Or(c.PollInterval, 250*time.Millisecond)
	c.BusyRate = cmp.Or(c.BusyRate, 100)
	c.CalmAfter = cmp.Or(c.CalmAfter, 5*time.Second)
	c.HungAfter = cmp.Or(c.HungAfter, 3*time.Second)
	c.RetryAfter = cmp.Or(c.RetryAfter, 30*time.Second)
	c.SlotLimit = cmp.Or(c.SlotLimit, 1<<30)
	c.GuardEvery = cmp.Or(c.GuardEvery, 10*time.Second)
	if c.Session == nil && c.Pool != nil {
		c.Session = c.Pool.Config().ConnConfig
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Registerer == nil {
		c.Registerer = prometheus.NewRegistry()
	}
	if c.State == nil {
		c.State = func(string) {}
	}
	return c
}

func (c Config) validate() error {
	switch {
	case c.Pool == nil || c.To == nil:
		return errors.New("feed: Pool and To are required")
	case !slices.Contains(Modes(), c.Mode):
		return fmt.Errorf("feed: Mode %q is not one of %v", c.Mode, Modes())
	}
	return nil
}
