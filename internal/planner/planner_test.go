package planner

import (
	"context"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/looks"
	"tasksync/queries"
	"tasksync/task"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// clock is a clock that tests put forward.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func newPlanner(pool *pgxpool.Pool, c *clock) *Planner {
	var db queries.DBTX
	if pool != nil {
		db = pool
	}
	return New(Config{
		DB: db, Handlers: task.DefaultHandlers(), Deadline: 10 * time.Minute, Now: c.now,
		Sources: map[string]Source{"": {Name: "sunoapi"}, "kie": {Name: "kie", Least: 10 * time.Second}, "sunoapi": {Name: "sunoapi"}},
	})
}

// teach lets n songs end that take 110 s, more or less.
func teach(p *Planner, n int) {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	for range n {
		end := time.Duration(110 * math.Exp(0.35*r.NormFloat64()) * float64(time.Second))
		row := Row{Type: task.Generate, Age: end + time.Second, Track: looks.Track{}.Looked(end-time.Second, task.StageWorded)}
		p.Ended(row, false)
	}
}

func every(t *testing.T, p *Planner, r Row) time.Duration {
	t.Helper()
	d := p.Every(r, r.Track.Stage)
	require.Positive(t, d)
	return d
}

func TestBeforeAnythingWasLearntTheScheduleIsThePrior(t *testing.T) {
	t.Parallel()
	p := newPlanner(nil, &clock{at: time.Now()})
	h := p.cfg.Handlers[task.Generate]
	h.Usual = 0
	p.cfg.Handlers["of no known length"] = h
	at := func(taskType task.Type, age time.Duration) float64 {
		return every(t, p, Row{Type: taskType, Age: age, Track: looks.Track{}.Looked(age, task.StageSubmitted)}).Seconds()
	}
	for age, want := range map[time.Duration]float64{time.Minute: 15, 5 * time.Minute: 30} {
		require.InDelta(t, want, at("of no known length", age), 0.35*want, age)
	}
	require.InDelta(t, 11, at(task.Generate, 110*time.Second), 3, "songs usually end then")
	require.Greater(t, at(task.Generate, 20*time.Second), 15.0, "and seldom now")
	require.Less(t, at(task.Generate, 0), 12.0, "but some are refused at once")
	require.Zero(t, p.Every(Row{Provider: "nowhere", Type: task.Generate}, 0))
	require.Zero(t, p.Every(Row{Type: "unheard of"}, 0))
}

func TestPlansArePolite(t *testing.T) {
	t.Parallel()
	p := newPlanner(nil, &clock{at: time.Now()})
	for age := time.Duration(0); age < 9*time.Minute; age += 7 * time.Second {
		require.GreaterOrEqual(t, every(t, p, Row{Provider: "kie", Type: task.Lyrics, Age: age}), 10*time.Second)
	}
}

func TestDaemonsTeachEachOtherAndARestartForgetsNothing(t *testing.T) {
	t.Parallel()
	pool, c := postgrestest.Pool(t), &clock{at: time.Now()}
	one, other := newPlanner(pool, c), newPlanner(pool, c)
	row := Row{Type: task.Generate, Track: looks.Track{}.Looked(time.Second, task.StageSubmitted), Age: time.Second}
	before := every(t, one, row)
	for range 3 {
		teach(one, 20)
		require.NoError(t, one.Learn(t.Context()))
		teach(other, 30)
		require.NoError(t, other.Learn(t.Context()))
	}
	require.NoError(t, one.Learn(t.Context()))
	require.NoError(t, newPlanner(pool, c).Learn(t.Context()))
	c.forward(time.Minute)
	require.Greater(t, every(t, one, row), 2*before, "songs do not end in their first half minute")
	fresh := newPlanner(pool, c)
	require.NoError(t, fresh.Learn(t.Context()))
	require.Equal(t, one.Learnt(), other.Learnt())
	require.Equal(t, one.Learnt(), fresh.Learnt())
	require.Len(t, fresh.Learnt(), 1)
	require.InDelta(t, 110, fresh.Learnt()[0].Half.Seconds(), 15)
}

func TestWithoutADatabaseAPlannerLearnsAllTheSame(t *testing.T) {
	t.Parallel()
	c := &clock{at: time.Now()}
	p := newPlanner(nil, c)
	teach(p, 200)
	require.Empty(t, p.Learnt())
	require.NoError(t, p.Learn(t.Context()))
	c.forward(planTime + time.Second)
	require.InDelta(t, 110, p.Learnt()[0].Half.Seconds(), 15)
}

