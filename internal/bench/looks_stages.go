package main

import (
	"math/rand/v2"
	"slices"
	"time"

	"tasksync/looks"
	"tasksync/task"
)

// particles is how many tasks stand for all that there can be.
const particles = 4000

// leastParticles is how many must be left for a plan.
const leastParticles = 20

// knowing is a policy by someone who knows how stages and ends come together: it keeps,
// of many tasks, those that every look at the row so far would have found as it did,
// and plans by their ends. Nobody who learns can do better at the same price, but for
// looks that would be made to see a stage.
type knowing struct {
	price time.Duration
	all   []life
	rows  map[*row]*belief
}

// life is what a task shows: when it comes into its stages, and when it ends.
type life struct {
	stages [task.Stages]time.Duration
	ends   time.Duration
}

// belief is what can still become of a row.
type belief struct {
	left []life // by their ends
	plan *looks.Plan
}

func knowsStages(l lengths, price time.Duration) contestant {
	r := rand.New(rand.NewPCG(seed, 16)) //nolint:gosec // the same numbers each time
	all := make([]life, particles)
	for i := range all {
		all[i].ends = l.draw(r, 0)
		all[i].stages = drawStages(r, all[i].ends)
	}
	slices.SortFunc(all, func(a, b life) int { return int(a.ends - b.ends) })
	return contestant{"knows the stages too", func(*play) policy {
		return &knowing{price: price, all: all, rows: map[*row]*belief{}}
	}}
}

func (k *knowing) next(_ int, r *row, age time.Duration, stage task.Stage) time.Duration {
	b := k.rows[r]
	if b == nil {
		b = &belief{left: k.all}
		k.rows[r] = b
	}
	seen := age - callTime/2
	var left []life
	for _, l := range b.left {
		if l.ends > seen && l.stage(seen) == stage {
			left = append(left, l)
		}
	}
	if len(left) < leastParticles {
		return 10 * time.Second
	}
	b.left = left
	b.plan = looks.NewModel(func(age time.Duration) float64 {
		i, _ := slices.BinarySearchFunc(left, age, func(l life, age time.Duration) int { return int(l.ends - age) })
		return float64(len(left)-i) / float64(len(left))
	}).Plan(looks.Track{}, deadline, looks.Terms{Price: k.price})
	return b.plan.Next(age) - age
}

func (k *knowing) value(_ int, r *row, age time.Duration) float64 {
	if b := k.rows[r]; b != nil && b.plan != nil {
		return b.plan.Value(time.Duration(r.track.Last)*time.Millisecond, age).Seconds()
	}
	return 0
}
func (k *knowing) ended(r *row, _ time.Duration, _ bool) { delete(k.rows, r) }
func (k *knowing) demand(int) float64                    { return 0 }
func (k *knowing) tick()                                 {}
