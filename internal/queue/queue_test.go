package queue

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tasksync/task"
)

var allLanes = []task.Lane{task.LaneHint, task.LaneFirst, task.LaneDeadline, task.LaneDue, task.LaneUser, task.LaneBacklog} //nolint:gochecknoglobals // a constant

// given is a slot that was given out.
type given struct {
	at   time.Time
	lane task.Lane
	user string
	num  uint64
}

// drive serves a queue until the end; refill is asked for new calls before each
// step, so that lanes can be kept full. Calls take no time.
func drive(q *Queue[int], start, end time.Time, refill func(now time.Time)) []given {
	var out []given
	for now := start; now.Before(end); {
		refill(now)
		w, wait := q.Next(now)
		if w == nil {
			now = now.Add(max(wait, 10*time.Millisecond))
			continue
		}
		q.Leave(q.Take(w, now))
		out = append(out, given{now, w.Lane, w.User, w.number})
	}
	return out
}

// full keeps so many calls waiting in each of the lanes, each of another user.
func full(q *Queue[int], lanes []task.Lane) func(time.Time) {
	users := 0
	return func(now time.Time) {
		for _, l := range lanes {
			for q.lane(l).waiting < 5 {
				users++
				q.Add(&Call[int]{Claim: Claim{Lane: l, User: fmt.Sprint(users)}}, now)
			}
		}
	}
}

// Looks that are due take half of the window at once and the rest evenly, so that one
// more that comes at any time soon has a slot.
func TestABurstLeavesSlotsToOthers(t *testing.T) {
	t.Parallel()
	const limit, span = 20, 10 * time.Second
	q, start := New[int](limit, span, 100), time.Unix(0, 0)
	for range 500 {
		q.Add(&Call[int]{Claim: Claim{Lane: task.LaneDue, User: "crowd"}}, start)
	}
	asked := start.Add(7 * time.Second)
	var other *Call[int]
	for _, g := range drive(q, start, start.Add(time.Minute), func(now time.Time) {
		if other == nil && !now.Before(asked) {
			other = &Call[int]{Claim: Claim{Lane: task.LaneDue, User: "one"}}
			q.Add(other, now)
			asked = now
		}
	}) {
		if g.user == "one" {
			require.LessOrEqual(t, g.at.Sub(asked), 2*(span+Margin(span))/limit)
			return
		}
	}
	require.Fail(t, "the other user's call never went")
}

// Whatever lanes are full and whatever the limit is, each of them gets its part, and no
// window holds more than the limit, nor much less.
func TestNoLaneStarves(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 60).Draw(t, "limit")
		lanes := rapid.SliceOfNDistinct(rapid.SampledFrom(allLanes), 1, len(allLanes), rapid.ID[task.Lane]).Draw(t, "lanes")
		q := New[int](limit, 10*time.Second, 16)
		start := time.Unix(0, 0)
		end := start.Add(time.Duration(max(10, 600/limit)) * 10 * time.Second)
		slots := drive(q, start, end, full(q, lanes))
		count := map[task.Lane]int{}
		for i, s := range slots {
			count[s.lane]++
			if i >= limit && s.at.Sub(slots[i-limit].at) < 10*time.Second {
				t.Fatalf("%d slots within %s", limit+1, s.at.Sub(slots[i-limit].at))
			}
		}
		windows := float64(end.Sub(start)) / float64(q.window.span)
		for _, l := range lanes {
			part := q.lane(l).part * float64(limit) * windows
			require.GreaterOrEqual(t, float64(count[l]), 0.8*part-2, "lane %d of %v: %v", l, lanes, count)
		}
		if slices.Min(lanes) < task.LaneUser { // the last two lanes leave slots open in any case
			used := 0.9
			if limit < 10 { // a slot that is left open is much of them
				used = 0.7
			}
			require.GreaterOrEqual(t, float64(len(slots)), used*float64(limit)*(windows-1)-1)
		}
	})
}

