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

// Values of Config.Mode.
const (
	Auto   = "auto"   // notify where LISTEN works; where the triggers must not notify, wal if it works; else poll
	Notify = "notify" // LISTEN, and reading under load
	WAL    = "wal"    // logical replication
	Poll   = "poll"   // a scan of the table every PollInterval
)

// Modes returns the values of Config.Mode.
func Modes() []string { return []string{Auto, Notify, WAL, Poll} }

// Jobs takes the rows.
type Jobs interface {
	// HandOn gives the rows their jobs. A second call with the same ids does no harm.
	HandOn(ctx context.Context, ids []string) error
	// Sweep gives a job to every row that no job follows, and returns the ids of these
	// rows. It leaves rows that are younger than grace to the feed.
	Sweep(ctx context.Context, grace time.Duration) ([]string, error)
}

// Config configures a Feed.
type Config struct {
	Pool *pgxpool.Pool // required: for all that may go through a pooler, like scans
	// Session is the address of the feed's own connection; default: Pool's.
	// LISTEN and session locks need a direct connection, or a pooler in session
	// mode.
	Session *pgx.ConnConfig
	Jobs    Jobs   // required
	Mode    string // one of Modes; default Auto
	// PollInterval is the time between two scans when polling; default 250 ms.
	PollInterval time.Duration
	// BusyRate is how many notifications in a second make the feed read the table
	// instead of listening; default 100. The feed listens again when, for CalmAfter
	// (default 5 s), fewer than half as many rows a second came.
	BusyRate  int
	CalmAfter time.Duration
	// HungAfter is the silence after which the daemons that wait for a leader's
	// place end its session; default 3 s. A leader gives a sign of life every third
	// of it.
	HungAfter time.Duration
	// RetryAfter is the time until the feed tries again what an operator has to mend:
	// triggers that are off, a session on which LISTEN does not work, a WAL that
	// cannot be read. Scans stand in meanwhile; default 30 s.
	RetryAfter time.Duration
	// SlotLimit is how many bytes of WAL the replication slot may hold before it is
	// dropped; default: that of wal.Config.
	SlotLimit int64
	// GuardEvery is how often the replication slot is checked, in every mode: a
	// daemon that is gone may have left it behind; default 10 s.
	GuardEvery time.Duration

	Logger     *slog.Logger          // default: discard
	Registerer prometheus.Registerer // default: none
	// State is called with the reason why new rows are not heard of at once, and
	// with "" when they are.
	State func(reason string)
}

// DefaultPollInterval is the default of [Config.PollInterval].
const DefaultPollInterval = 250 * time.Millisecond

func (c Config) withDefaults() Config {
	c.Mode = cmp.Or(c.Mode, Auto)
	c.PollInterval = cmp.Or(c.PollInterval, DefaultPollInterval)
	c.BusyRate = cmp.Or(c.BusyRate, 100)
	c.CalmAfter = cmp.Or(c.CalmAfter, 5*time.Second)
	c.HungAfter = cmp.Or(c.HungAfter, 3*time.Second)
	c.RetryAfter = cmp.Or(c.RetryAfter, 30*time.Second)
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
	case c.Pool == nil || c.Jobs == nil:
		return errors.New("feed: Pool and Jobs are required")
	case !slices.Contains(Modes(), c.Mode):
		return fmt.Errorf("feed: Mode %q is not one of %v", c.Mode, Modes())
	}
	return nil
}

// sessionMode is how a session that leads hears of rows.
func (c Config) sessionMode() string {
	if c.Mode == WAL {
		return WAL
	}
	return Notify
}

const (
	// connectTimeout bounds one try to connect.
	connectTimeout = 5 * time.Second
	// minBackoff and maxBackoff bound the waits between two tries.
	minBackoff = 100 * time.Millisecond
	maxBackoff = 10 * time.Second
)
