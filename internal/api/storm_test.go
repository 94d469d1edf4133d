package api

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
	"tasksync/task"
)

// storm is a load of webhooks, valid and forged.
type storm struct {
	*bundle
	rng   *rand.Rand
	rows  map[string]string // generation id → task id
	tasks []string
}

const (
	stormRows     = 200
	stormWebhooks = 5000
	stormLength   = 10 * time.Second
	stormDeadline = 20 * time.Second // of rows that only the deadline ends
)

func newStorm(b *bundle) *storm {
	return &storm{bundle: b, rng: rand.New(rand.NewPCG(4711, 4711)), rows: map[string]string{}}
}

// row makes a task and its row, old enough to end during the test.
func (s *storm) row(kind task.Type, fate simulator.Fate) {
	s.Helper()
	taskID := s.sim.Submit(kind, fate)
	record, _ := s.sim.Task(taskID)
	created := time.Now()
	switch {
	case record.Expected.AtDeadline:
		created = created.Add(stormDeadline - task.DefaultTimeout)
	case record.Fate == simulator.Forgotten: // older than the patience with unknown tasks
		created = created.Add(-2 * time.Minute)
	}
	var id string
	require.NoError(s, s.pool.QueryRow(context.Background(), `INSERT INTO music_generations (user_id, task_id, task_type, created_at)
		VALUES ($1, $2, $3, $4) RETURNING id`, alice, taskID, kind, created).Scan(&id))
	s.rows[id] = taskID
	s.tasks = append(s.tasks, taskID)
}

// stormWebhook is one webhook and the status that it must get.
type stormWebhook struct {
	token, body string
	want        int
}

// webhooks makes webhooks about the real tasks, in random order and with repetitions,
// and among them forged ones, broken ones, and ones about unknown tasks.
func (s *storm) webhooks() []stormWebhook {
	out := make([]stormWebhook, 0, stormWebhooks)
	for len(out) < stormWebhooks {
		body := callbackOf(s.tasks[s.rng.IntN(len(s.tasks))])
		body = strings.Replace(body, "complete", []string{"text", "first", "complete", "error"}[s.rng.IntN(4)], 1)
		c := stormWebhook{webhookToken, body, http.StatusOK}
		switch s.rng.IntN(10) {
		case 0:
			c.token, c.want = "forged-"+strconv.Itoa(len(out)), http.StatusNotFound
		case 1:
			c.body = callbackOf("unknown-" + strconv.Itoa(len(out)))
		case 2:
			c.body, c.want = c.body[:len(c.body)/2], http.StatusBadRequest
		case 3:
			c.body = fmt.Sprintf("[%s,%s,%s]", body, callbackOf("unknown"), callbackOf(s.tasks[s.rng.IntN(len(s.tasks))]))
		}
		out = append(out, c)
	}
	return out
}

// send sends webhooks from sixteen clients, spread over length.
func (s *storm) send(calls []stormWebhook, length time.Duration) (slowest time.Duration) {
	s.Helper()
	due := make(chan stormWebhook)
	var workers sync.WaitGroup
	var mu sync.Mutex
	for range 16 {
		workers.Go(func() {
			for c := range due {
				began := time.Now()
				a, err := send(context.Background(), s.webhook("kie", c.token, c.body))
				s.NoError(err)
				if err == nil && a.status != c.want {
					s.Errorf("%d for %s", a.status, c.body)
				}
				mu.Lock()
				slowest = max(slowest, time.Since(began))
				mu.Unlock()
			}
		})
	}
	ticker := time.NewTicker(max(length/time.Duration(max(len(calls), 1)), 1))
	defer ticker.Stop()
	for _, c := range calls {
		<-ticker.C
		due <- c
	}
	close(due)
	workers.Wait()
	return slowest
}

// lastWebhooks makes the webhooks that providers send when tasks end.
func (s *storm) lastWebhooks(pending map[string]string) (calls []stormWebhook) {
	for _, taskID := range pending {
		calls = append(calls, stormWebhook{webhookToken, callbackOf(taskID), http.StatusOK})
	}
	return calls
}

