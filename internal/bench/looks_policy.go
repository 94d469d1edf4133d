package main

import (
	"context"
	"time"

	"tasksync/internal/planner"
	"tasksync/looks"
	"tasksync/task"
)

// policy says when rows are looked at. The calls go through the same queue whatever
// it says.
type policy interface {
	// next is how long to wait until the next look at a row, after an answer.
	next(daemon int, r *row, age time.Duration, stage task.Stage) time.Duration
	// value is what the look is worth that is due at this age.
	value(daemon int, r *row, age time.Duration) float64
	// ended tells of a row that a look found ended at this age.
	ended(r *row, age time.Duration, hinted bool)
	// demand is how many calls per second the rows of a daemon would be worth.
	demand(daemon int) float64
	// tick is called every few seconds.
	tick()
}

// fixed looks in even spaces.
type fixed time.Duration

func (f fixed) next(int, *row, time.Duration, task.Stage) time.Duration { return time.Duration(f) }
func (f fixed) value(int, *row, time.Duration) float64                  { return 0 }
func (f fixed) ended(*row, time.Duration, bool)                         {}
func (f fixed) demand(int) float64                                      { return 0 }
func (f fixed) tick()                                                   {}

// known is the exact optimum for a price, by someone who knows the distribution and
// sees no stages.
type known struct{ planOf func(*row) *looks.Plan }

func (k known) next(_ int, r *row, age time.Duration, _ task.Stage) time.Duration {
	return k.planOf(r).Next(age) - age
}

func (k known) value(_ int, r *row, age time.Duration) float64 {
	return k.planOf(r).Value(time.Duration(r.track.Last)*time.Millisecond, age).Seconds()
}
func (k known) ended(*row, time.Duration, bool) {}
func (k known) demand(int) float64              { return 0 }
func (k known) tick()                           {}

// planned is what tasksync does: a planner in each daemon, which learn of all rows.
type planned struct{ planners []*planner.Planner }

// newPlanned makes the planners of daemons. Each is told what the daemon tells its
// own: the budget.
func newPlanned(pace looks.Pace, daemons int, now func() time.Time, budget func(daemon int) float64) *planned {
	p := &planned{}
	for i := range daemons {
		p.planners = append(p.planners, planner.New(planner.Config{
			Handlers: task.DefaultHandlers(), Deadline: deadline, Pace: pace, Now: now,
			Sources: map[string]planner.Source{"": {Name: "provider", Batch: 1, Budget: func() float64 { return budget(i) }}},
		}))
	}
	return p
}

func asked(r *row, age time.Duration) planner.Row {
	return planner.Row{Type: task.Generate, User: r.user, Track: r.track, Age: age, Sharing: 1}
}

func (p *planned) next(daemon int, r *row, age time.Duration, stage task.Stage) time.Duration {
	return p.planners[daemon].Every(asked(r, age), stage)
}

func (p *planned) value(daemon int, r *row, age time.Duration) float64 {
	return p.planners[daemon].Value(asked(r, age))
}

func (p *planned) ended(r *row, age time.Duration, hinted bool) {
	for _, daemon := range p.planners {
		daemon.Ended(asked(r, age), hinted)
	}
}

func (p *planned) demand(daemon int) float64 { return p.planners[daemon].Demand("provider") }

func (p *planned) tick() {
	for _, daemon := range p.planners {
		_ = daemon.Learn(context.Background()) // it has no database
	}
}