func TestWhatCannotBeToldIsToldLater(t *testing.T) {
	t.Parallel()
	pool, c := postgrestest.Pool(t), &clock{at: time.Now()}
	p := newPlanner(pool, c)
	teach(p, 40)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, p.Learn(gone))
	teach(p, 1)
	require.NoError(t, p.Learn(t.Context()))
	fresh := newPlanner(pool, c)
	require.NoError(t, fresh.Learn(t.Context()))
	require.Equal(t, p.Learnt(), fresh.Learnt())
	require.Greater(t, fresh.Learnt()[0].Rows, 38.0)
}

func TestNumbersThatAreNoModelsHurtNothing(t *testing.T) {
	t.Parallel()
	pool, c := postgrestest.Pool(t), &clock{at: time.Now()}
	for provider, numbers := range map[string]string{
		"a": `'{}'`, "b": `'{1,2,3}'`, "c": `'{NULL,1}'`, "kie": `array_fill(NULL::real, ARRAY[` + size + `])`, "sunoapi": `array_fill('NaN'::real, ARRAY[` + size + `])`,
		"d": `array_fill('Infinity'::real, ARRAY[` + size + `])`,
	} {
		_, err := pool.Exec(t.Context(), `INSERT INTO tasksync.look_models (provider, task_type, numbers) VALUES ($1, 'generate', `+numbers+`)`, provider)
		require.NoError(t, err)
	}
	p := newPlanner(pool, c)
	require.NoError(t, p.Learn(t.Context()))
	require.Positive(t, every(t, p, Row{Type: task.Generate, Age: time.Minute}))
	teach(p, 40)
	p.Ended(Row{Provider: "kie", Type: task.Generate, Age: time.Minute}, false)
	require.NoError(t, p.Learn(t.Context()))
	fresh := newPlanner(pool, c)
	require.NoError(t, fresh.Learn(t.Context()))
	c.forward(time.Minute)
	require.Equal(t, p.Learnt(), fresh.Learnt(), "what was there is mended")
	require.InDelta(t, 110, fresh.Learnt()[len(fresh.Learnt())-1].Half.Seconds(), 20)
}

func TestManyCallersAtOnce(t *testing.T) {
	t.Parallel()
	pool, c := postgrestest.Pool(t), &clock{at: time.Now()}
	p := newPlanner(pool, c)
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() { _ = p.Run(ctx) })
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for i := range 200 {
				_ = p.Every(Row{Type: task.Generate, Age: time.Duration(i) * time.Second}, 0)
				teach(p, 1)
				c.forward(50 * time.Millisecond)
			}
		})
	}
	callers.Wait()
	cancel()
	group.Wait()
}

// size is looks.Size in SQL.
const size = "3064"

func TestSize(t *testing.T) {
	t.Parallel()
	require.Equal(t, 3064, looks.Size)
}

// A call that carries a hundred looks costs as much as one that carries one: a row that
// is asked for alone does not pay for its cohort.
func TestALoneRowAtABatchProviderPaysForItself(t *testing.T) {
	t.Parallel()
	c := &clock{at: time.Now()}
	p := New(Config{
		Handlers: task.DefaultHandlers(), Deadline: 10 * time.Minute, Now: c.now,
		Sources: map[string]Source{"": {Name: "acedata", Batch: 100, Budget: func() float64 { return 2 }}},
	})
	lone := Row{Type: task.Generate, User: "u", Age: time.Minute, Sharing: 1, Track: looks.Track{}.Looked(50*time.Second, task.StageSubmitted)}
	before := every(t, p, lone)
	for range 60 { // a cohort, six calls a minute
		c.forward(10 * time.Second)
		for range 100 {
			_ = p.Every(Row{Type: task.Generate, User: "u", Age: time.Minute, Sharing: 100, Track: looks.Track{}.Looked(50*time.Second, task.StageSubmitted)}, 0)
		}
	}
	require.Less(t, every(t, p, lone), 2*before)
	require.Less(t, p.Demand("acedata"), 2.0, "in calls")
}

// What the price leaves too many of it corrects in time, also when it is asked often.
func TestThePriceIsCorrected(t *testing.T) {
	t.Parallel()
	c := &clock{at: time.Now()}
	p := New(Config{
		Handlers: task.DefaultHandlers(), Deadline: 10 * time.Minute, Now: c.now,
		Sources: map[string]Source{"": {Name: "sunoapi", Budget: func() float64 { return 0.3 }}},
	})
	row := Row{Type: task.Generate, Age: time.Minute, Track: looks.Track{}.Looked(10*time.Second, task.StageSubmitted)}
	price := func() time.Duration {
		p.mu.Lock()
		defer p.mu.Unlock()
		source, _ := p.source(row)
		return p.price(row, source)
	}
	prices := make([]time.Duration, 2)
	for i := range prices {
		for range 300 {
			c.forward(time.Second)
			_ = p.Every(row, 0)
			_ = price()
		}
		prices[i] = price()
	}
	require.Greater(t, prices[1], prices[0], "more was asked for than there is, so it gets dearer still")
}
