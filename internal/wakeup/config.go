package wakeup

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"tasksync/syncer"
)

// Syncer looks at rows: syncer.Syncer. Its panic would end the process.
type Syncer interface {
	Sync(ctx context.Context, req syncer.Request) ([]syncer.Result, error)
}

var _ Syncer = (*syncer.Syncer)(nil)

// Config is what a Queue needs.
type Config struct {
	Pool       *pgxpool.Pool         // required
	Syncer     Syncer                // required
	Logger     *slog.Logger          // default: discard
	Registerer prometheus.Registerer // default: none
	// Spacing is the shortest time between two looks at one task; default 2 s.
	Spacing time.Duration
	Now     func() time.Time // default time.Now
}

func (c Config) withDefaults() Config {
	c.Spacing = cmp.Or(c.Spacing, 2*time.Second)
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// newCounter counts tasks by the result of their looks.
func newCounter(reg prometheus.Registerer) *prometheus.CounterVec {
	return promauto.With(reg).NewCounterVec(prometheus.CounterOpts{
		Name: "tasksync_webhook_tasks_total", Help: "Tasks that webhooks named, by what became of them: looked at, not answered by the provider, or unknown (no pending row has it).",
	}, []string{"result"})
}
