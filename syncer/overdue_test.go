package syncer

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
	"tasksync/task"
)

const timedOut = "Task timed out after 10 minutes."

// Rows are first heard of past their deadline, or their upstream cannot be asked
// then: none ends before it was answered, and each then ends as its task has
// ended.
func TestRowsPastTheirDeadline(t *testing.T) {
	t.Parallel()
	for name, outage := range map[string]simulator.Fault{
		"down": simulator.HTTP503, "limited": simulator.TooFrequent, "no money": simulator.NoCredits, "a page": simulator.HTML, "cut": simulator.Cut, "up": simulator.NoFault,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			stuck, _ := b.stale(task.Generate, simulator.Stuck)
			words, _ := b.stale(task.Lyrics, simulator.Ready)
			ready, _ := b.stale(task.Generate, simulator.Ready)
			dead, _ := b.stale(task.Generate, simulator.InternalError)
			nameless := b.insert(task.Generate, "", time.Hour)
			v1, unknown := b.insert("", "t", time.Hour), b.insert("remix", "t", time.Hour)
			ids := []string{stuck, words, ready, dead, nameless, v1, unknown}
			b.sim.Outage(outage)
			b.sync(ids...)
			if outage != simulator.NoFault {
				for _, id := range []string{stuck, words, ready, dead} {
					require.Equal(t, row{Status: "submitted"}, b.row(id), "an end without an answer")
				}
				b.sim.Outage(simulator.NoFault)
				b.syncer.sources[""].upstream = adapter(t, b.sim) // a pause of the credential is over
				b.clock.advance(4 * time.Second)
				b.sync(ids...)
			}
			failed := row{"failed", "API_ERROR", timedOut, true}
			require.Equal(t, failed, b.row(stuck))
			require.Equal(t, failed, b.row(nameless), "there is nothing to ask for")
			for _, id := range []string{words, ready} {
				require.Equal(t, row{Status: "complete", Completed: true}, b.row(id))
				require.Len(t, b.clips(id), 2)
			}
			require.NotEqual(t, timedOut, b.row(dead).Message, "the provider's word counts more than the clock")
			for _, id := range []string{v1, unknown} {
				require.Equal(t, row{Status: "submitted"}, b.row(id))
			}
		})
	}
}

// stale makes a task whose row is an hour old.
func (b *bundle) stale(kind task.Type, fate simulator.Fate) (id, taskID string) {
	taskID = b.sim.Submit(kind, fate)
	b.clock.advance(5 * time.Minute) // so that its fate is complete
	return b.insert(kind, taskID, time.Hour), taskID
}

// The memory of a row outlives a daemon: the next daemon continues the grace.
func TestTheGraceOutlivesADaemon(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.insert(task.Merge, b.sim.Submit(task.Merge, simulator.Stuck), 10*time.Minute)
	b.sim.Outage(simulator.HTTP503)
	for range 6 {
		b.syncer = New(b.syncer.cfg.without())
		b.sync(id)
		require.Equal(t, row{Status: "submitted"}, b.row(id))
		b.clock.advance(10 * time.Minute)
	}
	b.sync(id)
	r := b.row(id)
	require.Equal(t, "failed", r.Status)
	require.Contains(t, r.Message, timedOut+" The provider could not be asked since ")
	require.Contains(t, r.Message, "(http_5xx).")
	require.Equal(t, []string{"submitted failed timeout"}, b.events(id))
}

// without returns the configuration for another syncer of the same process.
func (c Config) without() Config {
	c.Registerer = nil
	return c
}

