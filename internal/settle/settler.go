package settle

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"tasksync/internal/database"
	"tasksync/internal/recent"
	"tasksync/queries"
	"tasksync/syncer"
	"tasksync/task"
)

// How long the calls may take in the transaction that ends rows. Meanwhile the rows are
// locked and the pass waits.
const (
	togetherTime = 2 * time.Second        // of one statement with all calls
	aloneTime    = 250 * time.Millisecond // of one call, after that statement failed
	totalTime    = 3 * time.Second        // of all; the rest is not called
	// restTime is how long no call is made in these transactions after calls took
	// too long: the settlements are quarantined at once and called beside.
	restTime = 10 * time.Second
)

// strikesMost is how often in a row the calls of a settlement may end its transaction.
// Then it is quarantined without another call.
const strikesMost = 2

// Config is what a Settler needs.
type Config struct {
	Pool       *pgxpool.Pool
	Function   Function
	Words      task.StatusWords
	Logger     *slog.Logger
	Registerer prometheus.Registerer // nil: the metrics are not registered
}

// Settler settles rows as they end, and calls quarantined settlements again. It is safe
// for concurrent use.
type Settler struct {
	cfg     Config
	queries *queries.Queries
	call    string // the statement with the calls
	tryCall string // the same, which returns their results
	counter *prometheus.CounterVec
	told    recent.Seldom // of errors of the function

	mu        sync.Mutex
	strikes   recent.Map[int] // by generation id
	restUntil time.Time
}

var _ syncer.Effect = (*Settler)(nil).Settle

// New makes a Settler.
func New(cfg Config) *Settler {
	return &Settler{
		cfg: cfg, queries: queries.New(), counter: newCounter(cfg.Registerer),
		// IS NULL gives every function the same type of result: a plan stays good when the
		// function is replaced.
		call: callSQL(cfg.Function, " IS NULL"), tryCall: callSQL(cfg.Function, ""),
		told: recent.Seldom{Again: 10 * time.Minute}, strikes: recent.Map[int]{Size: 1000, Span: 10 * time.Minute},
	}
}

// A settlement is one round of a generation.
type settlement struct {
	id      string
	round   int32
	outcome string
	err     error // of its call
}

// Settle is a [syncer.Effect]: it settles the rows that have ended. A late result that
// does not change the status of its row opens no round, nor does a retry: the next
// end tells of the earlier one.
func (s *Settler) Settle(ctx context.Context, tx pgx.Tx, ends []syncer.Ending) error {
	rounds, err := s.open(ctx, tx, ends)
	if err != nil || len(rounds) == 0 {
		return err
	}
	failed, err := s.callAll(ctx, tx, rounds)
	if err != nil {
		return err
	}
	if err := s.quarantine(ctx, tx, failed); err != nil {
		s.strike(failed) // their calls may have broken the session
		return err
	}
	s.count(rounds, failed)
	return nil
}

// open writes the rounds, and returns those that are to be called now.
func (s *Settler) open(ctx context.Context, tx pgx.Tx, ends []syncer.Ending) ([]settlement, error) {
	p := queries.SettlementInsertManyParams{
		FunctionName: s.cfg.Function.String(), CompleteWords: s.cfg.Words.Spellings(task.Complete), FailedWords: s.cfg.Words.Spellings(task.Failed),
	}
	outcomes := make(map[string]string, len(ends))
	for _, e := range ends {
		if e.From == e.To || !e.To.Terminal() {
			continue
		}
		g := e.Generation
		outcomes[g.ID] = string(e.To)
		p.GenerationIds, p.UserIds, p.TaskIds = append(p.GenerationIds, g.ID), append(p.UserIds, g.UserID), append(p.TaskIds, g.TaskID)
		p.TaskTypes, p.Providers = append(p.TaskTypes, string(g.Type)), append(p.Providers, g.Provider)
		p.Outcomes, p.Codes, p.FromStatuses = append(p.Outcomes, string(e.To)), append(p.Codes, string(e.Code)), append(p.FromStatuses, string(e.From))
		p.Vias, p.UpstreamStatuses = append(p.Vias, string(e.Via)), append(p.UpstreamStatuses, e.Upstream)
	}
	if len(outcomes) == 0 {
		return nil, nil
	}
	rows, err := s.queries.SettlementInsertMany(ctx, tx, p)
	if err != nil {
		return nil, fmt.Errorf("open settlements: %w", err)
	}
	var rounds []settlement
	for _, r := range rows {
		if r.State == stateQuarantined { // it waits for an earlier round
			s.counter.WithLabelValues(outcomes[r.GenerationID], stateQuarantined).Inc()
			continue
		}
		rounds = append(rounds, settlement{id: r.GenerationID, round: r.Round, outcome: outcomes[r.GenerationID]})
	}
	return rounds, nil
}

