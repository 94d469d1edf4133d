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
	markets map[string]*market // by the provider's name
	ended   []ended            // what is to be learnt

	since time.Time // Run's: when the models were last read, by the database's clock
}

// subject is what a model is of.
type subject struct {
	provider string
	taskType task.Type
}

// market is where the looks at one provider have their price.
type market struct {
	looks.Market
	users looks.Users
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
		models: make(map[subject]*model), markets: make(map[string]*market),
	}
}

// Row is a row whose looks are planned.
type Row struct {
	Provider string // as its column has it
	Type     task.Type
	User     string      // whose row it is
	Track    looks.Track // of the looks before this one
	Age      time.Duration
	// Sharing is how many rows would be looked at together, this one included.
	Sharing int
}

// Every returns how long to wait until the next look at a row, after a look at its
// age that found it under way in this stage; 0 for a provider that is not configured,
// or a type without a handler.
func (p *Planner) Every(r Row, stage task.Stage) time.Duration {
	source, ok := p.source(r)
	if !ok {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.looked(r, source, false)
	m := p.model(subject{source.Name, r.Type})
	price := p.price(r, source)
	return p.plan(m, r.Track.Looked(r.Age, stage), source.Least, price/r.share(source)).Next(r.Age) - r.Age
}

// looked tells the market of a look, and whether it found that the row had ended: at
// an unknown time since the last look. The caller holds the lock.
func (p *Planner) looked(r Row, source Source, ended bool) {
	now, market, budget := p.cfg.Now(), p.market(source), r.budget(source)
	last := time.Duration(r.Track.Last) * time.Millisecond
	alive, rest := r.Age, 0.0
	if ended {
		alive, rest = (last+r.Age)/2, 0.5
	}
	if last == 0 {
		market.Unplanned(now)
		market.users.Asked(now, r.User, 1)
		return
	}
	m := p.model(subject{source.Name, r.Type})
	price := p.price(r, source)
	own := p.plan(m, r.Track, source.Least, p.cfg.Pace.Price()/r.share(source)).Looks(last, alive)
	asked := own
	if price > p.cfg.Pace.Price() {
		asked = p.plan(m, r.Track, source.Least, price/r.share(source)).Looks(last, alive)
	}
	market.Looked(now, own+rest, asked+rest, budget)
	market.users.Asked(now, r.User, own+rest)
}

// price is what a look at the row costs now. The caller holds the lock.
func (p *Planner) price(r Row, source Source) time.Duration {
	now, market, budget := p.cfg.Now(), p.market(source), r.budget(source)
	price := market.Price(now, p.cfg.Pace, budget)
	return market.users.Price(now, r.User, p.cfg.Pace.Price(), price, budget)
}

// share is how many looks share a request.
func (r Row) share(s Source) time.Duration {
	return time.Duration(min(max(1, r.Sharing), max(1, s.Batch)))
}

// budget is the source's, in looks.
func (r Row) budget(s Source) float64 { return s.budget() * float64(r.share(s)) }

// market is the market of a source. The caller holds the lock.
func (p *Planner) market(s Source) *market {
	m := p.markets[s.Name]
	if m == nil {
		m = &market{}
		p.markets[s.Name] = m
	}
	return m
}

// Value returns how much waiting, in seconds, a look at a row is expected to end.
func (p *Planner) Value(r Row) float64 {
	source, ok := p.source(r)
	if !ok {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	plan := p.plan(p.model(subject{source.Name, r.Type}), r.Track, source.Least, p.cfg.Pace.Price())
	return plan.Value(time.Duration(r.Track.Last)*time.Millisecond, r.Age).Seconds()
}

// Batched reports whether one request can carry looks at several rows of a provider.
func (p *Planner) Batched(provider string) bool { return p.cfg.Sources[provider].Batch > 1 }

func (p *Planner) source(r Row) (Source, bool) {
	source, ok := p.cfg.Sources[r.Provider]
	_, known := p.cfg.Handlers[r.Type]
	return source, ok && known
}

// Ended learns that a row has ended, found by a look at this age, and whether a
// hint made the look.
func (p *Planner) Ended(r Row, hinted bool) {
	source, ok := p.source(r)
	p.mu.Lock()
	defer p.mu.Unlock()
	if !ok {
		return
	}
	if hinted {
		p.market(source).Unplanned(p.cfg.Now())
	} else {
		p.looked(r, source, true)
	}
	if len(p.ended) < maxEnded {
		p.ended = append(p.ended, ended{subject{source.Name, r.Type}, r.Track, r.Age, hinted})
	}
}

// model is the model of a subject. The caller holds the lock.
func (p *Planner) model(s subject) *model {
	m := p.models[s]
	if m == nil {
		m = &model{Model: looks.NewModel(priorOf(p.cfg.Handlers[s.taskType].Schedule))}
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

// priorOf is the survival for which a schedule would be the best one at the
// balanced price: spaces of s are best for a hazard of 2·price/s².
func priorOf(s task.Schedule) looks.Prior {
	price := looks.Balanced.Price().Seconds()
	return func(age time.Duration) float64 {
		sum, from := 0.0, time.Duration(0)
		for from < age {
			every, until := s.At(from)
			every = max(every, time.Second)
			to := min(until, age)
			sum += (to - from).Seconds() * 2 * price / (every.Seconds() * every.Seconds())
			from = to
		}
		return math.Exp(-sum)
	}
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
