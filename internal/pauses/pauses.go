// Package pauses keeps calls from providers that an operator has paused.
//
// A pause stands in table tasksync.pauses until `tasksync resume`. Each daemon reads the
// table every two seconds, and once before its first call; passes read nothing. While a
// provider is paused, a look at a row of its has the failure of an account that is
// refused, of a call that was not made: no row ends by it, and a grace stands still.
package pauses

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tasksync/internal/database"
	"tasksync/internal/recent"
	"tasksync/internal/wait"
	"tasksync/queries"
	"tasksync/task"
)

const (
	readEvery   = 2 * time.Second
	readTimeout = 2 * time.Second
	// lookAgain is how long a row waits for its next pass at least. So it takes no longer
	// until rows are looked at when the pause has ended, unless they are overdue.
	lookAgain = 15 * time.Second
)

// All is the name under which all providers are paused.
const All = ""

// Pause is since when, and why, a provider is paused. Zero: it is not.
type Pause struct {
	At     time.Time `json:"at"`
	Reason string    `json:"reason,omitzero"`
}

// String says what operators are told, in readiness too.
func (p Pause) String() string {
	if p.At.IsZero() {
		return ""
	}
	why := ""
	if p.Reason != "" {
		why = " (" + p.Reason + ")"
	}
	return "paused by an operator since " + p.At.UTC().Format(time.RFC3339) + why + "; tasksync resume ends that"
}

// Book has the pauses, as they were read last. It is safe for concurrent use; a nil one
// has none.
type Book struct {
	db     queries.DBTX
	logger *slog.Logger
	told   recent.Seldom

	mu     sync.Mutex
	pauses map[string]Pause // by provider, in lower case
}

// New returns a Book without pauses.
func New(db queries.DBTX, logger *slog.Logger) *Book {
	return &Book{db: db, logger: cmp.Or(logger, slog.New(slog.DiscardHandler)), told: recent.Seldom{Again: 10 * time.Minute}}
}

// Of returns the pause of a provider.
func (b *Book) Of(provider string) Pause {
	if b == nil {
		return Pause{}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.pauses[All]; !p.At.IsZero() {
		return p
	}
	return b.pauses[strings.ToLower(provider)]
}

// Read reads the pauses. A database that has no table of them, for this role, has none.
func (b *Book) Read(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	rows, err := queries.New().PauseList(ctx, b.db)
	switch database.Code(err) {
	case database.UndefinedTable, database.InsufficientPrivilege:
		if b.told.First("unusable", time.Now()) {
			b.logger.Warn("[TaskSync] `tasksync pause` has no effect on this daemon: it cannot read tasksync.pauses", "error", database.WithoutDetail(err))
		}
		rows, err = nil, nil
	}
	if err != nil {
		return fmt.Errorf("read pauses: %w", err)
	}
	next := make(map[string]Pause, len(rows))
	for _, r := range rows {
		next[strings.ToLower(r.Provider)] = Pause{At: r.PausedAt.UTC(), Reason: task.Redact(r.Reason)}
	}
	b.replace(next)
	return nil
}

func (b *Book) replace(next map[string]Pause) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(next)) {
		if _, was := b.pauses[name]; !was {
			b.logger.Warn("[TaskSync] Calls pause, as an operator has said", "provider", cmp.Or(name, "all"), "reason", next[name].Reason)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b.pauses)) {
		if _, still := next[name]; !still {
			b.logger.Info("[TaskSync] Calls go on, as an operator has said", "provider", cmp.Or(name, "all"))
		}
	}
	b.pauses = next
}

// Run reads the pauses until ctx ends. While the database is away, the last ones hold.
func (b *Book) Run(ctx context.Context) error {
	for {
		if err := wait.For(ctx, readEvery); err != nil {
			return nil
		}
		_ = b.Read(ctx) // the next time
	}
}

// Upstream is what asks a provider.
type Upstream interface {
	Fetch(ctx context.Context, refs []task.Ref) ([]task.Observation, error)
}

// Gate returns up, which asks nothing while its provider is paused.
func (b *Book) Gate(provider string, up Upstream) Upstream { return gate{b, provider, up} }

type gate struct {
	book     *Book
	provider string
	up       Upstream
}

// Fetch implements Upstream.
func (g gate) Fetch(ctx context.Context, refs []task.Ref) ([]task.Observation, error) {
	if p := g.book.Of(g.provider); !p.At.IsZero() {
		return nil, &task.Failure{Verdict: task.Account, Reason: task.ReasonPaused, Message: p.String(), RetryAfter: lookAgain, Unsent: true}
	}
	return g.up.Fetch(ctx, refs)
}

// Collector returns metric tasksync_paused of the providers.
func (b *Book) Collector(providers []string) prometheus.Collector {
	return &collector{b, providers, prometheus.NewDesc("tasksync_paused", "1 while an operator has paused the calls to a provider.", []string{"provider"}, nil)}
}

type collector struct {
	book      *Book
	providers []string
	desc      *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) { ch <- c.desc }

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	for _, name := range c.providers {
		paused := 0.0
		if !c.book.Of(name).At.IsZero() {
			paused = 1
		}
		ch <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, paused, name)
	}
}
