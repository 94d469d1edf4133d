package jobs

import (
	"context"
	"log/slog"
	"math"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
	"tasksync/looks"
	"tasksync/syncer"
	"tasksync/task"
)

func fast(p *task.Policy, c *simulator.Config) {
	p.PollInterval = 100 * time.Millisecond
	c.Speed = 100
}

func instant(_ *task.Policy, c *simulator.Config) { c.Speed = math.Inf(1) }

func TestSyncJobFollowsItsCohortToTheEnd(t *testing.T) {
	t.Parallel()
	b := setup(t, fast)
	want := map[string]string{}
	var ids []string
	for fate, end := range map[simulator.Fate]string{
		simulator.Success: "complete", simulator.Ready: "complete", simulator.LateItems: "complete", simulator.RefusedArtist: "failed", simulator.Refunded: "failed",
	} {
		id, _ := b.submit(task.Generate, fate, 0)
		ids, want[id] = append(ids, id), end
	}
	c := b.start(b.newClient())
	require.NoError(t, c.HandOn(t.Context(), ids))
	b.until("the job ends", func() bool { return b.jobs()[0].State == "completed" })
	for id, end := range want {
		require.Equal(t, end, b.status(id))
	}
	jobs := b.jobs()
	require.Len(t, jobs, 1)
	require.LessOrEqual(t, jobs[0].Attempt, 1, "a snooze burns no attempt")
	require.Zero(t, jobs[0].Errors)
}

// hourly makes a task that is younger than a minute due at every turn, and an
// older one once in an hour.
func hourly(p *task.Policy, _ *simulator.Config) {
	p.Timeout = 24 * time.Hour
	p.Handlers[task.Generate] = task.Handler{Clips: 2, Schedule: task.Schedule{
		{Until: time.Minute, Every: 200 * time.Millisecond}, {Until: time.Hour, Every: time.Hour},
	}}
}

func TestSyncJobAsksOnlyForDueMembers(t *testing.T) {
	t.Parallel()
	b := setup(t, hourly)
	young, youngTask := b.submit(task.Generate, simulator.Stuck, 0)
	old, oldTask := b.submit(task.Generate, simulator.Stuck, 2*time.Minute)
	first := b.newClient()
	require.NoError(t, first.HandOn(t.Context(), []string{young, old})) // before a sweep finds the old one
	require.NoError(t, first.Start(context.Background()))
	b.until("some looks", func() bool { return b.asked(youngTask) >= 3 })
	require.Equal(t, 1, b.asked(oldTask))
	b.stop(first)

	looks := b.asked(youngTask)
	second := b.start(b.newClient())
	b.until("some more", func() bool { return b.asked(youngTask) >= looks+2 })
	require.Equal(t, 1, b.asked(oldTask), "the schedule survives a restart")

	// Without the first one, the job sleeps for as long as the second one may.
	b.exec(`UPDATE music_generations SET status = 'failed' WHERE id = $1`, young)
	b.until("the job waits for the old one", func() bool { return b.jobs()[0].State == "scheduled" })
	at := b.jobs()[0].ScheduledAt
	require.WithinRange(t, at, time.Now().Add(55*time.Minute), time.Now().Add(time.Hour), "and its time has not crept away")
	require.Len(t, b.jobs(), 1)
	b.stop(second)
}

func TestPlan(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1_800_000_000_000)
	w := &syncWorker{now: func() time.Time { return now }}
	ids := []string{"a", "b", "c", "d", "e"}
	before := dueTimes{Due: []int64{0, now.Add(time.Minute).UnixMilli(), 0, 0, now.UnixMilli()}}
	notBefore := before.notBefore(ids)
	require.Len(t, notBefore, 2)
	results := []syncer.Result{
		{ID: "a", Outcome: task.OutcomeSynced, Next: now.Add(30 * time.Second)},
		{ID: "b", Outcome: task.OutcomeSkipped, Reason: syncer.ReasonNotDue, Next: notBefore["b"]},
		{ID: "c", Outcome: task.OutcomeSynced, NewStatus: task.Complete},
		{ID: "d", Outcome: task.OutcomeSkipped, Reason: task.ReasonNotReported, Next: now.Add(10 * time.Second)},
		{ID: "e", Outcome: task.OutcomeSkipped, Reason: syncer.ReasonNotDue, Next: now},
	}
	due := func(s ...time.Duration) dueTimes {
		out := dueTimes{Due: make([]int64, len(s)), Tracks: make([]looks.Track, len(s))}
		for i, d := range s {
			if d >= 0 {
				out.Due[i] = now.Add(d).UnixMilli()
			}
		}
		return out
	}
	got := w.plan(ids, results, notBefore, false)
	require.Equal(t, due(30*time.Second, time.Minute, -1, 10*time.Second, 0), got, "a member that was not due keeps its time")
	require.Equal(t, now, got.earliest())
	require.Equal(t, due(30*time.Second, time.Minute, -1, 0, 0), w.plan(ids, results, notBefore, true), "stopping: a member that was not answered is due")
	require.True(t, w.plan(ids, nil, nil, false).earliest().IsZero())
	require.Nil(t, dueTimes{Due: []int64{1}}.notBefore(ids), "a memory of others is none")
}

