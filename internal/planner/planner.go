// Package planner owns the looks of a daemon: it keeps what package looks has learnt
// of each provider and task type, shares it with the other daemons through the
// database, and says when the next look at a row is worth its price.
package planner

import (
	"context"
	"log/slog"
	"math"
	"sync"
	"time"

	"tasksync/internal/recent"
	"tasksync/internal/wait"
	"tasksync/looks"
	"tasksync/queries"
	"tasksync/task"
)

// Config is what a planner needs.
type Config struct {
	DB       queries.DBTX // nil: what is learnt is not shared, and a restart forgets it
	Handlers task.Handlers
	// Deadline is when a row's time is up, after its beginning. Required.
	Deadline time.Duration
	// Pace says what a look costs; default: balanced.
	Pace looks.Pace
	// Sources are the providers by name, "" being the default one.
	Sources map[string]Source
	Now     func() time.Time // default: time.Now
	Logger  *slog.Logger     // default: none
}

// Source is what plans must know of a provider.
type Source struct {
	// Name is the provider's own; sources of one name share what they learn.
	Name string
	// Least is the least time between two looks at one task.
	Least time.Duration
	// Budget is how many requests per second may be made now; 0: no limit. Nil: none.
	Budget func() float64
	// Used is which part of the limit the calls of the last window were. Nil: it is
	// not known.
	Used func() float64
	// Batch is how many looks one request can carry; 0 counts as 1.
	Batch int
}

func (s Source) budget() float64 {
	if s.Budget == nil {
		return 0
	}
	return s.Budget()
}

// Planner plans looks. It is safe for concurrent use. Run has to run for it to
// learn.
type Planner struct {
	cfg     Config
	queries *queries.Queries
	seldom  recent.Seldom

	mu      sync.Mutex
	models  map[subject]*model
	markets map[string]*looks.Market // by the provider's name
	ended   []ended                  // what is to be learnt

	since time.Time // Run's: when the models were last read, by the database's clock
}

// subject is what a model is of.
type subject struct {
	provider string
	taskType task.Type
}

// model is a model with the plans that were made of it.
type model struct {
	*looks.Model
	moved bool      // since the first of the plans was made
	made  time.Time // when that was
	plans map[terms]*looks.Plan
}

// terms are what plans are made for, in steps, so that many rows share a plan.
type terms struct {
	stage                 task.Stage
	entered, price, hints int
}

// ended is a row that has ended.
type ended struct {
	subject
	track  looks.Track
	age    time.Duration
	hinted bool
}

const (
	// learnEvery is how far apart lessons are learnt, written and read.
	learnEvery = 5 * time.Second
	// planTime is how long plans are kept when the model has moved.
	planTime = 20 * time.Second
	// maxEnded bounds what waits to be learnt. What is more is not learnt.
	maxEnded = 10_000
	// maxPlans bounds the plans of one model.
	maxPlans = 500
	// maxModels bounds what is read at once.
	maxModels = 200
)

// New returns a planner that knows nothing yet.
func New(cfg Config) *Planner {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Planner{
		cfg: cfg, queries: queries.New(), seldom: recent.Seldom{Again: time.Minute},
		models: make(map[subject]*model), markets: make(map[string]*looks.Market),
	}
}

// model is the model of a subject. The caller holds the lock.
func (p *Planner) model(s subject) *model {
	m := p.models[s]
	if m == nil {
		m = &model{Model: looks.NewModel(priorOf(p.cfg.Handlers[s.taskType]))}
		p.models[s] = m
	}
	return m
}

// plan is the plan of a model for a row, made anew when the model has learnt. The caller holds the lock.
func (p *Planner) plan(m *model, t looks.Track, least, price time.Duration) *looks.Plan {
	now := p.cfg.Now()
	if m.plans == nil || len(m.plans) >= maxPlans || m.moved && now.Sub(m.made).Abs() > planTime {
		m.plans, m.made, m.moved = make(map[terms]*looks.Plan), now, false
	}
	entered, hinted := float64(t.Entered[t.Stage]), m.Hints.Share()
	k := terms{t.Stage, step(entered, 12), step(float64(price), 4), int(math.Round(16 * hinted))}
	plan := m.plans[k]
	if plan == nil {
		plan = m.Plan(t, p.cfg.Deadline, looks.Terms{Price: price, Least: least, Hinted: hinted})
		m.plans[k] = plan
	}
	return plan
}

// step numbers the steps of a logarithmic scale, so many to an octave.
func step(x float64, perOctave float64) int {
	if x <= 0 {
		return math.MinInt
	}
	return int(math.Round(perOctave * math.Log2(x)))
}

// Run learns and teaches until ctx ends.
func (p *Planner) Run(ctx context.Context) error {
	for {
		if err := p.Learn(ctx); err != nil && ctx.Err() == nil && p.seldom.First("share", p.cfg.Now()) {
			p.cfg.Logger.Warn("[TaskSync] Sharing what was learnt of durations failed; trying again", "error", err)
		}
		if err := wait.For(ctx, learnEvery); err != nil {
			return nil
		}
	}
}