// The lane of a look depends on its row: due rows come before overdue ones.
func TestOverdueRowsAreAskedForInTheBacklog(t *testing.T) {
	t.Parallel()
	lanes := map[string]task.Lane{}
	var order []string
	b := setup(t, upstreamIs(fetchFunc(func(ctx context.Context, refs []task.Ref) ([]task.Observation, error) {
		for _, r := range refs {
			lanes[r.TaskID] = task.LaneOf(ctx)
			order = append(order, r.TaskID)
		}
		return nil, &task.Failure{Reason: "http_5xx"}
	})))
	young := b.insert(task.Merge, "young", time.Minute)
	b.sync(young)
	due := b.insert(task.Merge, "due", 10*time.Minute)
	b.sync(due)
	old, older := b.insert(task.Merge, "old", time.Hour), b.insert(task.Merge, "older", 2*time.Hour)
	order = nil
	b.sync(older, old)
	require.Equal(t, []string{"old", "older"}, order, "the newest first")
	require.Equal(t, map[string]task.Lane{"young": task.LaneDue, "due": task.LaneDeadline, "old": task.LaneBacklog, "older": task.LaneBacklog}, lanes)

	b.sync(due)
	require.Equal(t, task.LaneBacklog, lanes["due"], "it has had its look")
	results, err := b.syncer.Sync(t.Context(), Request{IDs: []string{young, due, old}, LeaveOverdue: true})
	require.NoError(t, err)
	require.Equal(t, "http_5xx", results[0].Reason)
	require.Equal(t, []string{ReasonOverdue, ReasonOverdue}, []string{results[1].Reason, results[2].Reason})
}

// A task that an answer about many leaves out past its deadline is asked for
// alone. Then it is known that the provider does not have it.
func TestATaskThatIsLeftOutIsAskedForAlone(t *testing.T) {
	t.Parallel()
	var alone []bool
	b := setup(t, upstreamIs(fetchFunc(func(_ context.Context, refs []task.Ref) ([]task.Observation, error) {
		if refs[0].TaskID == "known" {
			return allDone(context.Background(), refs)
		}
		alone = append(alone, refs[0].Alone)
		if refs[0].Alone {
			return []task.Observation{{TaskID: refs[0].TaskID, Failure: &task.Failure{Verdict: task.UnknownTask, Reason: "unknown_task"}}}, nil
		}
		return nil, nil
	})))
	b.sync(b.insert(task.Merge, "known", 0))
	id := b.insert(task.Merge, "lost", time.Hour)
	for range 4 {
		b.sync(id)
		require.Equal(t, row{Status: "submitted"}, b.row(id))
		b.clock.advance(20 * time.Second)
	}
	b.sync(id)
	require.Equal(t, row{"failed", "API_ERROR", timedOut, true}, b.row(id))
	require.Equal(t, []bool{false, true, true, true, true}, alone)
}

func TestCreatedAtInTheFuture(t *testing.T) {
	t.Parallel()
	b := setup(t, answers(task.Observation{Status: task.Processing}))
	id := b.insert(task.Merge, "t", -8*time.Hour)
	b.sync(id)
	b.clock.advance(9 * time.Minute)
	b.sync(id)
	require.Equal(t, "processing", b.row(id).Status)
	b.clock.advance(time.Minute)
	b.sync(id)
	require.Equal(t, row{"failed", "API_ERROR", timedOut, true}, b.row(id))
}

// The application copies files into its own storage while the row is under way.
func TestWhatTheApplicationWroteStays(t *testing.T) {
	t.Parallel()
	for _, own := range []string{"https://aaa.example/own.mp3", "https://zzz.example/own.mp3"} {
		first, second := newUUID(), newUUID()
		obs := task.Observation{Status: task.Streaming, Items: []task.Item{item(first, "One"), {ID: second, Status: task.Streaming}}}
		b := setup(t, answers(task.Observation{}), func(c *Config) {
			upstreamIs(fetchFunc(func(_ context.Context, refs []task.Ref) ([]task.Observation, error) {
				seen := obs
				seen.TaskID = refs[0].TaskID
				return []task.Observation{seen}, nil
			}))(c)
		})
		id := b.insert(task.Generate, "t", 0)
		b.sync(id)
		b.exec(`UPDATE music_clips SET audio_url = $1, title = 'My own' WHERE clip_id = $2`, own, first)
		b.syncer = New(b.syncer.cfg.without())
		b.sync(id)
		b.exec(`UPDATE music_generations SET status = 'failed' WHERE id = $1`, id) // and puts it back under way
		_, err := b.syncer.Retry(t.Context(), RetryRequest{IDs: []string{id}}, nil)
		require.NoError(t, err)
		obs = task.Observation{Status: task.Complete, Items: []task.Item{item(first, "One"), item(second, "Two")}}
		b.sync(id)
		require.Equal(t, "complete", b.row(id).Status)
		require.Equal(t, own, b.clips(id)[first].AudioURL)
		require.Equal(t, "My own", b.clips(id)[first].Title)
		require.Equal(t, "Two", b.clips(id)[second].Title)
		require.Zero(t, b.memories(), "nothing is left to remember")
	}
}

