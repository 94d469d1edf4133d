package planner

import (
	"math"
	"time"

	"tasksync/looks"
	"tasksync/task"
)

// usualSpread is the standard deviation of the logarithm of durations before any was
// seen: nine in ten tasks take between two fifths and two and a half times the usual.
const usualSpread = 0.6

// priorOf is how long tasks take before any was seen: in equal parts the usual time of
// their type, and what its schedule holds likely.
func priorOf(h task.Handler) looks.Prior {
	scheduled := scheduleOf(h.Schedule)
	if h.Usual <= 0 {
		return scheduled
	}
	return func(age time.Duration) float64 {
		if age <= 0 {
			return 1
		}
		usual := math.Erfc(math.Log(age.Seconds()/h.Usual.Seconds())/(usualSpread*math.Sqrt2)) / 2
		return (usual + scheduled(age)) / 2
	}
}

// scheduleOf is the survival for which a schedule would be the best one at the
// balanced price: spaces of s are best for a hazard of 2·price/s².
func scheduleOf(s task.Schedule) looks.Prior {
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
