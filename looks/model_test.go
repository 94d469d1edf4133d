package looks

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"tasksync/task"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// world is how long the tasks of a provider take.
type world struct {
	name   string
	stages bool
	draw   func(r *rand.Rand, n int) (end float64, stages [stages]float64)
	truth  func(age float64) float64 // survival; nil: not known in closed form
}

func proportional(end float64) [stages]float64 {
	return [stages]float64{0, 0.15 * end, 0.3 * end, 0.7 * end}
}

func draws(median, sigma float64) func(r *rand.Rand, n int) (float64, [stages]float64) {
	return func(r *rand.Rand, _ int) (float64, [stages]float64) {
		end := median * math.Exp(sigma*r.NormFloat64())
		return end, proportional(end)
	}
}

var songs = world{name: "log-normal", draw: draws(110, 0.35), truth: func(age float64) float64 { return lognormal(age, 110, 0.35) }}

func flatPrior(age time.Duration) float64 { return math.Exp(-age.Seconds() / 225) }

const deadline = 10 * time.Minute

// play lets the model look at n rows, and tells the means of the looks that
// each took and of the time that it waited.
func play(m *Model, w world, terms Terms, r *rand.Rand, n int) (looks, waited float64) {
	for i := range n {
		end, stages := w.draw(r, i)
		l, d := row(m, w, terms, end, stages)
		looks, waited = looks+float64(l), waited+d
	}
	return looks / float64(n), waited / float64(n)
}

func row(m *Model, w world, terms Terms, end float64, stages [stages]float64) (looks int, waited float64) {
	var t Track
	age := 0.0
	for {
		plan := m.Plan(t, deadline, terms)
		age = plan.Next(seconds(age)).Seconds()
		looks++
		if age >= end || age >= deadline.Seconds() {
			m.Learn(t, seconds(age), false)
			return looks, max(0, age-end)
		}
		stage := submitted
		for s := task.StageWorded; w.stages && s < task.Stages; s++ {
			if stages[s] <= age {
				stage = s
			}
		}
		t = t.Looked(seconds(age), stage)
	}
}

// optimum is the plan of one who knows how long tasks take.
func optimum(w world, terms Terms) *Plan {
	c := curve{ages: ages(deadline.Seconds())}
	for _, age := range c.ages {
		c.survival = append(c.survival, w.truth(age))
	}
	return c.plan(terms)
}

// cost is that of a row, in seconds.
func cost(terms Terms, looks, waited float64) float64 { return looks*terms.Price.Seconds() + waited }

func TestLearntPlansComeNearTheOptimum(t *testing.T) {
	t.Parallel()
	lyrics := world{name: "lyrics", draw: draws(7, 0.2), truth: func(age float64) float64 { return lognormal(age, 7, 0.2) }}
	for _, tc := range []struct {
		world world
		pace  Pace
		most  float64 // cost, in parts of the optimum's
	}{
		{songs, Eager, 1.1},
		{songs, Balanced, 1.1},
		{songs, Frugal, 1.1},
		{lyrics, Balanced, 1.15},
	} {
		t.Run(tc.world.name+" "+string(tc.pace), func(t *testing.T) {
			t.Parallel()
			terms, r, m := Terms{Price: tc.pace.Price()}, rand.New(rand.NewPCG(1, 2)), NewModel(flatPrior)
			play(m, tc.world, terms, r, 100)
			looks, waited := play(m, tc.world, terms, r, 400)
			best := optimum(tc.world, terms)
			require.Less(t, cost(terms, looks, waited)/cost(terms, best.looks[0], best.waiting[0]), tc.most, "%.2f looks, %.2f s", looks, waited)
		})
	}
}

func TestStagesMakeLooksCheaperThanTheOptimumWithoutThem(t *testing.T) {
	t.Parallel()
	staged := songs
	staged.stages = true
	for _, pace := range []Pace{Balanced, Frugal} {
		terms, r, m := Terms{Price: pace.Price()}, rand.New(rand.NewPCG(1, 2)), NewModel(flatPrior)
		play(m, staged, terms, r, 100)
		looks, waited := play(m, staged, terms, r, 300)
		best := optimum(songs, terms)
		require.Less(t, cost(terms, looks, waited), 0.9*cost(terms, best.looks[0], best.waiting[0]), pace)
	}
}

func TestASlowerProviderIsFollowedWithinFiftyRows(t *testing.T) {
	t.Parallel()
	terms, r, m := Terms{Price: Balanced.Price()}, rand.New(rand.NewPCG(3, 4)), NewModel(flatPrior)
	play(m, songs, terms, r, 500)
	slow := world{draw: draws(220, 0.35), truth: func(age float64) float64 { return lognormal(age, 220, 0.35) }}
	play(m, slow, terms, r, 50)
	looks, waited := play(m, slow, terms, r, 100)
	best := optimum(slow, terms)
	require.Less(t, cost(terms, looks, waited)/cost(terms, best.looks[0], best.waiting[0]), 1.25)
}