func (b *bundle) memories() (n int) {
	b.Helper()
	require.NoError(b, b.pool.QueryRow(context.Background(), `SELECT count(*) FROM tasksync.generation_memory`).Scan(&n))
	return n
}

func TestLateResults(t *testing.T) {
	t.Parallel()
	for _, mode := range []task.LateMode{task.LateOff, task.LateEvent, task.LateComplete} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			obs := task.Observation{Status: task.Processing}
			b := setup(t, func(c *Config) {
				c.Policy.Late = mode
				upstreamIs(fetchFunc(func(_ context.Context, refs []task.Ref) ([]task.Observation, error) {
					seen := obs
					seen.TaskID = refs[0].TaskID
					return []task.Observation{seen}, nil
				}))(c)
			})
			id := b.insert(task.Merge, "t", 10*time.Minute)
			b.exec(`INSERT INTO music_clips (generation_id, clip_id) VALUES ($1, 't-merge-0')`, id)
			b.sync(id)
			failed := row{"failed", "API_ERROR", timedOut, true}
			require.Equal(t, failed, b.row(id))
			obs = done("t")
			require.Zero(t, b.late(), "not due yet")
			b.clock.advance(2 * time.Minute)
			late := b.late()
			require.Zero(t, b.late())
			require.Zero(t, b.memories())
			var kept string
			_ = b.pool.QueryRow(t.Context(), `SELECT clips -> 0 ->> 'audio_url' FROM tasksync.late_results WHERE generation_id = $1`, id).Scan(&kept)
			switch mode {
			case task.LateOff:
				require.Zero(t, late)
				require.Equal(t, failed, b.row(id))
				require.Empty(t, kept)
			case task.LateEvent:
				require.Equal(t, 1, late)
				require.Equal(t, failed, b.row(id))
				require.Equal(t, task.Failed, b.clips(id)["t-merge-0"].Status)
				require.Equal(t, done("t").Items[0].AudioURL, kept)
				require.Equal(t, []string{"submitted failed timeout", "failed failed late SUCCESS"}, b.events(id))
			case task.LateComplete:
				require.Equal(t, 1, late)
				require.Equal(t, row{Status: "complete", Completed: true}, b.row(id))
				require.Equal(t, done("t").Items[0].AudioURL, b.clips(id)["clip-of-t"].AudioURL)
				require.Len(t, b.clips(id), 1)
				require.Equal(t, []string{"submitted failed timeout", "failed complete late SUCCESS"}, b.events(id))
			}
		})
	}
}

func (b *bundle) late() int {
	b.Helper()
	n, err := b.syncer.Late(context.Background())
	require.NoError(b, err)
	return n
}

// The application puts a row back under way, or deletes it, between two late
// looks.
func TestALateLookAtARowThatHasChanged(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]string{
		"pending again":    `UPDATE music_generations SET status = 'submitted', created_at = now() + interval '1 day'`,
		"deleted":          `DELETE FROM music_generations`,
		"another text":     `UPDATE music_generations SET error_message = 'Refunded'`,
		"another task":     `UPDATE music_generations SET task_id = 'u', error_code = 'REFUNDED'`,
		"V1 by now":        `UPDATE music_generations SET task_type = NULL`,
		"another's by now": `UPDATE music_generations SET provider = 'acedata'`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, upstreamIs(&still{}), func(c *Config) { c.Policy.Late = task.LateComplete })
			id := b.insert(task.Merge, "t", 10*time.Minute)
			b.sync(id)
			b.clock.advance(2 * time.Minute)
			b.exec(change)
			before := collect(b, id)
			b.syncer.sources[""].upstream = fetchFunc(allDone)
			b.late()
			require.Equal(t, before, collect(b, id))
		})
	}
}

