package queue

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tasksync/task"
)

func TestWindowIsExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 20).Draw(t, "limit")
		span := time.Duration(rapid.IntRange(1, 100).Draw(t, "span")) * 100 * time.Millisecond
		w := newWindow(limit, span)
		now := time.Unix(0, 0)
		var sent []time.Time
		for range rapid.IntRange(1, 100).Draw(t, "requests") {
			now = now.Add(time.Duration(rapid.IntRange(0, 2000).Draw(t, "idle")) * time.Millisecond)
			opening := w.opening(0, now)
			now = opening
			s := w.take(now, Claim{Lane: rapid.SampledFrom([]task.Lane{task.LaneDue, task.LaneUser, task.LaneBacklog}).Draw(t, "lane")})
			// Calls are written after their slot was given out, some of them late.
			s.At = now.Add(time.Duration(rapid.IntRange(0, 300).Draw(t, "late")) * time.Millisecond)
			sent = append(sent, s.At)
		}
		slices.SortFunc(sent, time.Time.Compare)
		for i := limit; i < len(sent); i++ {
			if d := sent[i].Sub(sent[i-limit]); d < span {
				t.Fatalf("%d requests within %s", limit+1, d)
			}
		}
	})
}

// scanned is what taken is, by a look at all slots.
func (w *window) scanned(lane task.Lane, now time.Time) (n int) {
	for _, s := range w.last {
		if s != nil && s.lane == lane && s.At.Add(w.span).After(now) {
			n++
		}
	}
	return n
}

// What is counted stays within the window, also where slots were used late and the
// limit is a share for a time.
func TestWindowCountsWithinItself(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 8).Draw(t, "limit")
		w := newWindow(limit, time.Second)
		now := time.Unix(0, 0)
		for range rapid.IntRange(1, 100).Draw(t, "requests") {
			now = now.Add(time.Duration(rapid.IntRange(0, 500).Draw(t, "idle")) * time.Millisecond)
			w.shareOut(rapid.IntRange(1, limit).Draw(t, "share"), now.Add(time.Hour))
			now = w.opening(w.reserve(now), now)
			s := w.take(now, Claim{Lane: rapid.SampledFrom([]task.Lane{task.LaneDue, task.LaneUser}).Draw(t, "lane")})
			s.Sent(now.Add(time.Duration(rapid.IntRange(0, 5000).Draw(t, "late")) * time.Millisecond))
			sum := 0
			for lane := task.LaneHint; lane <= task.LaneBacklog; lane++ {
				require.GreaterOrEqual(t, w.taken(lane, now), w.scanned(lane, now))
				sum += w.taken(lane, now)
			}
			require.Equal(t, sum, w.used(now))
			require.LessOrEqual(t, sum, limit)
		}
	})
}

func TestWindowWastesNothing(t *testing.T) {
	t.Parallel()
	w := newWindow(2, time.Second)
	now := time.Unix(0, 0)
	for range 2 {
		require.Equal(t, now, w.opening(0, now))
		w.take(now, Claim{Lane: task.LaneDue})
	}
	require.Equal(t, now.Add(time.Second+Margin(time.Second)), w.opening(0, now))
	require.Equal(t, now.Add(time.Second+Margin(time.Second)), w.opening(1, now))
	require.Equal(t, now.Add(2*(time.Second+Margin(time.Second))), w.opening(2, now))
	w.close(now.Add(time.Minute))
	w.close(now.Add(time.Second)) // an earlier end changes nothing
	require.Equal(t, now.Add(time.Minute), w.opening(0, now))
}

// TestWindowIsFair: after each slot of the user lane, at least as many slots are
// open as other slots of that lane are taken.
func TestWindowIsFair(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 20).Draw(t, "limit")
		w := newWindow(limit, time.Second)
		now := time.Unix(0, 0)
		for range rapid.IntRange(1, 100).Draw(t, "requests") {
			now = now.Add(time.Duration(rapid.IntRange(0, 300).Draw(t, "idle")) * time.Millisecond)
			lane := rapid.SampledFrom([]task.Lane{task.LaneDue, task.LaneUser, task.LaneBacklog}).Draw(t, "lane")
			user := lane == task.LaneUser
			reserve := 0
			if user {
				reserve = w.reserve(now)
			}
			now = w.opening(reserve, now)
			require.Equal(t, w.scanned(lane, now), w.taken(lane, now))
			free, others := -1, 0 // beside the slot to be taken
			for _, s := range w.last {
				switch {
				case s == nil || !s.At.Add(w.span).After(now):
					free++
				case s.lane == task.LaneUser:
					others++
				}
			}
			w.take(now, Claim{Lane: lane})
			if user && free < others {
				t.Fatalf("%d open, %d of users", free, others)
			}
		}
	})
}
