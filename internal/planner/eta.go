package planner

import (
	"time"

	"tasksync/looks"
	"tasksync/task"
)

// Pending is a row under way, as the database shows it.
type Pending struct {
	Provider string // as its column has it
	Type     task.Type
	Stage    task.Stage
	Began    time.Time
	Entered  time.Time // when the stage was seen first; zero: that is not known
}

// Eta returns by when half and nine tenths of the rows have ended that were under
// way at this row's age, in its stage. It is false where too little was learnt, from
// the deadline on, and where the times lie beyond the deadline. It depends on nothing
// but the row, now and what the process has learnt.
func (p *Planner) Eta(r Pending, now time.Time) (p50, p90 time.Time, ok bool) {
	source, ok := p.source(Row{Provider: r.Provider, Type: r.Type})
	age := max(0, now.Sub(r.Began))
	if !ok || age >= p.cfg.Deadline {
		return p50, p90, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.models[subject{source.Name, r.Type}]
	if m == nil {
		return p50, p90, false
	}
	track, ok := trackOf(m, r, age)
	if !ok {
		return p50, p90, false
	}
	plan := p.plan(m, track, source.Least, p.cfg.Pace.Price())
	half, one := plan.Quantile(age, 0.5)
	most, nine := plan.Quantile(age, 0.9)
	if !one || !nine || most >= p.cfg.Deadline {
		return p50, p90, false
	}
	began := now.Add(-age)
	return began.Add(half), began.Add(most), true
}

// trackOf is the track of a row by which its end is foretold: in its stage, if it is
// known when the row entered it and the model knows the stage; else by its age alone.
// False: the model knows too little for that too.
func trackOf(m *model, r Pending, age time.Duration) (t looks.Track, ok bool) {
	at := min(r.Entered.Sub(r.Began), age)
	if r.Stage > task.StageSubmitted && r.Stage < task.Stages && at > 0 && m.Knows(r.Stage) {
		t.Stage = r.Stage
		t.Entered[r.Stage] = max(1, at.Milliseconds())
		return t, true
	}
	return t, m.Knows(task.StageSubmitted)
}