// collect returns everything that is stored about a row.
func collect(b *bundle, id string) []string {
	b.Helper()
	rows, err := b.pool.Query(context.Background(), `SELECT g::text FROM music_generations AS g WHERE id = $1
		UNION ALL SELECT c::text FROM music_clips AS c WHERE generation_id = $1
		UNION ALL SELECT e::text FROM tasksync.generation_events AS e WHERE generation_id = $1
		UNION ALL SELECT l::text FROM tasksync.late_results AS l WHERE generation_id = $1`, id)
	require.NoError(b, err)
	out, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(b, err)
	return out
}

func TestAPreviewGetsItsAudioLate(t *testing.T) {
	t.Parallel()
	id := newUUID()
	obs := task.Observation{Status: task.Streaming, Items: []task.Item{{ID: id, Status: task.Streaming, StreamAudioURL: "https://stream.example/a"}}}
	b := setup(t, func(c *Config) {
		c.Prober = probeFunc(func(string) task.Probe { return task.ProbeDead })
		upstreamIs(fetchFunc(func(_ context.Context, refs []task.Ref) ([]task.Observation, error) {
			seen := obs
			seen.TaskID = refs[0].TaskID
			return []task.Observation{seen}, nil
		}))(c)
	})
	g := b.insert(task.Merge, "t", 10*time.Minute)
	b.sync(g)
	require.Equal(t, row{Status: "complete", Completed: true}, b.row(g))
	require.Empty(t, b.clips(g)[id].AudioURL)
	b.clock.advance(2 * time.Minute)
	require.Equal(t, 1, b.late())
	obs = task.Observation{Status: task.Complete, Raw: "SUCCESS", Items: []task.Item{item(id, "One")}}
	b.clock.advance(8 * time.Minute)
	require.Equal(t, 1, b.late())
	require.Equal(t, item(id, "One").AudioURL, b.clips(g)[id].AudioURL)
	require.Equal(t, row{Status: "complete", Completed: true}, b.row(g))
	require.Equal(t, []string{"submitted complete timeout", "complete complete late SUCCESS"}, b.events(g))
	require.Zero(t, b.memories())
}

func TestRetry(t *testing.T) {
	t.Parallel()
	b := setup(t, upstreamIs(fetchFunc(allDone)))
	insert := func(code, message string, asked bool) string {
		id := b.insert(task.Merge, "t"+newUUID(), time.Hour)
		b.exec(`UPDATE music_generations SET status = 'failed', error_code = $2, error_message = $3, completed_at = now() WHERE id = $1`, id, code, message)
		b.exec(`INSERT INTO music_clips (generation_id, clip_id, status) VALUES ($1, 'x-merge-0', 'failed')`, id)
		b.exec(`INSERT INTO tasksync.generation_events (generation_id, from_status, to_status, via, upstream_status)
			VALUES ($1, 'submitted', 'failed', 'timeout', CASE WHEN $2 THEN 'PENDING' END)`, id, asked)
		return id
	}
	victim, asked := insert("API_ERROR", timedOut, false), insert("API_ERROR", timedOut, true)
	refused := insert("COPYRIGHTED", "no", true)
	fine := b.insert(task.Merge, "fine", 0)
	retry := func(req RetryRequest) int {
		n, err := b.syncer.Retry(t.Context(), req, nil)
		require.NoError(t, err)
		return n
	}
	before := b.versions()
	require.Equal(t, 1, retry(RetryRequest{Unasked: true, DryRun: true}))
	require.Equal(t, 2, retry(RetryRequest{Code: "API_ERROR", DryRun: true}))
	require.Equal(t, 3, retry(RetryRequest{DryRun: true}))
	require.Zero(t, retry(RetryRequest{Since: time.Now().Add(time.Hour)}))
	require.Zero(t, retry(RetryRequest{IDs: []string{fine, newUUID()}}))
	require.Equal(t, before, b.versions())

	require.Equal(t, 1, retry(RetryRequest{Unasked: true}))
	require.Equal(t, row{Status: "submitted"}, b.row(victim))
	require.Equal(t, []string{"submitted failed timeout", "failed submitted retry"}, b.events(victim))
	require.Equal(t, task.Submitted, b.clips(victim)["x-merge-0"].Status)
	for _, id := range []string{asked, refused} {
		require.Equal(t, "failed", b.row(id).Status)
	}
	b.syncer.sources[""].upstream = &still{}
	b.clock.advance(9 * time.Minute)
	b.sync(victim)
	require.Equal(t, "processing", b.row(victim).Status, "it has a deadline from the retry on")
	b.syncer.sources[""].upstream = fetchFunc(allDone)
	b.sync(victim)
	require.Equal(t, row{Status: "complete", Completed: true}, b.row(victim))

	var told []int
	var many []string
	for range 2*retryBatch + 1 {
		many = append(many, insert("MANY", "x", true))
	}
	n, err := b.syncer.Retry(t.Context(), RetryRequest{IDs: many}, func(done int) { told = append(told, done) })
	require.NoError(t, err)
	require.Equal(t, len(many), n)
	require.Equal(t, []int{retryBatch, 2 * retryBatch, len(many)}, told)
	require.True(t, slices.IsSorted(told))
}

