package main

import (
	"context"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tasksync/internal/database"
	"tasksync/internal/postgres/postgrestest"
	"tasksync/internal/simulator"
	"tasksync/task"
)

// creditsRows is how many rows these tests insert at least; CREDITS_ROWS changes it. With
// 100000 (-run TestCreditsAreExact/function -timeout 1h) they take a quarter of an hour.
const creditsRows = 300

const (
	creditsSeed    = 20261130
	creditsTimeout = 5 * time.Second
	creditsRich    = 40 // users who can pay for everything
	creditsPoor    = 5  // users who cannot
)

// TestCreditsAreExact has two daemons, which are killed again and again, end rows of
// examples/credits while calls fail, rows are retried and results come late. The books
// are right at every moment, to the credit.
func TestCreditsAreExact(t *testing.T) {
	t.Parallel()
	for _, way := range []struct{ name, sql, function string }{
		{"function", "", "credits.settle_generation"},
		{"trigger", "trigger.sql", ""},
	} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			c := newCredits(t, way.sql, way.function)
			c.play(t)
			c.verify(t)
			if way.function != "" {
				c.verifySettlements(t)
			}
		})
	}
}

// credits is a shop with a ledger.
type credits struct {
	*e2e
	daemons  []*process
	with     map[string]string
	rich     []string
	poor     []string
	refused  int // inserts that a balance did not cover
	kills    int
	inserted int
}

func newCredits(t *testing.T, trigger, function string) *credits {
	t.Helper()
	c := &credits{e2e: &e2e{provider: "sunoproxy", seed: creditsSeed, url: postgrestest.URL(t)}}
	pool, err := pgxpool.New(t.Context(), c.url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	c.pool = pool
	c.serve(t, simulator.Config{Speed: e2eSpeed, FaultRate: 0.02, FaultMix: e2eFaults, SlowDelay: 200 * time.Millisecond, Mix: simulator.Mix{
		simulator.Success: 60, simulator.OneClip: 5, simulator.RefusedArtist: 10, simulator.InternalError: 10, simulator.Stuck: 5, simulator.CallbackException: 5,
	}})
	for _, file := range []string{"credits.sql", trigger} {
		if file == "" {
			continue
		}
		sql, err := os.ReadFile("../../examples/credits/" + file)
		require.NoError(t, err)
		c.exec(t, string(sql))
	}
	for i := range creditsRich + creditsPoor {
		var user string
		require.NoError(t, pool.QueryRow(t.Context(), `SELECT gen_random_uuid()::text`).Scan(&user))
		if grant := 10_000_000; i < creditsRich {
			c.rich = append(c.rich, user)
			c.exec(t, `SELECT credits.grant_credits($1, $2)`, user, grant)
		} else {
			c.poor = append(c.poor, user)
			c.exec(t, `SELECT credits.grant_credits($1, 25)`, user)
		}
	}
	c.with = c.settings()
	c.with["TASKSYNC_TIMEOUT"], c.with["TASKSYNC_LATE"] = creditsTimeout.String(), "complete"
	if function != "" {
		c.with["TASKSYNC_SETTLE"] = function
	}
	for range 2 {
		d := start(t, c.with, "run")
		d.ready(t)
		c.daemons = append(c.daemons, d)
	}
	return c
}

func (c *credits) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	_, err := c.pool.Exec(context.WithoutCancel(t.Context()), sql, args...)
	require.NoError(t, err)
}

// play inserts the rows in bursts. After each burst it kills a daemon or retries what
// has failed, and looks at the books.
func (c *credits) play(t *testing.T) {
	t.Helper()
	total := creditsRows
	if n, err := strconv.Atoi(os.Getenv("CREDITS_ROWS")); err == nil {
		total = n
	}
	burst := max(50, total/100)
	began := time.Now()
	for round := 0; c.inserted < total; round++ {
		require.Eventually(t, func() bool { return c.pending(t) < 5*burst }, worldPatience, 100*time.Millisecond, "rows end")
		c.burst(t, burst, 5)
		switch round % 3 {
		case 0:
			c.kill(t, round/3%2)
		case 1:
			c.retry(t)
		}
		c.audit(t)
	}
	c.settle(t, func() *process { return c.daemons[0] })
	c.burst(t, 50, 1)
	require.Eventually(t, func() bool { return c.late(t) > 0 }, worldPatience, 50*time.Millisecond, "late results")
	c.settle(t, func() *process { return c.daemons[0] })
	for _, d := range c.daemons {
		require.Zero(t, d.stop(t), tail(d.output()))
	}
	t.Logf("%d rows, %d kills, in %s", c.inserted, c.kills, time.Since(began).Round(time.Second))
}

