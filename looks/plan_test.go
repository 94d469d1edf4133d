package looks

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// anyCurve is a small curve of any shape.
func anyCurve(t *rapid.T, most int) curve {
	n := rapid.IntRange(2, most).Draw(t, "ages")
	c := curve{ages: make([]float64, n), survival: make([]float64, n)}
	c.survival[0] = 1
	for i := 1; i < n; i++ {
		c.ages[i] = c.ages[i-1] + rapid.Float64Range(0.1, 30).Draw(t, "space")
		c.survival[i] = c.survival[i-1] * rapid.Float64Range(0, 1).Draw(t, "stays")
	}
	return c
}

func anyTerms(t *rapid.T) Terms {
	return Terms{
		Price:  time.Duration(rapid.IntRange(1, 60_000).Draw(t, "price ms")) * time.Millisecond,
		Least:  time.Duration(rapid.IntRange(0, 40_000).Draw(t, "least ms")) * time.Millisecond,
		Hinted: rapid.Float64Range(0, 1).Draw(t, "hinted"),
	}
}

// cheapest tries every set of looks, and computes the cost of each from the
// definition: what a row costs that ends in each piece of the grid.
func cheapest(c curve, terms Terms) float64 {
	n := len(c.ages)
	best := math.Inf(1)
	for set := range 1 << (n - 2) { // the ages between the first and the last
		var at []int
		for i := 1; i < n; i++ {
			if i == n-1 || set>>(i-1)&1 == 1 {
				at = append(at, i)
			}
		}
		if polite(c, at, terms.Least.Seconds()) {
			best = min(best, costOf(c, at, terms))
		}
	}
	return best
}

func polite(c curve, at []int, least float64) bool {
	last := 0
	for _, i := range at[:len(at)-1] {
		if c.ages[i]-c.ages[last] < least {
			return false
		}
		last = i
	}
	return true
}

func costOf(c curve, at []int, terms Terms) float64 {
	price, n := terms.Price.Seconds(), len(c.ages)
	total := c.survival[n-1] * price * float64(len(at)) // of rows that end after the last age
	for piece := 1; piece < n; piece++ {
		chance, end := c.survival[piece-1]-c.survival[piece], (c.ages[piece-1]+c.ages[piece])/2
		before := 0
		for before < len(at) && at[before] < piece {
			before++
		}
		found := c.ages[at[before]]
		total += chance * (price*float64(before) + (1-terms.Hinted)*(price+found-end))
	}
	return total
}

func TestPlanIsTheBestOfAllSchedules(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, terms := anyCurve(t, 11), anyTerms(t)
		p := c.plan(terms)
		got := p.looks[0]*terms.Price.Seconds() + p.waiting[0]
		require.InEpsilon(t, 1+cheapest(c, terms), 1+got, 1e-9)
	})
}

func TestDearerLooksAreFewer(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, terms := anyCurve(t, 60), anyTerms(t)
		cheap := c.plan(terms)
		terms.Price *= 3
		dear := c.plan(terms)
		require.LessOrEqual(t, dear.looks[0], cheap.looks[0]+1e-9)
		require.GreaterOrEqual(t, dear.waiting[0], cheap.waiting[0]-1e-9)
	})
}

func TestNextLookIsAheadPoliteAndNotAfterTheDeadline(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, terms := anyCurve(t, 60), anyTerms(t)
		p := c.plan(terms)
		deadline := seconds(c.ages[len(c.ages)-1])
		age := time.Duration(rapid.Int64Range(-int64(time.Second), int64(deadline)).Draw(t, "age"))
		next := p.Next(age)
		if age < deadline {
			require.Greater(t, next, age)
		}
		require.LessOrEqual(t, next, max(age, deadline))
		if age >= 0 && next < deadline {
			require.GreaterOrEqual(t, next-age, terms.Least-time.Microsecond)
		}
	})
}

// For frequent looks the best density of looks is √(hazard / (2·price)), and so
// looks times waiting comes near half of the square of ∫√(f·S).
func TestFrequentLooksComeNearTheirBound(t *testing.T) {
	t.Parallel()
	c := curve{ages: ages(600)}
	integral := 0.0
	for i, age := range c.ages {
		c.survival = append(c.survival, lognormal(age, 110, 0.35))
		if i > 0 {
			dt := age - c.ages[i-1]
			f := (c.survival[i-1] - c.survival[i]) / dt
			integral += math.Sqrt(f*(c.survival[i-1]+c.survival[i])/2) * dt
		}
	}
	p := c.plan(Terms{Price: 100 * time.Millisecond})
	require.InEpsilon(t, integral*integral/2, p.looks[0]*p.waiting[0], 0.05)
}

// lognormal is the survival of a log-normal duration.
func lognormal(age, median, sigma float64) float64 {
	if age <= 0 {
		return 1
	}
	return math.Erfc(math.Log(age/median)/(sigma*math.Sqrt2)) / 2
}

func TestValueGrowsWithTheWait(t *testing.T) {
	t.Parallel()
	c := curve{ages: ages(600)}
	for _, age := range c.ages {
		c.survival = append(c.survival, lognormal(age, 110, 0.35))
	}
	p := c.plan(Terms{Price: time.Second})
	require.Zero(t, p.Value(time.Minute, time.Minute))
	require.Zero(t, p.Value(time.Minute, 30*time.Second))
	last := time.Duration(0)
	for age := time.Minute + time.Second; age < 10*time.Minute; age += 5 * time.Second {
		v := p.Value(time.Minute, age)
		require.GreaterOrEqual(t, v, last)
		require.Less(t, v, age-time.Minute)
		last = v
	}
	require.Greater(t, p.Value(2*time.Minute, 130*time.Second), 5*p.Value(20*time.Second, 30*time.Second), "the likelier it has ended, the more a look is worth")
}