// pending returns the rows that have not ended, and their tasks.
func (s *storm) pending() map[string]string {
	s.Helper()
	rows, err := s.pool.Query(context.Background(), `SELECT id::text, task_id FROM music_generations WHERE status NOT IN ('complete', 'failed')`)
	require.NoError(s, err)
	out := map[string]string{}
	var id, taskID string
	_, err = pgx.ForEachRow(rows, []any{&id, &taskID}, func() error { out[id] = taskID; return nil })
	require.NoError(s, err)
	return out
}

// verify compares the rows with their tasks at the upstream, and checks that each event
// of a row begins with the status that the event before it ended with.
func (s *storm) verify() {
	s.Helper()
	for id, taskID := range s.rows {
		record, _ := s.sim.Task(taskID)
		var status, code, message string
		require.NoError(s, s.pool.QueryRow(context.Background(), `SELECT status, coalesce(error_code, ''), coalesce(error_message, '')
			FROM music_generations WHERE id = $1`, id).Scan(&status, &code, &message))
		what := fmt.Sprintf("%s %s: %s %s %q", record.Type, record.Fate, status, code, message)
		require.Equal(s, record.Expected.Status, task.Status(status), what)
		require.Equal(s, record.Expected.ErrorCode, task.Code(code), what)
		require.Equal(s, cmp.Or(record.Expected.ErrorMessage, message), message, what)
		s.verifyClips(id, record, what)
	}
	require.Zero(s, s.queryInt(`SELECT count(*) FROM (
		SELECT from_status, coalesce(lag(to_status) OVER (PARTITION BY generation_id ORDER BY id), 'submitted') AS before
		FROM tasksync.generation_events) AS e WHERE from_status <> before`), "a change is written twice, or not at all")
	require.Equal(s, len(s.rows), s.queryInt(`SELECT count(*) FROM tasksync.generation_events WHERE to_status IN ('complete', 'failed')`))
	require.Zero(s, s.queryInt(`SELECT count(*) FROM tasksync.generation_events WHERE via NOT IN ('webhook', 'timeout')`))
	require.Zero(s, s.queryInt(`SELECT count(*) FROM tasksync.river_job`))
}

func (s *storm) verifyClips(id string, record simulator.Record, what string) {
	s.Helper()
	rows, err := s.pool.Query(context.Background(), `SELECT clip_id, status, coalesce(title, ''), coalesce(audio_url, ''),
		coalesce(stream_audio_url, ''), coalesce(video_url, ''), coalesce(image_url, ''), coalesce(lyrics, ''), coalesce(tags, ''),
		coalesce(model_name, ''), coalesce(duration, 0) FROM music_clips WHERE generation_id = $1`, id)
	require.NoError(s, err)
	got := map[string]simulator.Clip{}
	var c simulator.Clip
	_, err = pgx.ForEachRow(rows, []any{
		&c.ClipID, &c.Status, &c.Title, &c.AudioURL, &c.StreamAudioURL, &c.VideoURL, &c.ImageURL,
		&c.Lyrics, &c.Tags, &c.ModelName, &c.Duration,
	}, func() error { got[c.ClipID] = c; return nil })
	require.NoError(s, err)
	for _, want := range record.Expected.Clips {
		if want.Derive {
			want.AudioURL, want.Derive = task.CDNURL(want.ClipID), false
		}
		require.Equal(s, want.Allow(got[want.ClipID]), got[want.ClipID], what)
		delete(got, want.ClipID)
	}
	for _, left := range got {
		require.Equal(s, task.Failed, record.Expected.Status, what)
		require.Equal(s, task.Failed, left.Status, what)
	}
}

// settle waits until all rows have ended. A task that had no answer several times is
// left to its job. There is no job in this test, so settle sends its webhook again.
func (s *storm) settle() {
	s.Helper()
	called := time.Now()
	s.until("all rows end", func() bool {
		left := s.pending()
		if time.Since(called) > 5*time.Second && counterValue(s, s.reg, "tasksync_webhook_tasks_total", "unanswered") > 0 {
			called = time.Now()
			s.send(s.lastWebhooks(left), 0)
		}
		return len(left) == 0
	})
}

