package upstream

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/queue"
	"tasksync/task"
)

func TestGateKeepsTheLimitAndTheOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(3, time.Second, 100)
		start := time.Now()
		var mu sync.Mutex
		var order []int
		var at []time.Duration
		var all sync.WaitGroup
		for i := range 10 {
			all.Go(func() {
				s, err := enter(t.Context(), g)
				require.NoError(t, err)
				defer g.leave(s)
				mu.Lock()
				defer mu.Unlock()
				order = append(order, i)
				at = append(at, time.Since(start))
			})
			synctest.Wait() // so that they queue up in this order
		}
		all.Wait()
		span := time.Second + queue.Margin(time.Second)
		slices.Sort(order[:2]) // they wake in any order
		require.Equal(t, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, order)
		require.Equal(t, []time.Duration{
			0, 0, span / 3, span, span * 4 / 3, span * 5 / 3, 2 * span, span * 7 / 3, span * 8 / 3, 3 * span,
		}, at, "half of the limit at once, the rest evenly")
	})
}

func TestGateTurnsAwayCallersThatItCannotServeInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, time.Second, 100)
		_, err := enter(t.Context(), g)
		require.NoError(t, err)
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		_, err = enter(ctx, g)
		require.Zero(t, time.Since(start), "at once")
		var f *task.Failure
		require.ErrorAs(t, err, &f)
		require.Equal(t, task.Transient, f.Verdict)
		require.Equal(t, ReasonTurnedAway, f.Reason)
		require.Equal(t, time.Second+queue.Margin(time.Second), f.RetryAfter)

		_, err = enter(t.Context(), g) // the caller that was turned away took no slot
		require.NoError(t, err)
		require.Equal(t, time.Second+queue.Margin(time.Second), time.Since(start))
	})
}

func TestGateCountsCallersAhead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, time.Second, 100)
		for range 3 { // one goes, two wait
			go func() { _, _ = enter(t.Context(), g) }()
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		_, err := enter(ctx, g)
		var f *task.Failure
		require.ErrorAs(t, err, &f)
		require.Equal(t, 3*(time.Second+queue.Margin(time.Second)), f.RetryAfter)
		time.Sleep(time.Minute)
	})
}

func TestGateForgetsCallersThatLeaveTheQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, time.Second, 100)
		_, err := enter(t.Context(), g)
		require.NoError(t, err)
		start := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error, 2)
		for range 2 { // the head of the queue and one behind it
			go func() { _, err := enter(ctx, g); left <- err }()
		}
		synctest.Wait()
		cancel()
		require.ErrorIs(t, <-left, context.Canceled)
		require.ErrorIs(t, <-left, context.Canceled)
		require.Zero(t, g.queue.Waiting(task.LaneDue))
		_, err = enter(t.Context(), g)
		require.NoError(t, err)
		require.Equal(t, time.Second+queue.Margin(time.Second), time.Since(start))
	})
}

func TestGateClosesForWaitingCallersToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(0, 0, 100) // no limit: only the closing counts
		start := time.Now()
		g.close(start.Add(time.Second))
		done := make(chan time.Duration)
		go func() { _, _ = enter(t.Context(), g); done <- time.Since(start) }()
		synctest.Wait()
		g.close(start.Add(5 * time.Second))
		require.Equal(t, 5*time.Second, <-done)

		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		g.close(time.Now().Add(2 * time.Second))
		failed := make(chan error)
		go func() { _, err := enter(ctx, g); failed <- err }()
		synctest.Wait()
		g.close(time.Now().Add(time.Minute)) // now its deadline comes first
		var f *task.Failure
		require.ErrorAs(t, <-failed, &f)
		require.Equal(t, ReasonTurnedAway, f.Reason)
	})
}

func TestGateBoundsCallsUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(100, time.Second, 2)
		_, err := enter(t.Context(), g)
		require.NoError(t, err)
		s, err := enter(t.Context(), g)
		require.NoError(t, err)
		entered := make(chan struct{})
		go func() { _, _ = enter(t.Context(), g); close(entered) }()
		synctest.Wait()
		select {
		case <-entered:
			t.Fatal("a third call is under way")
		default:
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = enter(ctx, g)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		g.leave(s)
		<-entered
	})
}

