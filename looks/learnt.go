package looks

import (
	"errors"
	"math"
)

// perExpert is what is kept of an expert: its weights and its score.
const perExpert = buckets + 1

// Size is the length of what a model has learnt, in numbers.
const Size = (2+3*6)*perExpert + 4

// ErrSize is returned by [Model.Merge] for numbers that are no model's, as another
// version of tasksync may have left them.
var ErrSize = errors.New("not as many numbers as a model has")

// Lesson is what a model has learnt since it last told of it. To what other daemons
// have learnt it applies as old·Keep + Add, number by number, in any order.
type Lesson struct{ Keep, Add []float32 }

// Apply gives what is known after the lesson of what was known before; nil: nothing.
func (l Lesson) Apply(old []float32) []float32 {
	out := make([]float32, len(l.Add))
	copy(out, old)
	for i := range out {
		if l.Keep[i] < tiny || out[i] < tiny && out[i] > -tiny {
			out[i] = 0
		}
		out[i] = out[i]*l.Keep[i] + l.Add[i]
	}
	return out
}

// mostWeight is more than any expert remembers.
const mostWeight = 1000

// tiny is what counts as nothing, since the database has no smaller products.
const tiny = 1e-9

// Lesson gives what was learnt since the last [Model.Merge]; false: nothing was.
func (m *Model) Lesson() (Lesson, bool) {
	if m.lessons == ([stages]float64{}) && m.hints == 0 {
		return Lesson{}, false
	}
	now := m.numbers()
	l := Lesson{Keep: make([]float32, Size), Add: make([]float32, Size)}
	for i, keep := range m.keeps() {
		if keep >= tiny {
			l.Keep[i] = float32(keep)
		}
		if add := now[i] - m.base[i]*keep; math.Abs(add) >= tiny {
			l.Add[i] = float32(add)
		}
	}
	return l, true
}

// Merge takes what is known to all daemons, the lesson of this one included. The
// model must not have learnt between the lesson and its merge. Numbers that no
// model can have count as nothing learnt.
func (m *Model) Merge(known []float32) error {
	if len(known) != Size {
		return ErrSize
	}
	at := 0
	next := func() float64 {
		v := float64(known[at])
		at++
		return v
	}
	m.each(func(e *expert) {
		e.count = 0
		for i := range e.weight {
			e.weight[i] = sane(next(), 0, mostWeight)
			e.count += e.weight[i]
		}
		e.score = sane(next(), -1e6, 0)
		e.foretells = nil
	})
	for _, t := range []*Told{&m.Hints.Lately, &m.Hints.Long} {
		t.Ended = sane(next(), 0, mostWeight)
		t.Hinted = sane(next(), 0, t.Ended)
	}
	m.base, m.lessons, m.hints = m.numbers(), [stages]float64{}, 0
	return nil
}

// sane is v, or 0 where no model can have it.
func sane(v, low, high float64) float64 {
	if v >= low && v <= high {
		return v
	}
	return 0
}

// numbers is all that the model has learnt.
func (m *Model) numbers() []float64 {
	out := make([]float64, 0, Size)
	m.each(func(e *expert) {
		out = append(out, e.weight[:]...)
		out = append(out, e.score)
	})
	h := m.Hints
	return append(out, h.Lately.Ended, h.Lately.Hinted, h.Long.Ended, h.Long.Hinted)
}

func (m *Model) each(do func(*expert)) {
	for s := range m.stages {
		for i := range m.stages[s] {
			do(&m.stages[s][i])
		}
	}
}

// keeps is how much is left of each number that was known at the last merge.
func (m *Model) keeps() []float64 {
	out := make([]float64, 0, Size)
	for s := range m.stages {
		n := m.lessons[s]
		for i := range m.stages[s] {
			for range buckets {
				out = append(out, math.Pow(m.stages[s][i].keep, n))
			}
			out = append(out, math.Pow(believing, n))
		}
	}
	lately, long := math.Pow(hintsKeepLately, float64(m.hints)), math.Pow(hintsKeepLong, float64(m.hints))
	return append(out, lately, lately, long, long)
}
