package main

import (
	"math"
	"time"

	"tasksync/looks"
)

// optimum is the exact optimum of a schedule that knows how long tasks take, sees no
// stages and hears no hints: the best schedule for each price, first look at age 0
// included. What moves is known at every time.
type optimum struct {
	lengths lengths
	parts   []float64 // of the rows, for which plans are made
	models  []*looks.Model
}

func newOptimum(l lengths) *optimum {
	o := &optimum{lengths: l, parts: []float64{0}}
	if l.moving {
		o.parts = nil
		for i := range 41 {
			o.parts = append(o.parts, float64(i)/40)
		}
	}
	for _, part := range o.parts {
		o.models = append(o.models, looks.NewModel(l.survival(part))) // what has learnt nothing is its prior
	}
	return o
}

// plans are the best ones for a price, by part.
func (o *optimum) plans(price time.Duration) []*looks.Plan {
	var plans []*looks.Plan
	for _, m := range o.models {
		plans = append(plans, m.Plan(looks.Track{}, deadline, looks.Terms{Price: price}))
	}
	return plans
}

// policy looks at the rows of a world by the best schedule for a price.
func (o *optimum) policy(w world, price time.Duration) policy {
	plans := o.plans(price)
	return known{planOf: func(r *row) *looks.Plan {
		part := max(0, float64(r.number-w.learnt)/float64(w.rows))
		return plans[int(math.Round(part*float64(len(plans)-1)))]
	}}
}

// expect is what the best schedules for a price take: requests per row, and the mean
// delay in seconds, of which half of the time of a call is the answer's.
func (o *optimum) expect(price time.Duration) (requests, delay float64) {
	plans := o.plans(price)
	for _, p := range plans {
		n, waiting := p.Expect(0)
		requests += (1 + n) / float64(len(plans))
		delay += (waiting + callTime/2).Seconds() / float64(len(plans))
	}
	return requests, delay
}

// price is the least price, of at least the pace's own, at which the requests fit
// into nine tenths of the limit.
func (o *optimum) price(w world, own time.Duration) time.Duration {
	budget := 0.9 * limitRequests / limitWindow.Seconds() / w.rate
	for price := own; price < 1000*time.Second; price = price * 9 / 8 {
		if requests, _ := o.expect(price); requests <= budget {
			return price
		}
	}
	return 1000 * time.Second
}

// curve is the optimum's requests by the mean delay.
type curve struct{ requests, delay []float64 }

func (o *optimum) curve() curve {
	var c curve
	for price := 20 * time.Millisecond; price < 500*time.Second; price = price * 5 / 4 {
		requests, delay := o.expect(price)
		c.requests, c.delay = append(c.requests, requests), append(c.delay, delay)
	}
	return c
}

// at is how many requests the optimum takes at a mean delay, between the points of
// the curve by the logarithms of both.
func (c curve) at(delay float64) float64 {
	for i := 1; i < len(c.delay); i++ {
		if a, b := c.delay[i-1], c.delay[i]; a <= delay && delay <= b && a < b {
			part := (math.Log(delay) - math.Log(a)) / (math.Log(b) - math.Log(a))
			return math.Exp((1-part)*math.Log(c.requests[i-1]) + part*math.Log(c.requests[i]))
		}
	}
	return math.NaN()
}