func TestRecorded(t *testing.T) {
	t.Parallel()
	for output, want := range map[string][]int64{
		``: nil, `{"due":[1,2]}`: {1, 2}, `"x"`: nil, `{"due":"x"}`: nil, `{"due":[1,"x"]}`: nil, `{"due":[1e300]}`: nil, `null`: nil, `[]`: nil, `{}`: nil,
	} {
		metadata := `{}`
		if output != "" {
			metadata = `{"output":` + output + `}`
		}
		s, first := recorded(&river.Job[SyncArgs]{JobRow: &rivertype.JobRow{Metadata: []byte(metadata)}})
		require.Equal(t, want, s.Due, output)
		require.Equal(t, output == "", first, output)
	}
}

// TestSpoiltJobs has jobs with a broken payload or a broken memory. Every row still
// comes to its end.
func TestSpoiltJobs(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]string{
		"ids are no list":          `args = '{"task_type":"generate","ids":"x"}'`,
		"ids are gone":             `args = '{}'`,
		"ids are numbers":          `args = '{"ids":[1,2]}'`,
		"one of them is a number":  `args = jsonb_set(args, '{ids,0}', '5')`,
		"the type is a number":     `args = jsonb_set(args, '{task_type}', '5')`,
		"payload is no object":     `args = '"x"'`,
		"kind is unknown":          `kind = 'nonsense'`,
		"memory is no object":      `metadata = '{"output":"x"}'`,
		"memory is of others":      `metadata = '{"output":{"due":[1]}}'`,
		"memory is of wrong types": `metadata = '{"output":{"due":[true,null]}}'`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, instant)
			one, _ := b.submit(task.Generate, simulator.Ready, time.Minute)
			two, _ := b.submit(task.Generate, simulator.Ready, time.Minute)
			require.NoError(t, b.client.HandOn(t.Context(), []string{one, two}))
			b.exec(`UPDATE tasksync.river_job SET ` + spoil)
			b.start(b.newClient(sweepEvery(200 * time.Millisecond)))
			b.until("both end", func() bool { return b.status(one) == "complete" && b.status(two) == "complete" })
		})
	}
}

// TestDeadDaemon has a job that a daemon took with it.
func TestDeadDaemon(t *testing.T) {
	t.Parallel()
	b := setup(t, instant)
	id, _ := b.submit(task.Generate, simulator.Ready, time.Minute)
	b.addJob("running 30 s", id)
	b.start(b.newClient(sweepEvery(200 * time.Millisecond)))
	b.until("the sweep takes over", func() bool { return b.status(id) == "complete" })
}

func TestLostHintIsSwept(t *testing.T) {
	t.Parallel()
	b := setup(t, instant)
	id, _ := b.submit(task.Generate, simulator.Ready, time.Minute)
	b.start(b.newClient())
	b.until("nobody handed it on", func() bool { return b.status(id) == "complete" })
}

// TestStopGivesJobsBack has an upstream that hangs.
func TestStopGivesJobsBack(t *testing.T) {
	t.Parallel()
	b := setup(t, func(_ *task.Policy, c *simulator.Config) { c.Speed = math.Inf(1) })
	hangs := b.sim.Submit(task.Generate, simulator.Ready, simulator.Hang)
	answers := b.sim.Submit(task.Generate, simulator.Ready)
	stuck := b.sim.Submit(task.Lyrics, simulator.Ready, simulator.Hang)
	ids := []string{b.insert(task.Generate, hangs, 0), b.insert(task.Generate, answers, 0), b.insert(task.Lyrics, stuck, time.Hour)}
	c := b.newClient(sweepEvery(time.Hour))
	b.exec(`UPDATE music_generations SET created_at = now() - interval '9 minutes 58 seconds' WHERE id = $1`, ids[2])
	require.NoError(t, c.HandOn(t.Context(), ids)) // before the first sweep, which hands on what it finds
	require.NoError(t, c.Start(context.Background()))
	b.until("all are asked", func() bool { return b.asked(hangs) == 1 && b.asked(answers) == 1 && b.asked(stuck) == 1 })
	began := time.Now()
	b.stop(c)
	require.Less(t, time.Since(began), softStop+2*time.Second)
	require.Equal(t, "complete", b.status(ids[1]), "what was answered is kept")
	require.Equal(t, "submitted", b.status(ids[0]))
	require.Equal(t, "submitted", b.status(ids[2]), "it passed its deadline while it was asked, and had no answer")
	for _, job := range b.jobs() {
		require.Equal(t, "available", job.State)
		require.False(t, job.ScheduledAt.After(time.Now()), "at once")
		require.Zero(t, job.Errors)
	}
	b.start(b.newClient())
	b.until("another daemon goes on", func() bool { return b.status(ids[0]) == "complete" && b.status(ids[2]) == "complete" })
}

// laneOf is an upstream that answers nothing, and tells in which lane it is
// asked.
type laneOf chan task.Lane