// A lane waits for the time in which its part of the limit has a slot, and at most
// for a window and a slot of each other lane more.
func TestALaneWaitsNoLongerThanItsPart(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{1, 3, 10, 20, 100} {
		q := New[int](limit, 10*time.Second, 16)
		start := time.Unix(0, 0)
		slots := drive(q, start, start.Add(20*time.Minute), full(q, allLanes))
		last := map[task.Lane]time.Time{}
		for _, s := range slots {
			if at, ok := last[s.lane]; ok {
				part := time.Duration(float64(q.window.span) / (q.lane(s.lane).part * float64(limit)))
				others := time.Duration(len(allLanes)) * q.window.span / time.Duration(limit)
				require.LessOrEqual(t, s.at.Sub(at), part+q.window.span+others, "limit %d, lane %d", limit, s.lane)
			}
			last[s.lane] = s.at
		}
		require.Len(t, last, len(allLanes))
	}
}

func TestUsersTakeTurns(t *testing.T) {
	t.Parallel()
	q := New[int](20, 10*time.Second, 16)
	start := time.Unix(0, 0)
	for range 500 {
		q.Add(&Call[int]{Claim: Claim{Lane: task.LaneDue, User: "crowd", Value: 9}}, start)
	}
	for range 3 {
		q.Add(&Call[int]{Claim: Claim{Lane: task.LaneDue, User: "one", Value: 1}}, start)
	}
	require.Equal(t, 4, q.before(Claim{Lane: task.LaneDue, User: "another"}, start)-q.before(Claim{Lane: task.LaneDue, User: "nobody's"}, start)+4)
	slots := drive(q, start, start.Add(9*time.Second), func(time.Time) {})
	var users []string
	for _, s := range slots[:7] {
		users = append(users, s.user)
	}
	require.Equal(t, []string{"crowd", "one", "crowd", "one", "crowd", "one", "crowd"}, users)
	require.Len(t, slots, 20, "the crowd has what is left")
}

func TestTheMostValuableGoesFirst(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		q := New[int](0, 0, 100)
		start := time.Unix(0, 0)
		values := map[uint64]float64{}
		for range rapid.IntRange(1, 40).Draw(t, "calls") {
			w := &Call[int]{Claim: Claim{Lane: task.LaneDue, Value: float64(rapid.IntRange(0, 5).Draw(t, "value"))}}
			q.Add(w, start)
			values[w.number] = w.Value
		}
		n := len(values)
		slots := drive(q, start, start.Add(50*time.Millisecond), func(time.Time) {})
		require.Len(t, slots, n)
		for i := 1; i < n; i++ {
			a, b := slots[i-1].num, slots[i].num
			require.True(t, values[a] > values[b] || values[a] == values[b] && a < b)
		}
	})
}

// A call of little value goes at last, whatever comes after it.
func TestALookOfLittleValueDoesNotStarve(t *testing.T) {
	t.Parallel()
	q := New[int](20, 10*time.Second, 16)
	start := time.Unix(0, 0)
	q.Add(&Call[int]{Claim: Claim{Lane: task.LaneDue}, Caller: 1}, start)
	for i, s := range drive(q, start, start.Add(time.Minute), func(now time.Time) {
		for q.Waiting(task.LaneDue) < 50 {
			q.Add(&Call[int]{Claim: Claim{Lane: task.LaneDue, Value: 8}}, now)
		}
	}) {
		if s.num == 1 {
			require.Positive(t, i, "the others are worth more")
			require.LessOrEqual(t, s.at.Sub(start), 36*time.Second)
			return
		}
	}
	require.Fail(t, "it has no slot in a minute")
}

// The first looks at hundreds of rows of one user leave room for what others wait for.
func TestNoUserFillsTheLaneOfFirstLooks(t *testing.T) {
	t.Parallel()
	q := New[int](20, 10*time.Second, 16)
	start := time.Unix(0, 0)
	for range 500 {
		q.Add(&Call[int]{Claim: Claim{Lane: task.LaneFirst, User: "crowd"}}, start)
	}
	require.Equal(t, 5, q.Waiting(task.LaneFirst))
	for range 5 {
		q.Add(&Call[int]{Claim: Claim{Lane: task.LaneDue, User: "one"}}, start)
	}
	q.Add(&Call[int]{Claim: Claim{Lane: task.LaneFirst, User: "one"}}, start)
	require.Equal(t, 6, q.Waiting(task.LaneFirst))
	users := map[string]int{}
	for _, s := range drive(q, start, start.Add(9*time.Second), func(time.Time) {}) {
		users[s.user]++
	}
	require.Equal(t, map[string]int{"one": 6, "crowd": 14}, users)
}

