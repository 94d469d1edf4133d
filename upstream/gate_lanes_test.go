package upstream

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tasksync/internal/queue"
	"tasksync/task"
)

// enterBacklog enters the gate in the backlog lane.
func enterBacklog(ctx context.Context, g *gate) (*queue.Slot, error) {
	return enter(task.InLane(ctx, task.LaneBacklog), g)
}

// crowd has n callers enter again and again until ctx ends, and calls taken for each
// slot; the calls themselves take no time.
func crowd(ctx context.Context, n int, enter func() (*queue.Slot, error), g *gate, taken func()) *sync.WaitGroup {
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for ctx.Err() == nil {
				if s, err := enter(); err == nil {
					taken()
					g.leave(s)
				}
			}
		})
	}
	return &all
}

// times records when slots were taken.
type times struct {
	mu sync.Mutex
	at []time.Time
}

func (t *times) note() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.at = append(t.at, time.Now())
}

// longest is the longest time without a slot.
func (t *times) longest(start, end time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	longest, last := time.Duration(0), start
	for _, at := range append(t.at, end) {
		longest, last = max(longest, at.Sub(last)), at
	}
	return longest
}

// TestBacklogLeavesRoom has 3,000 callers of the backlog: whenever a look that is
// due comes, it has its slot within a second, and so has the next one.
func TestBacklogLeavesRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(20, 10*time.Second, 16)
		ctx, cancel := context.WithCancel(t.Context())
		var slots times
		all := crowd(ctx, 3000, func() (*queue.Slot, error) { return enterBacklog(ctx, g) }, g, slots.note)
		synctest.Wait()
		start := time.Now()
		for i := range 200 {
			time.Sleep(time.Duration(i*137%1900+700) * time.Millisecond) // at any time of the window
			came := time.Now()
			s, err := enter(t.Context(), g)
			require.NoError(t, err)
			g.leave(s)
			require.LessOrEqual(t, time.Since(came), time.Second, "look %d", i)
		}
		passed := time.Since(start)
		cancel()
		all.Wait()
		require.Zero(t, g.queue.Waiting(task.LaneBacklog))
		require.Greater(t, len(slots.at), int(passed/(10*time.Second))*9, "what is left is the backlog's")
	})
}

// TestBacklogAlone: a backlog without other lanes has all that the pace permits,
// evenly.
func TestBacklogAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(20, 10*time.Second, 16)
		ctx, cancel := context.WithCancel(t.Context())
		var slots times
		all := crowd(ctx, 30, func() (*queue.Slot, error) { return enterBacklog(ctx, g) }, g, slots.note)
		time.Sleep(100 * time.Second)
		cancel()
		all.Wait()
		span := 10*time.Second + queue.Margin(10*time.Second)
		require.InDelta(t, 180*10/span.Seconds(), len(slots.at), 2)
		for i := 1; i < len(slots.at); i++ {
			require.GreaterOrEqual(t, slots.at[i].Sub(slots.at[i-1]), 500*time.Millisecond, i)
		}
	})
}

// TestBacklogHasItsTenth: with any limit, while the other lanes would take everything,
// in bursts or not.
func TestBacklogHasItsTenth(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		limit   int
		lane    task.Lane
		longest time.Duration
	}{
		"20 in 10 s, looks that are due": {20, task.LaneDue, 5200 * time.Millisecond},
		"20 in 10 s, users":              {20, task.LaneUser, 5200 * time.Millisecond},
		"5 in 10 s":                      {5, task.LaneDue, 31 * time.Second},
		"1 in 10 s":                      {1, task.LaneDue, 111 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := newGate(tc.limit, 10*time.Second, 16)
				ctx, cancel := context.WithCancel(t.Context())
				var slots times
				var others atomic.Int64
				start := time.Now()
				waiting := crowd(ctx, 50, func() (*queue.Slot, error) { return enterBacklog(ctx, g) }, g, slots.note)
				synctest.Wait()
				greedy := crowd(ctx, 50, func() (*queue.Slot, error) { return enter(task.InLane(ctx, tc.lane), g) }, g, func() { others.Add(1) })
				time.Sleep(10 * time.Minute)
				cancel()
				waiting.Wait()
				greedy.Wait()
				require.LessOrEqual(t, slots.longest(start, start.Add(10*time.Minute)), tc.longest)
				if tc.lane == task.LaneDue {
					windows := (10 * time.Minute).Seconds() / (10*time.Second + queue.Margin(10*time.Second)).Seconds()
					require.GreaterOrEqual(t, float64(others.Load()), 0.8*windows*float64(tc.limit), "the others have the rest")
				}
			})
		})
	}
}