func (l laneOf) Fetch(ctx context.Context, _ []task.Ref) ([]task.Observation, error) {
	l <- task.LaneOf(ctx)
	return nil, &task.Failure{Reason: "http_5xx"}
}

// Old rows that were put back under way may be thousands, with a deadline to come: a
// new row must not wait for them.
func TestRetriedRowsGiveWay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	lanes := make(laneOf, 10)
	b.syncer = syncer.New(syncer.Config{Pool: b.pool, Upstreams: map[string]syncer.Upstream{"": lanes}, Policy: b.policy, Logger: b.logger()})
	old := b.insert(task.Merge, "old", time.Hour)
	b.exec(`UPDATE music_generations SET status = 'failed'`)
	n, err := b.syncer.Retry(t.Context(), syncer.RetryRequest{IDs: []string{old}}, nil)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	c := b.newClient(sweepEvery(time.Hour))
	require.NoError(t, c.HandOn(t.Context(), []string{old})) // before a sweep finds it
	b.start(c)
	require.Equal(t, task.LaneBacklog, <-lanes)
	require.NoError(t, c.HandOn(t.Context(), []string{b.insert(task.Merge, "new", 0)}))
	require.Equal(t, task.LaneFirst, <-lanes)
}

// TestPanicInWorker has a client whose syncer has no database.
func TestPanicInWorker(t *testing.T) {
	t.Parallel()
	b := setup(t, instant)
	id, _ := b.submit(task.Generate, simulator.Ready, 0)
	broken := b.newClient(func(c *Config) { c.Syncer = syncer.New(syncer.Config{Policy: b.policy}) })
	require.NoError(t, broken.Start(context.Background()))
	require.NoError(t, broken.HandOn(t.Context(), []string{id}))
	b.until("the panic is noted", func() bool { return b.jobs()[0].Errors > 0 })
	b.stop(broken)
	require.Contains(t, b.log.String(), "Job panicked")
	require.Equal(t, "submitted", b.status(id))
	b.start(b.newClient())
	b.until("the job is tried again", func() bool { return b.status(id) == "complete" })
}

// TestPassThatCannotBeMade is tried again.
func TestPassThatCannotBeMade(t *testing.T) {
	t.Parallel()
	b := setup(t, instant)
	id, _ := b.submit(task.Generate, simulator.Ready, 0)
	require.NoError(t, b.client.HandOn(t.Context(), []string{id}))
	b.exec(`ALTER TABLE music_clips RENAME TO away`)
	b.start(b.newClient())
	b.until("it is noted", func() bool { return b.jobs()[0].Errors > 0 })
	require.Equal(t, "submitted", b.status(id))
	b.exec(`ALTER TABLE away RENAME TO music_clips`)
	b.until("and tried again", func() bool { return b.status(id) == "complete" })
}

func TestRiverConfig(t *testing.T) {
	t.Parallel()
	b := setup(t)
	cfg := b.client.riverConfig(river.NewWorkers())
	require.Equal(t, time.Minute, cfg.CompletedJobRetentionPeriod)
	require.Equal(t, time.Minute, cfg.CancelledJobRetentionPeriod)
	require.Equal(t, 24*time.Hour, cfg.DiscardedJobRetentionPeriod)
	require.GreaterOrEqual(t, cfg.RescueStuckJobsAfter, cfg.JobTimeout, "a job that still runs is not rescued")
	require.LessOrEqual(t, cfg.RescueStuckJobsAfter, 30*time.Second)
	require.GreaterOrEqual(t, cfg.JobTimeout, 16*time.Second, "a fetch of 10 s and a commit of 6 s")
	require.Equal(t, Schema, cfg.Schema)
	require.NotEqual(t, cfg.Queues[queueSync], cfg.Queues[queueMaintenance], "a sweep does not wait behind passes")
	require.Zero(t, SyncArgs{}.InsertOpts().UniqueOpts)
}

func TestRetryPolicy(t *testing.T) {
	t.Parallel()
	now := time.Now()
	p := &retryPolicy{now: func() time.Time { return now }}
	for failed, seconds := range []int{1, 2, 4, 8, 16, 30, 30} {
		want := now.Add(time.Duration(seconds) * time.Second)
		require.Equal(t, want, p.NextRetry(&rivertype.JobRow{Errors: make([]rivertype.AttemptError, failed)}))
	}
}

func TestQuietLogger(t *testing.T) {
	t.Parallel()
	log, now := &logBuffer{}, time.Now()
	l := quiet(slog.New(slog.NewTextHandler(log, nil)), func() time.Time { return now }).With("a", 1).WithGroup("g")
	l.Info("not this")
	l.Warn("but this", "b", 2)
	require.NotContains(t, log.String(), "not this")
	require.Contains(t, log.String(), `msg="but this" library=river a=1 g.b=2`)

	l.Error("but this", "b", 3)
	l.Error("and this")
	require.NotContains(t, log.String(), "g.b=3", "within a minute")
	require.Contains(t, log.String(), "and this")
	now = now.Add(time.Minute)
	l.Error("but this", "b", 4)
	require.Contains(t, log.String(), "g.b=4 g.left_out=1")
}
