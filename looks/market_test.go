package looks

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWhoAsksForLittlePaysThePacesPrice(t *testing.T) {
	t.Parallel()
	var m Market
	now, offer := time.Now(), Offer{time.Second, 1.8}
	for range 1000 {
		now = now.Add(time.Second)
		m.Asked(now, "crowd", 9)
		m.Asked(now, "one", 0.8)
	}
	require.Equal(t, offer.Own, m.Price(now, "one", offer))
	require.InEpsilon(t, 81*time.Second, m.Price(now, "crowd", offer), 0.1, "nine times the level")
	require.Equal(t, m.Price(now, "crowd", offer), m.Dearest(now, offer))
	require.Equal(t, offer.Own, m.Price(now, "crowd", Offer{time.Second, 20}), "nothing is scarce")
}

func TestTheLevelIsMaxMinFair(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, c := range []struct {
		rates  []float64
		budget float64
		want   float64
	}{
		{nil, 2, math.Inf(1)},
		{[]float64{1, 0.5}, 2, math.Inf(1)},
		{[]float64{5}, 2, 2},
		{[]float64{5, 5}, 2, 1},
		{[]float64{5, 0.5, 0.5}, 2, 1},
		{[]float64{5, 3, 0.5}, 2, 0.75},
	} {
		m := Market{users: map[string]*asking{"gone": {rate: 1, at: now.Add(-time.Hour)}}}
		for i, rate := range c.rates {
			m.users[string(rune('a'+i))] = &asking{rate, now}
		}
		require.InDelta(t, min(c.want, 1e9), min(m.fair(now, c.budget), 1e9), 1e-9, "%v", c.rates)
		m.Asked(now, "a", 0)
		require.Len(t, m.users, len(c.rates), "who asks for nothing any more is forgotten")
	}
}

func TestPriceWithoutNeedIsThePaces(t *testing.T) {
	t.Parallel()
	var m Market
	now := time.Now()
	own := Balanced.Price()
	require.Equal(t, own, m.Price(now, "one", Offer{own, 1}), "nobody knows the user")
	for range 1000 {
		now = now.Add(2 * time.Second)
		m.Asked(now, "one", 1)
	}
	require.InDelta(t, 0.5, m.Demand(now), 0.05)
	require.Equal(t, own, m.Price(now, "one", Offer{own, 1}))
	require.Equal(t, own, m.Price(now, "one", Offer{own, 0}), "without a limit nothing is scarce")
	require.Greater(t, m.Price(now, "one", Offer{own, 0.25}), 4*own)
	require.Equal(t, m.Price(now, "one", Offer{own, 0.25}), m.Dearest(now, Offer{own, 0.25}))
	require.Equal(t, own, m.Price(now.Add(time.Hour), "one", Offer{own, 0.25}))
}

// The price settles near where the looks are the budget, whatever the demand, and stays
// there.
func TestPriceConvergesAndDoesNotSwing(t *testing.T) {
	t.Parallel()
	c := curve{ages: ages(600)}
	for _, age := range c.ages {
		c.survival = append(c.survival, lognormal(age, 110, 0.35))
	}
	own := c.plan(Terms{Price: Balanced.Price()})
	for _, over := range []float64{0.5, 1.5, 4} {
		budget := 10.0
		arrivals := over * budget / own.looks[0] // rows per second
		rates := market(t, c, own, arrivals, budget)
		want := min(over, 1) * budget
		for _, r := range rates[len(rates)/2:] {
			require.InEpsilon(t, want, r, 0.25, "demand %v: %v", over, rates)
		}
	}
}

// market plays rows and tells the looks per second of
// each four minutes of an hour. Rows come evenly.
func market(t *testing.T, c curve, own *Plan, arrivals, budget float64) (rates []float64) {
	t.Helper()
	var m Market
	r := rand.New(rand.NewPCG(7, 7))
	began := time.Now()
	plans := map[int]*Plan{}
	at := func(price time.Duration) *Plan {
		k := int(math.Round(4 * math.Log2(price.Seconds())))
		if plans[k] == nil {
			plans[k] = c.plan(Terms{Price: seconds(math.Exp2(float64(k) / 4))})
		}
		return plans[k]
	}
	type job struct{ born, last, age, end float64 }
	var jobs []job
	const step, span = 0.25, 240.0
	count, due := 0, 0.0
	for now := 0.0; now < 3600; now += step {
		for due += arrivals * step; due >= 1; due-- {
			jobs = append(jobs, job{now, 0, 0, 110 * math.Exp(0.35*r.NormFloat64())})
		}
		kept := jobs[:0]
		for _, j := range jobs {
			if now < j.born+j.age {
				kept = append(kept, j)
				continue
			}
			if j.age > 0 {
				count++
			}
			clock, age := began.Add(seconds(now)), now-j.born
			plan := at(m.Price(clock, "one", Offer{Balanced.Price(), budget}))
			if alive := seconds(min(age, j.end)); j.age > 0 {
				rest := 0.0
				if age >= j.end {
					rest = 0.5
				}
				m.Asked(clock, "one", own.Looks(seconds(j.last), alive)+rest)
			}
			if age < j.end {
				j.last, j.age = age, plan.Next(seconds(age)).Seconds()
				kept = append(kept, j)
			}
		}
		jobs = kept
		if int((now+step)/span) > int(now/span) {
			rates, count = append(rates, float64(count)/span), 0
		}
	}
	return rates
}