// TestGateTurnsAwayAfterTheWaitForTheFlight: time also passes behind calls under way.
func TestGateTurnsAwayAfterTheWaitForTheFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(0, 0, 1)
		s, err := enter(t.Context(), g)
		require.NoError(t, err)
		g.took(4 * time.Second)
		time.AfterFunc(2*time.Second, func() { g.leave(s) })
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err = enter(ctx, g)
		var f *task.Failure
		require.ErrorAs(t, err, &f)
		require.Equal(t, ReasonTurnedAway, f.Reason)
		require.NoError(t, ctx.Err())
		_, err = enter(t.Context(), g)
		require.NoError(t, err)
	})
}

// TestBacklogSharesTheFlight: without a limit, calls of the backlog that are never
// answered leave half of the flight open.
func TestBacklogSharesTheFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(0, 0, 4)
		ctx, cancel := context.WithCancel(t.Context())
		for range 10 {
			go func() { _, _ = enterBacklog(ctx, g) }()
		}
		synctest.Wait()
		for range 2 {
			_, err := enter(t.Context(), g)
			require.NoError(t, err)
		}
		cancel()
		synctest.Wait()
		require.Zero(t, g.queue.Waiting(task.LaneBacklog))
	})
}

// TestBacklogThatHangsOwesNothing: the others get all slots while the backlog
// cannot use its own.
func TestBacklogThatHangsOwesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(10, 10*time.Second, 4)
		ctx, cancel := context.WithCancel(t.Context())
		for range 10 {
			go func() { _, _ = enterBacklog(ctx, g) }() // two hang, eight wait
		}
		time.Sleep(time.Minute)
		start := time.Now()
		for range 10 {
			s, err := enter(t.Context(), g)
			require.NoError(t, err)
			g.leave(s)
		}
		require.Less(t, time.Since(start), 5*time.Second, "the second half goes evenly")
		cancel()
		synctest.Wait()
	})
}

// TestGateKeepsTheLimitInAllLanes: whatever comes in which lane, the window
// keeps its limit, and no caller is forgotten.
func TestGateKeepsTheLimitInAllLanes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		limit := rapid.IntRange(1, 25).Draw(rt, "limit")
		lanes := rapid.SliceOfN(rapid.SampledFrom([]task.Lane{task.LaneDue, task.LaneUser, task.LaneBacklog}), 1, 60).Draw(rt, "lanes")
		var slots times
		synctest.Test(t, func(t *testing.T) {
			g := newGate(limit, 10*time.Second, 4)
			var all sync.WaitGroup
			for i, lane := range lanes {
				all.Go(func() {
					time.Sleep(time.Duration(i*i%97) * 100 * time.Millisecond)
					s, err := enter(task.InLane(t.Context(), lane), g)
					if err != nil {
						t.Error(err)
						return
					}
					slots.note()
					g.leave(s)
				})
			}
			all.Wait()
		})
		for i := limit; i < len(slots.at); i++ {
			if d := slots.at[i].Sub(slots.at[i-limit]); d < 10*time.Second {
				rt.Fatalf("%d slots within %s", limit+1, d)
			}
		}
		if len(slots.at) != len(lanes) {
			rt.Fatalf("%d slots for %d callers", len(slots.at), len(lanes))
		}
	})
}

// TestUnsentCallTakesNoSlot: a call that the breaker or a pause holds back leaves
// the window as it is.
func TestUnsentCallTakesNoSlot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, time.Hour, 1)
		unsent := errors.New("unsent")
		for range 3 {
			_, err := g.enter(t.Context(), func() error { return unsent })
			require.ErrorIs(t, err, unsent)
		}
		start := time.Now()
		_, err := enter(t.Context(), g)
		require.NoError(t, err)
		require.Zero(t, time.Since(start))
		require.Zero(t, g.queue.Waiting(task.LaneDue))
	})
}

func TestGateTurnsAwayCallersWithoutAnAnswerInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(0, 0, 4)
		within := func(d time.Duration) error {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			defer cancel()
			s, err := enter(ctx, g)
			if err == nil {
				g.leave(s)
			}
			return err
		}
		require.NoError(t, within(time.Second), "nothing is known yet")
		g.took(4 * time.Second)
		g.took(time.Second)
		var f *task.Failure
		require.ErrorAs(t, within(3*time.Second), &f)
		require.Equal(t, ReasonTurnedAway, f.Reason)
		require.True(t, f.Unsent)
		require.Contains(t, f.Message, "no answer")
		require.NoError(t, within(4*time.Second))
		for range maxCallTimes {
			g.took(time.Second)
		}
		require.NoError(t, within(3*time.Second), "the slow call is long ago")
		g.took(4 * time.Second)
		time.Sleep(callTimeSpan)
		require.NoError(t, within(3*time.Second), "a caller that is turned away brings no news")
	})
}