func TestAShareIsKeptAndEnds(t *testing.T) {
	t.Parallel()
	q := New[int](20, 10*time.Second, 16)
	start := time.Unix(0, 0)
	q.window.shareOut(0, start.Add(time.Hour))
	require.Empty(t, drive(q, start, start.Add(time.Minute), full(q, allLanes)), "without a share nothing is sent")
	start = start.Add(time.Minute)
	q.window.shareOut(7, start.Add(58*time.Second))
	slots := drive(q, start, start.Add(5*time.Minute), full(q, allLanes))
	require.Len(t, slots, 6*7)
	for i, s := range slots {
		require.Less(t, s.at, start.Add(58*time.Second))
		if i >= 7 {
			require.GreaterOrEqual(t, s.at.Sub(slots[i-7].at), 10*time.Second)
		}
	}
	start = start.Add(5 * time.Minute)
	q.window.shareOut(99, start.Add(time.Hour))
	require.Len(t, drive(q, start, start.Add(9*time.Second), full(q, allLanes)), 20, "the limit stays")
}

// A share that changes at any time keeps each window below the largest share that
// held in it.
func TestAWindowOfChangingSharesHoldsNoMoreThanTheLargest(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		q := New[int](30, 10*time.Second, 16)
		now := time.Unix(0, 0)
		type held struct {
			share int
			from  time.Time
		}
		var shares []held
		var sent []time.Time
		for range rapid.IntRange(1, 30).Draw(t, "changes") {
			share := rapid.IntRange(0, 30).Draw(t, "share")
			q.window.shareOut(share, now.Add(time.Hour))
			shares = append(shares, held{share, now})
			next := now.Add(time.Duration(rapid.IntRange(1, 12_000).Draw(t, "ms")) * time.Millisecond)
			for _, s := range drive(q, now, next, full(q, allLanes)) {
				sent = append(sent, s.at)
			}
			now = next
		}
		for i, at := range sent {
			most := 0
			for k, h := range shares {
				if h.from.After(at) {
					break
				}
				if k+1 == len(shares) || shares[k+1].from.After(at.Add(-10*time.Second)) {
					most = max(most, h.share)
				}
			}
			n := 0
			for k := i; k >= 0 && sent[k].After(at.Add(-10*time.Second)); k-- {
				n++
			}
			require.LessOrEqual(t, n, most)
		}
	})
}

// A hint goes with the next slot, also under a share and while all other lanes are
// full.
func TestAHintGoesNext(t *testing.T) {
	t.Parallel()
	for _, share := range []int{20, 6} {
		q := New[int](20, 10*time.Second, 16)
		start := time.Unix(0, 0)
		q.ShareOut(share, start.Add(time.Hour))
		others := full(q, allLanes[1:])
		served, longest := 0, time.Duration(0)
		var hint *Call[int]
		came := start
		drive(q, start, start.Add(10*time.Minute), func(now time.Time) {
			others(now)
			if hint != nil && q.Waiting(task.LaneHint) == 0 {
				longest, hint = max(longest, now.Sub(came)), nil
				served++
			}
			if hint == nil && now.Sub(came) > 17*time.Second {
				hint, came = &Call[int]{Claim: Claim{Lane: task.LaneHint}}, now
				q.Add(hint, now)
			}
		})
		require.Greater(t, served, 20)
		require.Less(t, longest, 11*time.Second, "share %d", share)
	}
}

// A user who has had fewer slots of the window is next until it has had as many.
func TestWhoHadFewerSlotsIsNext(t *testing.T) {
	t.Parallel()
	q, now := New[int](20, 10*time.Second, 100), time.Unix(0, 0)
	add := func(user string, n int) {
		for range n {
			q.Add(&Call[int]{Claim: Claim{Lane: task.LaneHint, User: user}}, now)
		}
	}
	take := func(n int) (users []string) {
		for range n {
			w, _ := q.Next(now)
			users = append(users, w.User)
			q.Take(w, now)
		}
		return users
	}
	add("crowd", 12)
	require.Equal(t, []string{"crowd", "crowd", "crowd"}, take(3))
	add("one", 5)
	require.Equal(t, []string{"one", "one", "one", "crowd", "one", "crowd", "one", "crowd"}, take(8))
	now = now.Add(10*time.Second + Margin(10*time.Second))
	add("one", 2)
	require.Equal(t, []string{"crowd", "one", "crowd", "one"}, take(4), "what has left the window counts no more")
}
