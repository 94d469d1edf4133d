package wakeup

import (
	"fmt"
	"math"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
	"tasksync/syncer"
	"tasksync/task"
)

// TestLastWebhookIsFollowedByALook has a task that moves on while the look after its
// first webhook is under way. The other webhooks come within the spacing.
func TestLastWebhookIsFollowedByALook(t *testing.T) {
	t.Parallel()
	const spacing = 700 * time.Millisecond
	var ahead atomic.Int64 // of the upstream's clock
	start := time.Now()
	b := setup(t, simulator.Config{Seed: 1, Now: func() time.Time { return start.Add(time.Duration(ahead.Load())) }},
		func(c *Config) { c.Spacing = spacing })
	looked, resume := make(chan struct{}), make(chan struct{})
	b.syncer.then(func(n int, results []syncer.Result) []syncer.Result {
		if n == 1 {
			close(looked)
			<-resume
		}
		return results
	})
	taskID := b.sim.Submit(task.Generate, simulator.Success)
	id := b.insert(taskID)
	record, _ := b.sim.Task(taskID)
	began := time.Now()
	require.True(t, b.name(taskID))
	<-looked
	ahead.Store(int64(record.FinalAt.Add(time.Second).Sub(start)))
	require.True(t, b.name(taskID))
	require.True(t, b.name(taskID))
	close(resume)
	b.endedByWebhook(id)
	passes := b.syncer.passes()
	require.Len(t, passes, 2, "the two later webhooks share a look")
	require.GreaterOrEqual(t, passes[1].Sub(began), spacing, "after the spacing")
}

// TestSpacing names a task that does not end again and again.
func TestSpacing(t *testing.T) {
	t.Parallel()
	const spacing = 300 * time.Millisecond
	b := setup(t, simulator.Config{Seed: 2, Speed: math.Inf(1)}, func(c *Config) { c.Spacing = spacing })
	taskID := b.sim.Submit(task.Generate, simulator.Stuck)
	b.insert(taskID)
	webhooks, began := 0, time.Now()
	for len(b.syncer.passes()) < 4 {
		require.True(t, b.name(taskID))
		webhooks++
	}
	passes := b.syncer.passes()
	for i, at := range passes {
		// Counted from the beginning: a pass may start late, and the next one on time.
		require.GreaterOrEqual(t, at.Sub(began), time.Duration(i)*spacing)
	}
	t.Logf("%d webhooks, %d looks", webhooks, len(passes))
}

// TestUnanswered has an upstream that answers late, or not at all.
func TestUnanswered(t *testing.T) {
	t.Parallel()
	b := setup(t, simulator.Config{Seed: 3, Speed: math.Inf(1)}, func(c *Config) { c.Spacing = 50 * time.Millisecond })
	var silent atomic.Bool
	silent.Store(true)
	b.syncer.then(func(_ int, results []syncer.Result) []syncer.Result {
		for i := range results {
			if silent.Load() {
				results[i] = syncer.Result{ID: results[i].ID, Outcome: task.OutcomeSkipped, Reason: task.ReasonNotReported}
			}
		}
		return results
	})
	taskID := b.sim.Submit(task.Generate, simulator.Stuck)
	b.insert(taskID)
	require.True(t, b.name(taskID))
	b.awaitResult("unanswered", maxTries)
	b.until("it is left to its job", func() bool {
		b.queue.mu.Lock()
		defer b.queue.mu.Unlock()
		return len(b.queue.due) == 0
	})
	silent.Store(false)
	require.True(t, b.name(taskID))
	b.awaitResult("looked_at", 1)
	require.Len(t, b.syncer.passes(), maxTries+1)
}

// TestOverflow names more tasks than are kept while none can be looked at.
func TestOverflow(t *testing.T) {
	t.Parallel()
	b := setup(t, simulator.Config{Seed: 4, Speed: math.Inf(1)})
	taskID := b.sim.Submit(task.Generate, simulator.Ready)
	id := b.insert(taskID)
	unlock := b.lock("music_generations")
	var sent []string
	for n, room := 0, true; room; n++ {
		require.Less(t, n, 400)
		names := make([]string, 0, 100)
		for i := range 100 {
			names = append(names, fmt.Sprintf("unknown-%d-%d", n, i))
		}
		room = b.name(names...)
		sent = append(sent, names...)
	}
	b.queue.mu.Lock()
	waiting := len(b.queue.due)
	b.queue.mu.Unlock()
	require.LessOrEqual(t, waiting, maxTasks)
	require.Greater(t, len(sent), maxTasks)
	unlock()
	b.until("all that was kept is looked up", func() bool { return b.resultCount("unknown") >= maxTasks })
	remembered := 0
	b.queue.mu.Lock()
	for _, id := range sent {
		if _, ok := b.queue.looked.Get(named{"sunoapi\x00", id}.key()); ok {
			remembered++
		}
	}
	b.queue.mu.Unlock()
	require.LessOrEqual(t, remembered, (maxPasses+1)*groupSize, "of what is unknown nothing is kept")
	require.True(t, b.name(taskID))
	b.endedByWebhook(id)
}
