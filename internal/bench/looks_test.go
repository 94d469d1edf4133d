package main

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/looks"
)

// small is a world that is played in a moment.
func small(change func(*world)) world {
	w := world{lengths: logNormal(), rate: 0.1, stages: true, daemons: 1, users: 4, learnt: 100, rows: 150}
	change(&w)
	return w
}

func TestOursBeatsEvery15Seconds(t *testing.T) {
	t.Parallel()
	w := small(func(*world) {})
	usual, our := measure(w, every(15*time.Second)), measure(w, ours(looks.Balanced))
	require.Less(t, our.requests*our.mean, 0.6*usual.requests*usual.mean)
	require.LessOrEqual(t, our.requests, usual.requests)
	require.LessOrEqual(t, our.mean, 4.0)
	require.LessOrEqual(t, our.requests, 9.0)
}

func TestUnderLoadThePriceRisesAndNoRowStarves(t *testing.T) {
	t.Parallel()
	w := small(func(w *world) { w.rate, w.rows = 0.4, 300 })
	for _, pace := range []looks.Pace{looks.Frugal, looks.Balanced, looks.Eager} {
		m := measure(w, ours(pace))
		require.LessOrEqual(t, m.mean, 11.5, pace)
		require.LessOrEqual(t, m.p95, 40.0, pace)
		require.LessOrEqual(t, m.mostInSpan, limitRequests, pace)
		require.GreaterOrEqual(t, m.used, 0.8, pace)
	}
}

func TestWithWebhooksFewLooksAreLeft(t *testing.T) {
	t.Parallel()
	m := measure(small(func(w *world) { w.hooks = 1 }), ours(looks.Frugal))
	require.LessOrEqual(t, m.requests, 3.0)
	require.LessOrEqual(t, m.mean, 0.7)
	m = measure(small(func(w *world) { w.hooks = 0.97 }), ours(looks.Balanced))
	require.LessOrEqual(t, m.requests, 4.5)
	require.LessOrEqual(t, m.mean, 1.5)
}

func TestThreeDaemonsKeepOneLimit(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{0.1, 0.8} {
		m := measure(small(func(w *world) { w.rate, w.daemons = rate, 3 }), ours(looks.Eager))
		require.LessOrEqual(t, m.mostInSpan, limitRequests)
	}
}

// A user who makes 500 rows at once does not delay another user's by much: users take
// turns.
func TestACrowdDoesNotDelayOthers(t *testing.T) {
	t.Parallel()
	alone := small(func(w *world) { w.rate, w.users, w.rows = 0.05, 1, 300 })
	beside := alone
	beside.crowd = 500
	for _, c := range []contestant{every(15 * time.Second), ours(looks.Frugal), ours(looks.Balanced)} {
		a, b := measure(alone, c), measure(beside, c)
		require.LessOrEqual(t, b.p95, 1.3*a.p95, "%s: alone %.1f s, beside %.1f s", c.name, a.p95, b.p95)
		require.LessOrEqual(t, b.mostInSpan, limitRequests)
	}
}

// The exact optimum is what its name says: played, it takes what it expects, and
// learnt plans without stages come near it.
func TestTheOptimumTakesWhatItExpects(t *testing.T) {
	t.Parallel()
	w := small(func(w *world) { w.stages, w.rate, w.rows, w.learnt = false, 0.05, 400, 200 })
	best := newOptimum(w.lengths)
	requests, delay := best.expect(time.Second)
	m := measure(w, contestant{"optimum", func(*play) policy { return best.policy(w, time.Second) }})
	require.InEpsilon(t, requests, m.requests, 0.1)
	require.InEpsilon(t, delay, m.mean, 0.15)
	our := measure(w, ours(looks.Balanced))
	require.LessOrEqual(t, our.requests/best.curve().at(our.mean), 1.2)
}

// Shares never exceed the limit together, whatever the daemons ask for.
func TestSharesStayWithinTheLimit(t *testing.T) {
	t.Parallel()
	s, r := newShares(3), rand.New(rand.NewPCG(1, 2))
	for now := time.Duration(0); now < time.Hour; now += time.Duration(r.Int64N(int64(renewEvery))) {
		s.renew(r.IntN(3), r.IntN(40), now)
		sum := 0
		for _, h := range s.holders {
			sum += h.counts(now)
		}
		require.LessOrEqual(t, sum, limitRequests)
	}
}
