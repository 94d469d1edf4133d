package syncer

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
	"tasksync/looks"
	"tasksync/task"
)

// TestSlowPassEndsAfterALaterOne has a pass that has an old answer, and sleeps
// while another pass is made.
func TestSlowPassEndsAfterALaterOne(t *testing.T) {
	t.Parallel()
	old := task.Observation{TaskID: "t", Status: task.Processing, Raw: "TEXT_SUCCESS", Items: []task.Item{
		{ID: "clip-of-t", Title: "an old title", Status: task.Streaming, StreamAudioURL: "https://cdn.example/preview"},
	}}
	fetched, release := make(chan struct{}), make(chan struct{})
	b := setup(t, upstreamIs(fetchFunc(func(context.Context, []task.Ref) ([]task.Observation, error) {
		close(fetched)
		<-release
		return []task.Observation{old}, nil
	})))
	id := b.insert(task.Merge, "t", 0)
	slow := make(chan []Result, 1)
	go func() {
		results, err := b.syncer.Sync(context.Background(), Request{IDs: []string{id}})
		if err != nil {
			t.Error(err)
		}
		slow <- results
	}()
	<-fetched
	quick := New(Config{Pool: b.pool, Upstreams: map[string]Upstream{"": fetchFunc(allDone)}, Policy: task.DefaultPolicy(), Now: b.clock.now})
	results, err := quick.Sync(t.Context(), Request{IDs: []string{id}, Via: ViaWebhook})
	require.NoError(t, err)
	require.Equal(t, task.Complete, results[0].NewStatus)
	before := b.versions()
	close(release)
	results = <-slow
	results[0].Track = looks.Track{}
	require.Equal(t, []Result{{ID: id, Outcome: task.OutcomeSkipped, Reason: task.ReasonNotPending}}, results)
	require.Equal(t, before, b.versions())
	require.Equal(t, []string{"submitted complete webhook SUCCESS"}, b.events(id))
}

// TestPassesInAnyOrderEndAlike applies views of the same tasks, taken at
// different times of their lives, by passes that run concurrently, in random
// order, and some of them in cohorts that overlap. The last view then ends every
// task, and the rows must be as if the passes had come one after the other in
// order.
func TestPassesInAnyOrderEndAlike(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Log("seed", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	b := setup(t)
	fates := []simulator.Fate{
		simulator.Success, simulator.Regressing, simulator.Reordered, simulator.Partial, simulator.UUIDTitles,
		simulator.LateItems, simulator.FailedItem, simulator.RefusedPending, simulator.UnknownStatus,
	}
	var refs []task.Ref
	var inOrder, shuffled []string
	tasks := map[string]string{}
	for _, kind := range []task.Type{task.Generate, task.Lyrics, task.Replace} {
		for _, fate := range fates {
			id, taskID := b.submit(kind, fate)
			refs = append(refs, task.Ref{TaskID: taskID, Type: kind})
			inOrder = append(inOrder, id)
			other := b.insert(kind, taskID, 0)
			shuffled = append(shuffled, other)
			tasks[id], tasks[other] = taskID, taskID
			for n := range r.IntN(3) {
				for _, x := range []string{id, other} {
					b.exec(`INSERT INTO music_clips (generation_id, clip_id) VALUES ($1, $2)`, x, task.PlaceholderID(taskID, kind, n))
				}
			}
		}
	}
	var views []fetchFunc
	for range 24 {
		seen, err := b.syncer.cfg.Upstreams[""].Fetch(t.Context(), refs)
		require.NoError(t, err)
		views = append(views, func(context.Context, []task.Ref) ([]task.Observation, error) { return seen, nil })
		b.clock.advance(15 * time.Second) // up to six minutes: all is over
	}
	pass := func(view fetchFunc, ids []string) error {
		s := New(Config{Pool: b.pool, Upstreams: map[string]Upstream{"": view}, Policy: task.DefaultPolicy(), Now: b.clock.now})
		_, err := s.Sync(context.Background(), Request{IDs: ids})
		return err
	}
	for _, view := range views {
		require.NoError(t, pass(view, inOrder))
	}
	var passes sync.WaitGroup
	errs := make(chan error, len(views)*2)
	for _, i := range append(r.Perm(len(views)), r.Perm(len(views))...) {
		part := shuffled[r.IntN(len(shuffled)/2):]
		part = part[:1+r.IntN(len(part))]
		passes.Go(func() { errs <- pass(views[i], part) })
	}
	passes.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	require.NoError(t, pass(views[len(views)-1], shuffled))
	for i := range inOrder {
		name := fmt.Sprintf("seed %d, task %s", seed, tasks[inOrder[i]])
		require.Equal(t, b.row(inOrder[i]), b.row(shuffled[i]), name)
		require.Equal(t, b.clips(inOrder[i]), b.clips(shuffled[i]), name)
		b.requireEnd(inOrder[i], tasks[inOrder[i]])
		b.requireEnd(shuffled[i], tasks[shuffled[i]])
	}
}

// TestConcurrentPassesWriteOnce has many passes that commit the same at the same
// time.
func TestConcurrentPassesWriteOnce(t *testing.T) {
	t.Parallel()
	const passes = 8
	var together sync.WaitGroup
	together.Add(passes)
	b := setup(t, upstreamIs(fetchFunc(func(ctx context.Context, refs []task.Ref) ([]task.Observation, error) {
		together.Done()
		together.Wait()
		return allDone(ctx, refs)
	})))
	ids := b.cohort(0, "a", "b", "c", "d", "e")
	var running sync.WaitGroup
	results := make(chan Result, passes*len(ids))
	for range passes {
		running.Go(func() {
			got, err := b.syncer.Sync(context.Background(), Request{IDs: ids})
			if err != nil {
				t.Error(err)
			}
			for _, r := range got {
				results <- r
			}
		})
	}
	running.Wait()
	close(results)
	synced := map[string]int{}
	for r := range results {
		if r.NewStatus == task.Complete {
			synced[r.ID]++
		} else {
			require.Equal(t, task.ReasonNotPending, r.Reason, "%+v", r)
		}
	}
	for _, id := range ids {
		require.Equal(t, 1, synced[id])
		require.Len(t, b.events(id), 1)
		require.Len(t, b.clips(id), 1)
	}
}
