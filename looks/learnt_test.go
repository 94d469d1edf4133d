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

// Two daemons that teach each other know what one would know that saw all rows,
// when they take turns; and what is known never grows beyond what the experts remember.
func TestDaemonsTeachEachOther(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	var known []float32
	share := func(m *Model) {
		if l, ok := m.Lesson(); ok {
			known = l.Apply(known)
		}
		require.NoError(t, m.Merge(known))
	}
	one, other, alone := NewModel(flatPrior), NewModel(flatPrior), NewModel(flatPrior)
	for i := range 60 {
		end := 110 * math.Exp(0.35*r.NormFloat64())
		track := Track{}.Looked(seconds(0.3*end), task.StageWorded).Looked(seconds(0.9*end), task.StagePartial)
		by := seconds(end + r.Float64())
		m := one
		if i/5%2 == 1 {
			m = other
		}
		if i%5 == 0 && known != nil {
			require.NoError(t, m.Merge(known))
		}
		m.Learn(track, by, i%3 == 0)
		alone.Learn(track, by, i%3 == 0)
		if i%5 == 4 {
			share(m)
		}
	}
	share(one)
	share(other)
	want := alone.numbers()
	for i, got := range one.numbers() {
		require.InDelta(t, want[i], got, 1e-2)
		require.InDelta(t, other.numbers()[i], got, 1e-6)
	}
	_, ok := one.Lesson()
	require.False(t, ok, "it has told all that it learnt")
}

func TestLessonsApplyInAnyOrderWithoutHarm(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var known []float32
		models := []*Model{NewModel(flatPrior), NewModel(flatPrior), NewModel(flatPrior)}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			m := models[rapid.IntRange(0, 2).Draw(t, "daemon")]
			if rapid.Bool().Draw(t, "learns") {
				m.Learn(Track{}, time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "end")), true)
				continue
			}
			if l, ok := m.Lesson(); ok {
				known = l.Apply(known)
			}
			if known != nil {
				require.NoError(t, m.Merge(known))
			}
		}
		for _, m := range models {
			m.each(func(e *expert) {
				require.LessOrEqual(t, e.count, 1/(1-e.keep)+1)
				require.GreaterOrEqual(t, e.count, 0.0)
			})
		}
	})
}

func TestMergeRefusesAndMendsOddNumbers(t *testing.T) {
	t.Parallel()
	m := NewModel(flatPrior)
	require.ErrorIs(t, m.Merge(nil), ErrSize)
	require.ErrorIs(t, m.Merge(make([]float32, Size+1)), ErrSize)
	odd := make([]float32, Size)
	for i := range odd {
		odd[i] = []float32{float32(math.NaN()), float32(math.Inf(1)), -3, 1e30}[i%4]
	}
	require.NoError(t, m.Merge(odd))
	c := m.curve(Track{}, time.Minute)
	for _, s := range c.survival {
		require.False(t, math.IsNaN(s))
		require.GreaterOrEqual(t, s, 0.0)
	}
}

// Rows that were not looked at for long do not blur what is known.
func TestWideIntervalsTeachLittle(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 3))
	m := NewModel(func(age time.Duration) float64 { return math.Exp(-age.Seconds() / 100) })
	length := func() time.Duration { return seconds(110 * math.Exp(0.35*r.NormFloat64())) }
	for range 200 {
		end := length()
		m.Learn(Track{}.Looked(end-3*time.Second, 0), end+3*time.Second, false)
	}
	terms := Terms{Price: Balanced.Price()}
	before, _ := m.Plan(Track{}, 10*time.Minute, terms).Expect(0)
	for range 500 {
		m.Learn(Track{}.Looked(time.Second, 0), length()+seconds(200*r.Float64()), false)
	}
	after, _ := m.Plan(Track{}, 10*time.Minute, terms).Expect(0)
	require.InEpsilon(t, before, after, 0.35)
}

// A hint tells when a row ended, however long ago its last look was.
func TestHintsTellWhenRowsEnd(t *testing.T) {
	t.Parallel()
	m := NewModel(func(age time.Duration) float64 { return math.Exp(-age.Seconds() / 100) })
	for range 100 {
		m.Learn(Track{}.Looked(time.Second, 0), 100*time.Second, true)
	}
	plan := m.Plan(Track{}, 10*time.Minute, Terms{Price: time.Second})
	require.Greater(t, plan.Survival(80*time.Second)-plan.Survival(120*time.Second), 0.8)
}
