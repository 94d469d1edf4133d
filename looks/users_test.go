package looks

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWhoAsksForLittlePaysThePacesPrice(t *testing.T) {
	t.Parallel()
	var u Users
	const own, market = time.Second, 100 * time.Second
	now := time.Now()
	require.Equal(t, market, u.Price(now, "nobody knows", Quote{own, market, 2}))
	for range 300 {
		now = now.Add(time.Second)
		u.Asked(now, "crowd", 9)
		u.Asked(now, "one", 0.3)
		u.Asked(now, "another", 1)
	}
	require.Equal(t, own, u.Price(now, "one", Quote{own, market, 2}))
	require.Equal(t, market, u.Price(now, "crowd", Quote{own, market, 2}))
	require.Equal(t, own, u.Price(now, "crowd", Quote{own, own, 2}), "nothing is scarce")
	between := u.Price(now.Add(time.Second), "another", Quote{own, market, 3})
	require.Greater(t, between, own)
	require.Less(t, between, market)
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
		u := Users{by: map[string]*asking{"gone": {rate: 1, at: now.Add(-time.Hour)}}}
		for i, rate := range c.rates {
			u.by[string(rune('a'+i))] = &asking{rate, now}
		}
		require.InDelta(t, min(c.want, 1e9), min(u.fair(now, c.budget), 1e9), 1e-9, "%v", c.rates)
		u.Asked(now, "a", 0)
		require.Len(t, u.by, len(c.rates), "who asks for nothing any more is forgotten")
	}
}
