package planner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tasksync/looks"
	"tasksync/queries"
	"tasksync/task"
)

// overlap is how far back models are read again: one that was committed late has
// an update time before the last reading.
const overlap = 30 * time.Second

// Learn learns from the rows that have ended, adds the lessons to what all daemons
// know, and takes over what others have added. After an error the lessons are told
// the next time. Without a database that is all of it. [Planner.Run] calls Learn
// every few seconds; only one goroutine may.
func (p *Planner) Learn(ctx context.Context) error {
	p.learn()
	if p.cfg.DB == nil {
		return nil
	}
	var errs []error
	for _, s := range p.telling() {
		errs = append(errs, p.tell(ctx, s))
	}
	return errors.Join(append(errs, p.hear(ctx))...)
}

// learn enters the rows that have ended into their models.
func (p *Planner) learn() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.ended {
		m := p.model(e.subject)
		m.Learn(e.track, e.age, e.hinted)
		m.moved = true
	}
	p.ended = nil
}

// telling gives the subjects of the models that have something to tell.
func (p *Planner) telling() (telling []subject) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for s, m := range p.models {
		if _, learnt := m.Lesson(); learnt {
			telling = append(telling, s)
		}
	}
	return telling
}

// tell adds the lesson of one model to what all daemons know. Only Run's goroutine
// learns, so the model is the same before and after the statement.
func (p *Planner) tell(ctx context.Context, s subject) error {
	p.mu.Lock()
	m := p.model(s)
	lesson, _ := m.Lesson()
	p.mu.Unlock()
	known, err := p.queries.LookModelLearn(ctx, p.cfg.DB, queries.LookModelLearnParams{
		Provider: s.provider, TaskType: string(s.taskType), Keep: lesson.Keep, Add: lesson.Add,
	})
	if err != nil {
		return fmt.Errorf("add to the model of %s tasks at %s: %w", s.taskType, s.provider, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	m.moved = true
	return m.Merge(known)
}

// Load takes over what all daemons have learnt, for a planner that does not run.
func (p *Planner) Load(ctx context.Context) error { return p.hear(ctx) }

// hear takes over the models that have changed since it was last called. What this
// daemon has learnt and could not tell yet stays.
func (p *Planner) hear(ctx context.Context) error {
	rows, err := p.queries.LookModelListSince(ctx, p.cfg.DB, queries.LookModelListSinceParams{
		Since: p.since.Add(-overlap), MaxRows: maxModels,
	})
	if err != nil {
		return fmt.Errorf("read models: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, row := range rows {
		p.since = row.UpdatedAt
		m := p.model(subject{row.Provider, task.Type(row.TaskType)})
		if _, untold := m.Lesson(); untold {
			continue
		}
		m.moved = true
		if err := m.Merge(row.Numbers); err != nil && !errors.Is(err, looks.ErrSize) {
			return err
		}
	}
	return nil
}

// Learnt is what is known of one task type at one provider.
type Learnt struct {
	Provider string
	Type     task.Type
	// Rows is how many ended rows the model remembers, at most some hundreds.
	Rows float64
	// Half and Most are the ages by which half and nine tenths of the rows have ended.
	Half, Most time.Duration
	Hinted     float64 // part of the ends of which a callback told
}

// Learnt lists what is known, by provider and type.
func (p *Planner) Learnt() []Learnt {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []Learnt
	for s, m := range p.models {
		l := Learnt{Provider: s.provider, Type: s.taskType, Rows: m.Rows(), Hinted: m.Hints.Share()}
		plan := p.plan(m, looks.Track{}, 0, p.cfg.Pace.Price())
		l.Half, _ = plan.Quantile(0, 0.5)
		l.Most, _ = plan.Quantile(0, 0.9)
		if m.Knows(task.StageSubmitted) {
			out = append(out, l)
		}
	}
	slices.SortFunc(out, func(a, b Learnt) int {
		return cmp.Or(cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Type, b.Type))
	})
	return out
}