// A row that the application has locked, or that a trigger rejects, does not
// keep other rows from being put back.
func TestRetryLeavesRejectedRows(t *testing.T) {
	t.Parallel()
	b := setup(t, upstreamIs(fetchFunc(allDone)))
	var ids []string
	for _, name := range []string{"a", "bad", "b", "held", "c", "d", "e"} {
		ids = append(ids, b.insert(task.Merge, name, time.Hour))
	}
	b.exec(`UPDATE music_generations SET status = 'failed'`)
	b.raiseFor("bad", "P0001")
	tx, err := b.pool.Begin(t.Context())
	require.NoError(t, err)
	defer tx.Rollback(context.Background()) //nolint:errcheck // it holds a lock, and no more
	_, err = tx.Exec(t.Context(), `SELECT FROM music_generations WHERE id = $1 FOR UPDATE`, ids[3])
	require.NoError(t, err)

	n, err := b.syncer.Retry(t.Context(), RetryRequest{IDs: ids}, nil)
	require.Error(t, err)
	require.Equal(t, 5, n)
	for i, id := range ids {
		want := "submitted"
		if i == 1 || i == 3 {
			want = "failed"
		}
		require.Equal(t, want, b.row(id).Status, i)
	}
}

// The witness comes from the database if the daemon has not seen the provider
// know a task yet.
func TestAnotherDaemonsTaskVouches(t *testing.T) {
	t.Parallel()
	b := setup(t)
	known, _ := b.submit(task.Merge, simulator.Ready)
	b.sync(known)
	lost := b.insert(task.Generate, "nobody-knows", 0)
	b.syncer = New(b.syncer.cfg.without())
	for range 3 {
		require.Equal(t, "submitted", b.row(lost).Status)
		b.sync(lost)
		b.clock.advance(30 * time.Second)
	}
	require.Equal(t, "failed", b.row(lost).Status)
	record, _ := b.sim.Task(b.taskOf(known))
	require.Equal(t, 2, record.Asked, "once for the row, once as a witness")
}

func (b *bundle) taskOf(id string) (taskID string) {
	b.Helper()
	require.NoError(b, b.pool.QueryRow(context.Background(), `SELECT task_id FROM music_generations WHERE id = $1`, id).Scan(&taskID))
	return taskID
}

// A single row with an unknown task is its own trouble. It does not end if its
// provider has never known a task, and it does not make the daemon unready.
func TestALoneUnknownTaskIsNoTroubleOfTheProvider(t *testing.T) {
	t.Parallel()
	b := setup(t)
	lost := b.insert(task.Generate, "nobody-knows", 0)
	for range 5 {
		b.sync(lost)
		b.clock.advance(30 * time.Second)
		require.Empty(t, b.syncer.Trouble())
	}
	require.Equal(t, "submitted", b.row(lost).Status)
}

// The provider may have forgotten a witness of last week.
func TestAWitnessIsOfTheLastDay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	known, _ := b.submit(task.Merge, simulator.Ready)
	b.sync(known)
	b.exec(`UPDATE tasksync.generation_events SET created_at = created_at - interval '25 hours'`)
	require.NotEmpty(t, b.syncer.findWitness(t.Context(), b.syncer.sources[""]).TaskID)
	b.syncer = New(b.syncer.cfg.without())
	require.Empty(t, b.syncer.findWitness(t.Context(), b.syncer.sources[""]).TaskID)
}
