package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"tasksync/looks"
	"tasksync/task"
)

// The provider of the worlds of looks.
const (
	limitRequests = 20
	limitWindow   = 10 * time.Second
	callTime      = 200 * time.Millisecond // the answer tells of its middle
	hintAfter     = 300 * time.Millisecond
	deadline      = task.DefaultTimeout
	longest       = deadline - 20*time.Second // no task takes longer
)

// world is a situation in which looks are made.
type world struct {
	lengths lengths
	rate    float64 // rows per second
	stages  bool
	hooks   float64 // part of the ends of which a hint tells
	crowd   int     // rows that another user makes at once, every ten minutes
	daemons int
	users   int
	learnt  int // rows before those that are measured
	rows    int // that are measured
	plays   int // with other rows each, of which the means are told; 0: one
}

func (w world) String() string {
	text := fmt.Sprintf("%s; %g rows/s", w.lengths.name, w.rate)
	if w.stages {
		text += "; stages"
	}
	if w.hooks > 0 {
		text += fmt.Sprintf("; webhooks, %g %% come", 100*w.hooks)
	}
	if w.crowd > 0 {
		text += fmt.Sprintf("; and %d rows at once of another user", w.crowd)
	}
	if w.learnt == 0 {
		text += fmt.Sprintf("; the first %d rows of an empty model", w.rows)
	} else if w.rows <= 60 {
		text += "; the next rows"
	}
	if w.daemons > 1 {
		text += fmt.Sprintf("; %d daemons", w.daemons)
	}
	return text
}

// lengths is how long tasks take. Part is how much of the measured rows has come: 0
// before, and at most 1.
type lengths struct {
	name   string
	humps  func(part float64) []hump
	moving bool
}

// hump is a log-normal part of the tasks.
type hump struct{ weight, median, sigma float64 }

func logNormal() lengths {
	return lengths{name: "log-normal, median 110 s", humps: func(float64) []hump { return []hump{{1, 110, 0.35}} }}
}

func twoHumped() lengths {
	return lengths{name: "two humps, 70 % of 60 s and 30 % of 180 s", humps: func(float64) []hump {
		return []hump{{0.7, 60, 0.2}, {0.3, 180, 0.2}}
	}}
}

func drifting() lengths {
	return lengths{name: "drifting, median 110 to 220 s in the middle", moving: true, humps: func(part float64) []hump {
		moved := min(max(0, (part-0.45)/0.1), 1)
		return []hump{{1, 110 * (1 + moved), 0.35}}
	}}
}

func (l lengths) draw(r *rand.Rand, part float64) time.Duration {
	for {
		x, humps := r.Float64(), l.humps(part)
		i := 0
		for ; i < len(humps)-1 && x >= humps[i].weight; i++ {
			x -= humps[i].weight
		}
		h := humps[i]
		d := time.Duration(h.median * math.Exp(h.sigma*r.NormFloat64()) * float64(time.Second))
		if d < longest {
			return d
		}
	}
}

// survival is the chance that a task takes longer.
func (l lengths) survival(part float64) looks.Prior {
	above := func(age time.Duration) (sum float64) {
		for _, h := range l.humps(part) {
			sum += h.weight * math.Erfc(math.Log(age.Seconds()/h.median)/(h.sigma*math.Sqrt2)) / 2
		}
		return sum
	}
	rest := above(longest)
	return func(age time.Duration) float64 {
		if age <= 0 {
			return 1
		}
		return max(0, above(age)-rest) / (1 - rest)
	}
}

// drawStages draws when a task that takes so long comes into each stage. The times have
// been measured at providers, as [simulator] draws them too, and are stretched to the end:
// a stage tells of the end no more than it does there.
func drawStages(r *rand.Rand, takes time.Duration) (from [task.Stages]time.Duration) {
	between := func(low, high float64) float64 { return low + (high-low)*r.Float64() }
	end := between(100, 170)
	for stage, at := range map[task.Stage]float64{task.StageWorded: between(10, 20), task.StagePreview: between(20, 40), task.StagePartial: between(60, 100)} {
		from[stage] = time.Duration(at / end * float64(takes))
	}
	return from
}

// stage is what a task shows at an age.
func (l life) stage(age time.Duration) task.Stage {
	stage := task.StageSubmitted
	for s := task.StageWorded; s < task.Stages; s++ {
		if at := l.stages[s]; at > 0 && age >= at {
			stage = s
		}
	}
	return stage
}

// row is a row of a world.
type row struct {
	number   int
	user     string
	born     time.Duration
	ends     time.Duration
	life     life
	track    looks.Track
	requests int
	done     bool
	delay    time.Duration // between the end and the answer
}

// population draws the rows of a world. The same world has the same rows for all policies.
func (w world) population(seed uint64) []*row {
	r := rand.New(rand.NewPCG(seed, 12)) //nolint:gosec // the same numbers each time
	rows := make([]*row, w.learnt+w.rows)
	at, staged := 0.0, rand.New(rand.NewPCG(seed, 15)) //nolint:gosec // the same numbers each time
	for i := range rows {
		at += r.ExpFloat64() / w.rate
		born := time.Duration(at * float64(time.Second))
		part := max(0, float64(i-w.learnt)/float64(w.rows))
		rows[i] = &row{
			number: i, user: fmt.Sprint("user ", r.IntN(w.users)),
			born: born, ends: born + w.lengths.draw(r, part),
		}
		if w.stages {
			rows[i].life.stages = drawStages(staged, rows[i].ends-born)
		}
	}
	return slices.Concat(rows, w.crowds(r, rows[w.learnt].born, rows[len(rows)-1].born))
}

// crowds are the rows of a user who makes many at once.
func (w world) crowds(r *rand.Rand, from, to time.Duration) (rows []*row) {
	for ; w.crowd > 0 && from < to; from += 10 * time.Minute {
		for range w.crowd {
			rows = append(rows, &row{number: len(rows), user: "crowd", born: from, ends: from + w.lengths.draw(r, 0)})
		}
	}
	return rows
}
