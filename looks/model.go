package looks

import (
	"math"
	"time"

	"tasksync/task"
)

// Track is what the looks at one row have told of its time so far. Its zero value
// has had no look. It stands in the output of the row's job.
type Track struct {
	Stage task.Stage `json:"s,omitempty"`
	// Looks is how many looks have found the row under way.
	Looks int `json:"n,omitempty"`
	// Last is the row's age at the last look that found it under way; Entered are its
	// ages when it came into each stage, between the look that first found it there and
	// the one before: the stages that it came through in between are spread evenly. 0:
	// the first look found it there, however long it had been there. In milliseconds.
	Last    int64         `json:"l,omitempty"`
	Entered [stages]int64 `json:"e,omitzero"`
}

// Looked is the track after a look at this age that found the row under way in
// this stage. A stage never falls, as a status does not.
func (t Track) Looked(age time.Duration, stage task.Stage) Track {
	stage = min(max(stage, t.Stage), stages-1)
	if stage > t.Stage && t.Looks > 0 {
		through := int64(stage - t.Stage)
		t.Entered[stage] = t.Last + (age.Milliseconds()-t.Last)*through/(through+1)
	}
	t.Stage, t.Last = stage, age.Milliseconds()
	t.Looks++
	return t
}

// entered is the age in seconds at which the stage was seen; 0: it was not.
func (t Track) entered(s task.Stage) float64 { return float64(t.Entered[s]) / 1000 }

// Model has learnt how long the tasks of one provider and type take. It is not safe
// for concurrent use.
type Model struct {
	Hints Hints

	stages [stages][]expert
	prior  func(age float64) float64 // survival

	base    []float64       // what was known at the last merge
	lessons [stages]float64 // samples since then, by stage
	hints   int             // and of hints
}

// Prior is how long tasks take before any was seen: the chance that one is still
// under way at an age.
type Prior func(age time.Duration) float64

// NewModel returns a model that has learnt nothing.
func NewModel(prior Prior) *Model {
	m := &Model{prior: func(age float64) float64 { return prior(seconds(age)) }}
	for s := range m.stages {
		for b := range bases {
			if b != fromStart && s == int(submitted) {
				continue // there is no stage to count from
			}
			for _, keep := range memories {
				m.stages[s] = append(m.stages[s], expert{basis: b, keep: keep})
			}
		}
	}
	m.base = m.numbers()
	return m
}

// longestAge is the oldest age at an end that teaches anything.
const longestAge = 24 * time.Hour

// hintDelay is how long before the answer to a hint's look a row ended at most.
const hintDelay = 3 * time.Second

// Learn learns that a row ended between its last look and the age by, and whether a
// hint told of it: then it ended just before. It learns nothing from ages that cannot be.
func (m *Model) Learn(t Track, by time.Duration, hinted bool) {
	after := float64(t.Last) / 1000
	if !t.sound() || by <= 0 || by > longestAge || by.Seconds() < after {
		return
	}
	if hinted {
		after = max(after, (by - hintDelay).Seconds())
	}
	m.Hints.Learn(hinted)
	m.hints++
	for s := submitted; s <= t.Stage; s++ {
		if s == submitted || t.Entered[s] > 0 {
			m.learn(s, after, by.Seconds(), t.entered(s))
		}
	}
}

// sound reports whether the ages of t can be those of a row.
func (t Track) sound() bool {
	last := int64(0)
	for s := submitted; s < stages; s++ {
		if at := t.Entered[s]; at != 0 {
			if at < last || s > t.Stage {
				return false
			}
			last = at
		}
	}
	return t.Last >= last && t.Stage < stages
}

// learn lets the experts of a stage learn as much as the end was news to them: a row
// that was foretold to end between two looks tells little of where in between, and must
// not blur what is known.
func (m *Model) learn(s task.Stage, after, by, entered float64) {
	experts, beliefs := m.stages[s], m.beliefs(s)
	held, foretold := make([]float64, len(experts)), 0.0
	for i := range experts {
		e := &experts[i]
		left := max(e.survival(entered, entered, m.prior(entered)), 1e-6)
		held[i] = (e.survival(after, entered, m.prior(after)) - e.survival(by, entered, m.prior(by))) / left
		foretold += beliefs[i] * held[i]
	}
	news := max(0, 1-foretold)
	m.lessons[s] += news
	for i := range experts {
		experts[i].judge(held[i], news)
		experts[i].learn(interval{after, by, entered}, news)
	}
}

// beliefs are the weights of the experts of a stage, by their scores.
func (m *Model) beliefs(s task.Stage) []float64 {
	experts := m.stages[s]
	best := math.Inf(-1)
	for i := range experts {
		best = max(best, experts[i].score)
	}
	sum, weights := 0.0, make([]float64, len(experts))
	for i := range experts {
		weights[i] = math.Exp(experts[i].score - best)
		sum += weights[i]
	}
	for i := range weights {
		weights[i] /= sum
	}
	return weights
}

// curve is the survival of a row in this stage, up to the horizon.
func (m *Model) curve(t Track, horizon time.Duration) curve {
	c := curve{ages: ages(horizon.Seconds())}
	c.survival = make([]float64, len(c.ages))
	stage := t.Stage
	for stage > submitted && t.Entered[stage] == 0 {
		stage--
	}
	entered := t.entered(stage)
	experts, beliefs := m.stages[stage], m.beliefs(stage)
	for k, age := range c.ages {
		prior := m.prior(age)
		for i := range experts {
			c.survival[k] += beliefs[i] * experts[i].survival(age, entered, prior)
		}
		if k > 0 {
			c.survival[k] = min(c.survival[k], c.survival[k-1])
		}
	}
	return c
}

// Plan is the best schedule for a row, from its last look to its deadline.
func (m *Model) Plan(t Track, deadline time.Duration, terms Terms) *Plan {
	return m.curve(t, deadline).plan(terms)
}