// callAll calls the function for all rounds in one statement and, if that fails, for
// each alone. It returns the rounds whose calls failed or were not made, and an error
// for which the transaction must end.
func (s *Settler) callAll(ctx context.Context, tx pgx.Tx, rounds []settlement) ([]settlement, error) {
	began := time.Now()
	left, failed := s.spare(rounds, began)
	if len(left) == 0 {
		return failed, nil
	}
	err := s.callIn(ctx, tx, left, togetherTime)
	if err == nil {
		return failed, nil
	}
	if s.endsTransaction(err, left) {
		s.rest(began, err)
		return failed, err
	}
	if len(left) == 1 {
		left[0].err = err
		s.rest(began, err)
		return append(failed, left[0]), nil
	}
	alone, ends := s.callEach(ctx, tx, left, began.Add(totalTime))
	s.rest(began, err)
	return append(failed, alone...), ends
}

// callEach calls the function for each round alone, until a time. It returns what
// callAll does.
func (s *Settler) callEach(ctx context.Context, tx pgx.Tx, rounds []settlement, until time.Time) (failed []settlement, _ error) {
	for _, r := range rounds {
		if time.Now().After(until) {
			r.err = errNoTime
		} else if r.err = s.callIn(ctx, tx, []settlement{r}, aloneTime); s.endsTransaction(r.err, []settlement{r}) {
			return nil, r.err
		}
		if r.err != nil {
			failed = append(failed, r)
		}
	}
	return failed, nil
}

// spare returns the rounds to call, and those that are quarantined without a call.
func (s *Settler) spare(rounds []settlement, now time.Time) (left, spared []settlement) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range rounds {
		struck, _ := s.strikes.Get(r.id)
		switch {
		case struck >= strikesMost:
			r.err = errStrikes
			s.strikes.Delete(r.id)
		case now.Before(s.restUntil):
			r.err = errNoTime
		default:
			left = append(left, r)
			continue
		}
		spared = append(spared, r)
	}
	return left, spared
}

// rest begins a rest if the calls took too long.
func (s *Settler) rest(began time.Time, err error) {
	if database.Code(err) != database.QueryCanceled && time.Since(began) < totalTime {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.restUntil = time.Now().Add(restTime)
}

// endsTransaction reports whether an error of a call is the transaction's rather than the
// function's: the database does not serve, a deadlock, or a serialization failure.
// It remembers which calls it came of, also if the session was lost: a call that cannot
// be interrupted, as of another server by dblink, ends with the time of the pass.
func (s *Settler) endsTransaction(err error, called []settlement) bool {
	if err == nil || database.Code(err) != "" && !database.Away(err) && !database.HasClass(err, database.ClassTransactionRollback) {
		return false
	}
	s.strike(called)
	return true
}

// strike remembers that calls have ended their transaction.
func (s *Settler) strike(called []settlement) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range called {
		struck, _ := s.strikes.Get(c.id)
		s.strikes.Put(c.id, struck+1, time.Now())
	}
}

// count counts the rounds by their states.
func (s *Settler) count(rounds, failed []settlement) {
	for _, r := range rounds {
		state := stateSettled
		if slices.ContainsFunc(failed, func(f settlement) bool { return f.id == r.id }) {
			state = stateQuarantined
		}
		s.counter.WithLabelValues(r.outcome, state).Inc()
	}
}