func TestWithCallbacksFewLooksAreLeft(t *testing.T) {
	t.Parallel()
	var h Hints
	require.Zero(t, h.Share())
	for range 30 {
		h.Learn(true)
	}
	m := NewModel(flatPrior)
	play(m, songs, Terms{Price: Balanced.Price()}, rand.New(rand.NewPCG(1, 2)), 100)
	looks, _ := m.Plan(Track{}, deadline, Terms{Price: Balanced.Price(), Hinted: h.Share()}).Expect(0)
	require.Less(t, looks, 3.0)
	for range 15 {
		h.Learn(false)
	}
	looks, _ = m.Plan(Track{}, deadline, Terms{Price: Balanced.Price(), Hinted: h.Share()}).Expect(0)
	require.Greater(t, looks, 6.0, "callbacks have stopped")
}

// Two rows in a hundred without a callback change little; callbacks that stop do at once.
func TestAFewMissingCallbacksChangeLittle(t *testing.T) {
	t.Parallel()
	var h Hints
	for i := range 300 {
		h.Learn(i%33 != 0)
	}
	require.InDelta(t, 0.97, h.Share(), 0.03)
	for range 4 {
		h.Learn(false)
	}
	require.Less(t, h.Share(), 0.75)
}

// A stage that the first look found may have begun at any time before.
func TestAFirstLookTellsNoBeginningOfAStage(t *testing.T) {
	t.Parallel()
	m := NewModel(flatPrior)
	late := Track{}.Looked(100*time.Second, task.StagePreview)
	require.Zero(t, late.Entered[task.StagePreview])
	require.Equal(t, int64(150_000), late.Looked(200*time.Second, task.StagePartial).Entered[task.StagePartial])
	m.Learn(late, 110*time.Second, false)
	require.NotZero(t, m.stages[submitted][0].count)
	require.Zero(t, m.stages[task.StagePreview][0].count)
	at := func(tr Track) float64 {
		return m.Plan(tr, deadline, Terms{Price: time.Second}).Survival(100 * time.Second)
	}
	require.InDelta(t, at(Track{}), at(late), 1e-9, "its age alone foretells its end")
}

func TestGarbageTeachesNothing(t *testing.T) {
	t.Parallel()
	for name, learn := range map[string]func(m *Model){
		"ended before its last look": func(m *Model) { m.Learn(Track{Last: 5000}, time.Second, false) },
		"a negative age":             func(m *Model) { m.Learn(Track{}, -time.Second, false) },
		"no age":                     func(m *Model) { m.Learn(Track{}, 0, false) },
		"years":                      func(m *Model) { m.Learn(Track{}, 10_000*time.Hour, false) },
		"a negative look":            func(m *Model) { m.Learn(Track{Last: -1}, time.Minute, false) },
		"a stage that there is not":  func(m *Model) { m.Learn(Track{Stage: 77}, time.Minute, false) },
		"stages out of order": func(m *Model) {
			m.Learn(Track{Stage: task.StagePartial, Last: 9000, Entered: [stages]int64{0, 8000, 7000, 0}}, time.Minute, false)
		},
		"a stage after the last look": func(m *Model) {
			m.Learn(Track{Stage: task.StageWorded, Last: 1000, Entered: [stages]int64{0, 8000, 0, 0}}, time.Minute, false)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := NewModel(flatPrior)
			learn(m)
			for s := range stages {
				for _, e := range m.stages[s] {
					require.Zero(t, e.count)
				}
			}
		})
	}
}

func TestEtaIsSilentUntilTheModelKnows(t *testing.T) {
	t.Parallel()
	m := NewModel(flatPrior)
	require.False(t, m.Knows(submitted))
	play(m, songs, Terms{Price: Balanced.Price()}, rand.New(rand.NewPCG(1, 2)), 200)
	require.True(t, m.Knows(submitted))
	p := m.Plan(Track{}, deadline, Terms{Price: Balanced.Price()})
	half, ok := p.Quantile(0, 0.5)
	require.True(t, ok)
	require.InEpsilon(t, 110, half.Seconds(), 0.15)
	most, ok := p.Quantile(0, 0.9)
	require.True(t, ok)
	require.InEpsilon(t, 172, most.Seconds(), 0.2) // 110·exp(1.2816·0.35)
	later, ok := p.Quantile(2*time.Minute, 0.5)
	require.True(t, ok)
	require.Greater(t, later, 2*time.Minute)
}

// A survival falls from 1, whatever was learnt.
func TestCurveFalls(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := NewModel(flatPrior)
		var track Track
		for range rapid.IntRange(0, 30).Draw(t, "rows") {
			track = Track{}
			age := time.Duration(0)
			for range rapid.IntRange(0, 6).Draw(t, "looks") {
				age += time.Duration(rapid.Int64Range(1, int64(time.Minute)).Draw(t, "space"))
				track = track.Looked(age, task.Stage(rapid.IntRange(0, 9).Draw(t, "stage")))
			}
			m.Learn(track, age+time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "end")), rapid.Bool().Draw(t, "hinted"))
		}
		c := m.curve(track, time.Duration(rapid.Int64Range(int64(time.Second), int64(3*time.Hour)).Draw(t, "horizon")))
		last := 1 + 1e-9
		for _, s := range c.survival {
			require.False(t, math.IsNaN(s))
			require.LessOrEqual(t, s, last)
			require.GreaterOrEqual(t, s, 0.0)
			last = s
		}
	})
}