// TestWebhookStorm sends 5,000 webhooks in ten seconds. The upstream allows fifteen
// calls a second and counts the calls.
func TestWebhookStorm(t *testing.T) {
	t.Parallel()
	const limit = 150
	b, watched := setupWatched(t, simulator.Config{Seed: 20261123, Speed: 60, RateLimit: limit}, limit,
		func(c *Config) { c.WebhookSpacing = 250 * time.Millisecond })
	s := newStorm(b)
	// A forgotten task is noticed after a minute of looks, which the jobs make.
	fates := slices.DeleteFunc(simulator.Fates(), func(f simulator.Fate) bool { return f == simulator.Forgotten })
	kinds := []task.Type{task.Generate, task.Extend, task.Replace, task.Merge, task.Lyrics}
	for i := range stormRows {
		s.row(kinds[i%len(kinds)], fates[i%len(fates)])
	}
	began := time.Now()
	slowest := s.send(s.webhooks(), stormLength)
	raged := time.Since(began)
	var last time.Time
	for _, record := range s.sim.Tasks() {
		if last = later(last, record.FinalAt); record.Expected.AtDeadline {
			last = later(last, began.Add(stormDeadline))
		}
	}
	s.until("all tasks are over", func() bool { return time.Now().After(last.Add(time.Second)) })
	left := s.pending()
	s.send(s.lastWebhooks(left), 0)
	s.settle()
	took, requests := time.Since(began), s.sim.Requests().Total
	t.Logf("%d calls in %s, the slowest in %s; %d passes and %d requests in %s; %d of %d rows were pending after the storm; %d unanswered",
		stormWebhooks, raged, slowest, watched.passes.Load(), requests, took, len(left), stormRows, counterValue(t, b.reg, "tasksync_webhook_tasks_total", "unanswered"))
	require.LessOrEqual(t, requests, limit*(int64(took/(10*time.Second))+1), "the rate limit holds")
	require.Zero(t, s.sim.Requests().Code(430)+s.sim.Requests().Code(429), "the upstream has refused none of them")
	s.verify()
	for _, result := range []string{"accepted", "forged", "malformed"} {
		require.NotZero(t, counterValue(t, b.reg, "tasksync_webhooks_total", result), result)
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// TestShutdownInTheMiddleOfWebhooks stops the API while calls to a slow upstream are
// under way, and starts another one.
func TestShutdownInTheMiddleOfWebhooks(t *testing.T) {
	t.Parallel()
	b, _ := setupWatched(t, simulator.Config{Seed: 5, Speed: math.Inf(1), SlowDelay: time.Second}, -1)
	s := newStorm(b)
	for range 40 {
		taskID := s.sim.Submit(task.Generate, simulator.Ready, simulator.Slow)
		s.rows[s.insert(alice, task.Generate, taskID)] = taskID
	}
	first := b.start(nil)
	s.url = first.url
	s.send(s.lastWebhooks(s.rows), 0)
	s.until("the upstream is being asked", func() bool { return s.sim.Requests().Total > 10 })
	began := time.Now()
	first.stop()
	took, left := time.Since(began), s.pending()
	t.Logf("stopped in %s: %d of 40 rows were pending, after %d requests", took, len(left), s.sim.Requests().Total)
	require.NotEmpty(t, left, "the stop came too late")
	require.Zero(t, s.queryInt(`SELECT count(*) FROM music_clips AS c JOIN music_generations AS g ON g.id = c.generation_id WHERE g.status <> 'complete'`))
	require.Zero(t, s.queryInt(`SELECT count(*) FROM music_generations AS g WHERE status = 'complete'
		AND (SELECT count(*) FROM music_clips AS c WHERE c.generation_id = g.id) <> 2`), "whole rows or nothing")

	second := b.start(nil)
	s.url = second.url
	s.send(s.lastWebhooks(left), 0)
	s.until("all rows end", func() bool { return len(s.pending()) == 0 })
	s.verify()
}