// burst inserts n rows, most of them in one transaction for each user, and some for
// users whose balance may not cover them. One row of so many has its deadline at once,
// before its result.
func (c *credits) burst(t *testing.T, n, oneOf int) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	byUser := map[string][]int{}
	for i := range n {
		user := c.rich[c.rng.IntN(len(c.rich))]
		if i%10 == 0 {
			user = c.poor[c.rng.IntN(len(c.poor))]
		}
		byUser[user] = append(byUser[user], i)
	}
	for user, of := range byUser {
		var tasks, types []string
		var ages []float64
		for range of {
			taskType := []task.Type{task.Generate, task.Extend, task.Lyrics}[c.rng.IntN(3)]
			tasks, types = append(tasks, c.sim.Submit(taskType, "")), append(types, string(taskType))
			age := 0.0
			if c.rng.IntN(oneOf) == 0 {
				age = creditsTimeout.Seconds()
			}
			ages = append(ages, age)
		}
		tag, err := c.pool.Exec(ctx, `INSERT INTO music_generations (user_id, task_id, task_type, status, created_at)
			SELECT $1, u.task_id, u.task_type, 'submitted', clock_timestamp() - make_interval(secs => u.age)
			FROM unnest($2::text[], $3::text[], $4::double precision[]) AS u (task_id, task_type, age)`, user, tasks, types, ages)
		if database.Code(err) == database.CheckViolation {
			c.refused++
			continue
		}
		require.NoError(t, err)
		c.inserted += int(tag.RowsAffected())
	}
}

// kill ends a daemon by SIGKILL once rows are under way, and starts another one.
func (c *credits) kill(t *testing.T, which int) {
	t.Helper()
	ended := c.ended(t)
	require.Eventually(t, func() bool { return c.ended(t) > ended || c.pending(t) == 0 }, 2*time.Minute, time.Millisecond)
	require.NoError(t, c.daemons[which].cmd.Process.Kill())
	<-c.daemons[which].done
	c.kills++
	c.daemons[which] = start(t, c.with, "run")
	c.daemons[which].ready(t)
}

// retry makes failed rows pending again.
func (c *credits) retry(t *testing.T) {
	t.Helper()
	p := start(t, c.with, "retry", "--since", "20s")
	<-p.done
	require.NoError(t, p.err, p.output())
}

func (c *credits) number(t *testing.T, sql string) (n int) {
	t.Helper()
	require.NoError(t, c.pool.QueryRow(context.WithoutCancel(t.Context()), sql).Scan(&n))
	return n
}

func (c *credits) ended(t *testing.T) int {
	t.Helper()
	return c.number(t, `SELECT count(*) FROM tasksync.generation_events WHERE to_status IN ('complete', 'failed')`)
}

// late returns how many rows a late result has completed.
func (c *credits) late(t *testing.T) int {
	t.Helper()
	return c.number(t, `SELECT count(*) FROM tasksync.generation_events WHERE via = 'late' AND to_status = 'complete'`)
}

func (c *credits) pending(t *testing.T) int {
	t.Helper()
	return c.number(t, `SELECT count(*) FROM music_generations WHERE status NOT IN ('complete', 'failed')`)
}

// audit asks the ledger for mistakes.
func (c *credits) audit(t *testing.T) {
	t.Helper()
	mistakes := collect[struct {
		What        string
		Booked, Due int
	}](t, c.pool, `SELECT what, booked::integer, due::integer FROM credits.mistakes LIMIT 5`)
	require.Empty(t, mistakes, "seed %d", c.seed)
}

// verify compares the ledger with the rows, and makes sure that everything has happened.
func (c *credits) verify(t *testing.T) {
	t.Helper()
	c.audit(t)
	paid := c.number(t, `SELECT -sum(amount) FROM credits.entries WHERE kind <> 'grant'`)
	due := c.number(t, `SELECT sum(p.amount) FROM music_generations AS g JOIN credits.prices AS p USING (task_type) WHERE g.status = 'complete'`)
	require.Equal(t, due, paid, "charged less refunded, seed %d", c.seed)
	counts := map[string]int{}
	for _, k := range collect[struct {
		Kind string
		N    int
	}](t, c.pool, `SELECT kind, count(*)::integer FROM credits.entries GROUP BY kind`) {
		counts[k.Kind] = k.N
	}
	retried := c.number(t, `SELECT count(*) FROM tasksync.generation_events WHERE via = 'retry'`)
	owed := c.number(t, `SELECT sum(owed) FROM credits.accounts`)
	t.Logf("%v, %d retried, %d completed late, %d inserts refused, %d owed, paid %d", counts, retried, c.late(t), c.refused, owed, paid)
	require.Positive(t, counts["refund"])
	require.Positive(t, counts["recharge"])
	require.Positive(t, retried)
	require.Positive(t, c.late(t))
	require.Positive(t, c.refused)
	require.Positive(t, c.kills)
}

// verifySettlements asserts that each end was settled once, in its transaction.
func (c *credits) verifySettlements(t *testing.T) {
	t.Helper()
	require.Zero(t, c.number(t, `SELECT count(*) FROM tasksync.settlements WHERE state <> 'settled'`))
	require.Equal(t, c.ended(t), c.number(t, `SELECT count(*) FROM tasksync.settlements`))
	require.Equal(t, c.ended(t), c.number(t, `SELECT count(*) FROM tasksync.generation_events AS e JOIN tasksync.settlements AS s
		ON s.generation_id = e.generation_id AND s.created_at = e.created_at AND s.outcome = e.to_status`))
}