func TestGateUnderManyGoroutines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const limit, span, calls = 20, 10 * time.Second, 500
		g := newGate(limit, span, 16)
		var mu sync.Mutex
		var sent []time.Time
		var all sync.WaitGroup
		for i := range calls {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+i)*time.Second)
				defer cancel()
				s, err := enter(ctx, g)
				if err != nil {
					return
				}
				defer g.leave(s)
				time.Sleep(time.Duration(i%7) * 100 * time.Millisecond)
				mu.Lock()
				sent = append(sent, s.At)
				mu.Unlock()
			})
		}
		all.Wait()
		slices.SortFunc(sent, time.Time.Compare)
		for i := limit; i < len(sent); i++ {
			require.GreaterOrEqual(t, sent[i].Sub(sent[i-limit]), span, fmt.Sprint(i))
		}
		require.Greater(t, len(sent), 300)
	})
}

// enterUser enters the gate in the user lane.
func enterUser(ctx context.Context, g *gate) (*queue.Slot, error) {
	return enter(task.InLane(ctx, task.LaneUser), g)
}

// enter enters the gate; nothing else keeps the call from being made.
func enter(ctx context.Context, g *gate) (*queue.Slot, error) {
	return g.enter(ctx, func() error { return nil })
}

func TestGateKeepsSlotsOpenForOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		limit, span := 20, 10*time.Second+queue.Margin(10*time.Second)
		g := newGate(limit, 10*time.Second, 16)
		ctx, cancel := context.WithCancel(t.Context())
		var greedy sync.WaitGroup
		var mu sync.Mutex
		taken := 0
		for range 100 {
			greedy.Go(func() {
				if s, err := enterUser(ctx, g); err == nil {
					g.leave(s)
					mu.Lock()
					defer mu.Unlock()
					taken++
				}
			})
		}
		synctest.Wait()
		require.Equal(t, limit/2, taken, "they have half of the window")
		start := time.Now()
		for range limit / 2 {
			s, err := enter(t.Context(), g)
			require.NoError(t, err)
			g.leave(s)
		}
		require.Less(t, time.Since(start), span/2, "the other half is open")
		s, err := enter(t.Context(), g)
		require.NoError(t, err)
		g.leave(s)
		require.Equal(t, span, time.Since(start), "the next is the first of all waiting callers")
		synctest.Wait()
		require.LessOrEqual(t, taken, limit)
		cancel()
		greedy.Wait()
		require.Zero(t, g.queue.Waiting(task.LaneUser))
	})
}

// TestGateSharesWhatIsLeft: calls of users are not shut out by others that leave a
// part of the window, and get half of that part.
func TestGateSharesWhatIsLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(20, 10*time.Second, 16)
		for range 14 {
			s, err := enter(t.Context(), g)
			require.NoError(t, err)
			g.leave(s)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for range 3 {
			s, err := enterUser(ctx, g)
			require.NoError(t, err)
			g.leave(s)
		}
		_, err := enterUser(ctx, g)
		var f *task.Failure
		require.ErrorAs(t, err, &f)
		require.Equal(t, ReasonTurnedAway, f.Reason)
		start := time.Now()
		for range 3 {
			s, err := enter(t.Context(), g)
			require.NoError(t, err)
			g.leave(s)
		}
		require.Less(t, time.Since(start), 2*time.Second)
	})
}

// TestGateOfOneSlot: one slot leaves nothing to keep open, so only the order counts.
func TestGateOfOneSlot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, time.Second, 1)
		s, err := enterUser(t.Context(), g)
		require.NoError(t, err)
		g.leave(s)
		order := make(chan string, 6)
		for i := range 6 {
			go func() {
				enterLane, name := enter, "due"
				if i < 3 {
					enterLane, name = enterUser, "user"
				}
				s, err := enterLane(t.Context(), g)
				if err != nil {
					t.Error(err)
				}
				order <- name
				g.leave(s)
			}()
			synctest.Wait()
		}
		for i := range 6 {
			require.Equal(t, []string{"due", "user"}[i/3], <-order, i)
		}
	})
}

func TestGateKeepsCallsOpenForOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(0, 0, 4) // no limit, and an upstream that does not answer
		ctx, cancel := context.WithCancel(t.Context())
		for range 10 {
			go func() { _, _ = enterUser(ctx, g) }()
		}
		synctest.Wait()
		for range 2 {
			_, err := enter(t.Context(), g)
			require.NoError(t, err)
		}
		cancel()
		synctest.Wait()
		require.Zero(t, g.queue.Waiting(task.LaneUser))
	})
}
