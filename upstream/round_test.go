package upstream

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"net/http/httptrace"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tasksync/task"
)

// byTask maps each task id to its status, or to its failure's verdict and reason.
func byTask(t *testing.T, seen []task.Observation) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, obs := range seen {
		require.NotContains(t, out, obs.TaskID)
		out[obs.TaskID] = string(obs.Status)
		if f := obs.Failure; f != nil {
			out[obs.TaskID] = f.Verdict.String() + " " + f.Reason
		}
	}
	return out
}

func TestRoundNamesTasksAsItsCallerDoes(t *testing.T) {
	t.Parallel()
	p := &fake{}
	refs := []task.Ref{{TaskID: " a "}, {TaskID: "a"}, {TaskID: "a"}, {TaskID: "\tb\n"}, {TaskID: ""}, {TaskID: " "}, {TaskID: strings.Repeat("x", 300)}}
	seen, err := p.round(10).Fetch(t.Context(), refs)
	require.NoError(t, err)
	require.Equal(t, map[string]string{
		" a ": "processing", "a": "processing", "\tb\n": "processing", "": "unknown_task bad_task_id",
		" ": "unknown_task bad_task_id", strings.Repeat("x", 300): "unknown_task bad_task_id",
	}, byTask(t, seen))
	require.Equal(t, []string{"2"}, p.made())
}

func TestRoundAsksForOneAlone(t *testing.T) {
	t.Parallel()
	p := &fake{absent: map[string]bool{"t01": true, "t02": true}}
	refs := manyRefs(4)
	refs[1].Alone, refs[3].Alone = true, true
	seen, err := p.round(10).Fetch(t.Context(), refs)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"t00": "processing", "t01": "unknown_task unknown_task", "t03": "processing"}, byTask(t, seen))
	require.Equal(t, []string{"2", "one t01", "one t03"}, p.made())
}

// An observation tells how long its call waited before it was sent.
func TestRoundTellsWhenCallsWereSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		round := Round{Provider: "fake", FanOut: 1, One: func(ctx context.Context, _ task.Ref) (*task.Observation, error) {
			time.Sleep(3 * time.Second) // for a slot
			httptrace.ContextClientTrace(ctx).WroteRequest(httptrace.WroteRequestInfo{})
			time.Sleep(time.Second) // for the answer
			return &task.Observation{Status: task.Processing}, nil
		}}
		seen, err := round.Fetch(t.Context(), manyRefs(2))
		require.NoError(t, err)
		require.Equal(t, []time.Duration{3 * time.Second, 7 * time.Second}, []time.Duration{seen[0].Waited, seen[1].Waited})
	})
}

func TestRoundStops(t *testing.T) {
	t.Parallel()
	for name, failure := range map[string]*task.Failure{
		"account":     {Verdict: task.Account, Reason: ReasonUnauthorized},
		"rate limit":  Transient(ReasonRateLimited, ""),
		"turned away": {Verdict: task.Transient, Reason: ReasonTurnedAway, Unsent: true},
	} {
		p := &fake{poison: map[string]*task.Failure{"t02": failure}}
		r := p.round(2)
		r.FanOut = 1
		seen, err := r.Fetch(t.Context(), manyRefs(8))
		require.ErrorIs(t, err, failure, name)
		require.ErrorContains(t, err, "fetch from fake: ")
		require.Len(t, seen, 2)
		require.Equal(t, []string{"2", "2"}, p.made())
		part, ok := errors.AsType[*task.PartError](err)
		require.Equal(t, !failure.Unsent, ok, "whose call it was")
		for i, ref := range manyRefs(8) {
			require.Equal(t, ok && (i == 2 || i == 3), ok && part.Asked[ref.TaskID], ref.TaskID)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := &fake{}
	_, err := p.round(2).Fetch(ctx, manyRefs(2))
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, p.made())
}

// TestRoundFindsThePoison: wherever a task that breaks calls stands, the others are
// answered after 1+log2(n) calls one after the other, and next time the task costs
// one call of its own.
func TestRoundFindsThePoison(t *testing.T) {
	t.Parallel()
	for _, n := range []int{2, 3, 12, 50, 64} {
		for at := range n {
			poison := fmt.Sprintf("t%02d", at)
			p := &fake{poison: map[string]*task.Failure{poison: page()}}
			r := p.round(100)
			seen, err := r.Fetch(t.Context(), manyRefs(n))
			require.NoError(t, err)
			require.Len(t, seen, n)
			require.Equal(t, "transient http_5xx", byTask(t, seen)[poison])
			require.LessOrEqual(t, len(p.made()), 1+2*bits.Len(uint(n-1)), "%d of %d", at, n)

			seen, err = r.Fetch(t.Context(), manyRefs(n))
			require.NoError(t, err)
			require.Len(t, seen, n)
			require.Equal(t, []string{fmt.Sprint(n - 1), "one " + poison}, p.made())
		}
	}
}

// TestRoundWaitsForFewCalls counts the calls that come one after the other: each
// takes a second of a clock that only the calls move.
func TestRoundWaitsForFewCalls(t *testing.T) {
	t.Parallel()
	for _, n := range []int{2, 12, 50, 64} {
		for _, poison := range [][]int{{0}, {n / 2}, {n - 1}} {
			synctest.Test(t, func(t *testing.T) {
				p := &fake{poison: map[string]*task.Failure{}, takes: time.Second}
				for _, at := range poison {
					p.poison[fmt.Sprintf("t%02d", at)] = page()
				}
				began := time.Now()
				seen, err := p.round(100).Fetch(t.Context(), manyRefs(n))
				require.NoError(t, err)
				require.Len(t, seen, n)
				require.LessOrEqual(t, time.Since(began), time.Duration(1+bits.Len(uint(n-1)))*time.Second)
			})
		}
	}
}

// TestRoundGoesOnWhereItWasCutShort: a call that hangs leaves no time for smaller
// calls, so the next Fetch begins with smaller ones.
func TestRoundGoesOnWhereItWasCutShort(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &fake{hang: "t05"}
		r := p.round(100)
		healthy := 0
		for fetches := range 6 {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			seen, err := r.Fetch(ctx, manyRefs(12))
			cancel()
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.GreaterOrEqual(t, len(seen), healthy, "fetch %d", fetches)
			healthy = len(seen)
		}
		require.Equal(t, 11, healthy)
		p.made()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, _ = r.Fetch(ctx, manyRefs(12))
		require.Equal(t, []string{"11", "one t05"}, p.made())
	})
}

func TestRoundLeavesAProviderThatIsDown(t *testing.T) {
	t.Parallel()
	for name, failure := range map[string]*task.Failure{
		"5xx": page(), "a page": BadBody("<html>"), "no connection": Transient(ReasonNetwork, ""), "unknown": Unknown(""),
		"no such call": Transient(ReasonNoCall, ""),
	} {
		p := &fake{down: failure}
		r := p.round(100)
		for range 3 {
			seen, err := r.Fetch(t.Context(), manyRefs(100))
			require.Error(t, err, name)
			require.Len(t, seen, 100)
			for _, obs := range seen {
				require.Equal(t, task.Transient, obs.Failure.Verdict, name)
			}
			require.LessOrEqual(t, len(p.made()), 6)
		}
		p.down = nil
		seen, err := r.Fetch(t.Context(), manyRefs(100))
		require.NoError(t, err)
		require.Len(t, seen, 100)
		require.Equal(t, []string{"100"}, p.made(), "an outage splits no batches")
	}
}

// TestRoundOfUnsentCalls: a call that the breaker holds back is not made smaller, and
// says nothing about a task.
func TestRoundOfUnsentCalls(t *testing.T) {
	t.Parallel()
	p := &fake{poison: map[string]*task.Failure{"t02": {Verdict: task.Transient, Reason: ReasonBreakerOpen, Unsent: true}}}
	r := p.round(2)
	for range 2 {
		seen, err := r.Fetch(t.Context(), manyRefs(4))
		require.NoError(t, err)
		require.Len(t, seen, 4)
		require.Equal(t, "transient breaker_open", byTask(t, seen)["t03"])
		require.Equal(t, []string{"2", "2"}, p.made())
	}
}

func TestRoundWithoutABatchCall(t *testing.T) {
	t.Parallel()
	p := &fake{noBatch: true, poison: map[string]*task.Failure{"t01": Unknown("")}}
	seen, err := p.round(10).Fetch(t.Context(), manyRefs(3))
	require.NoError(t, err)
	require.Equal(t, map[string]string{"t00": "processing", "t01": "unknown_task unknown_task", "t02": "processing"}, byTask(t, seen))
	require.Equal(t, []string{"3", "one t00", "one t01", "one t02"}, p.made())

	p = &fake{noBatch: true, down: page()}
	seen, err = p.round(10).Fetch(t.Context(), manyRefs(3))
	require.Error(t, err)
	require.Len(t, seen, 3)
	require.Equal(t, []string{"3", "one t00"}, p.made())
}

// TestRoundWithoutASingleCall asks for one task by the batch call of its kind.
func TestRoundWithoutASingleCall(t *testing.T) {
	t.Parallel()
	var calls []string
	r := Round{
		Provider: "fake", Batch: 10,
		Kind: func(ref task.Ref) (string, bool) { return string(ref.Type), ref.Type != task.Merge },
		Many: func(_ context.Context, kind string, refs []task.Ref) ([]*task.Observation, error) {
			calls = append(calls, fmt.Sprint(kind, len(refs)))
			return make([]*task.Observation, len(refs)), nil
		},
	}
	seen, err := r.Fetch(t.Context(), []task.Ref{
		{TaskID: "a", Type: task.Extend},
		{TaskID: "b", Type: task.Extend},
		{TaskID: "c", Type: task.Extend, Alone: true},
		{TaskID: "d", Type: task.Merge},
	})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"c": "unknown_task unknown_task"}, byTask(t, seen))
	require.Equal(t, []string{"extend2", "extend1", "merge1"}, calls)
}

// TestRoundLosesNoTask: whatever fails, each task has an observation, or there is an
// error, or a good answer left the task out; and no healthy task fails.
func TestRoundLosesNoTask(t *testing.T) {
	t.Parallel()
	failures := []*task.Failure{
		page(), BadBody(""), Transient(ReasonTimeout, ""), Transient(ReasonTooLarge, ""), Transient(ReasonNetwork, ""), Transient(ReasonNoCall, ""),
		Unknown(""), Dead(""), Permanent(task.Copyrighted, ""), Transient(ReasonRateLimited, ""),
		{Verdict: task.Account, Reason: ReasonCredits},
		{Verdict: task.Transient, Reason: ReasonTurnedAway, Unsent: true},
	}
	rapid.Check(t, func(t *rapid.T) {
		p := &fake{poison: map[string]*task.Failure{}, absent: map[string]bool{}, noBatch: rapid.IntRange(0, 9).Draw(t, "no batch") == 0}
		refs := manyRefs(rapid.IntRange(0, 30).Draw(t, "tasks"))
		r := p.round(rapid.SampledFrom([]int{0, 1, 2, 7, 12, 100}).Draw(t, "batch"))
		for range rapid.IntRange(1, 3).Draw(t, "fetches") {
			for i := range refs {
				id := refs[i].TaskID
				delete(p.poison, id)
				p.absent[id] = rapid.IntRange(0, 9).Draw(t, "absent") == 0
				refs[i].Alone = rapid.IntRange(0, 9).Draw(t, "alone") == 0
				if rapid.IntRange(0, 3).Draw(t, "poison") == 0 {
					p.poison[id] = rapid.SampledFrom(failures).Draw(t, "failure")
				}
			}
			seen, err := r.Fetch(context.Background(), refs)
			observed := map[string]task.Observation{}
			for _, obs := range seen {
				require.NotContains(t, observed, obs.TaskID)
				observed[obs.TaskID] = obs
			}
			for _, ref := range refs {
				obs, ok := observed[ref.TaskID]
				require.True(t, ok || err != nil || p.absent[ref.TaskID], "%s is lost", ref.TaskID)
				if ok && obs.Failure != nil && obs.Failure.Verdict >= task.UnknownTask {
					require.True(t, p.poison[ref.TaskID] != nil || (ref.Alone && p.absent[ref.TaskID]), "%s is failed: %v", ref.TaskID, obs.Failure)
				}
			}
			require.LessOrEqual(t, len(p.made()), 3*len(refs)+6)
			if _, ok := errors.AsType[*task.Failure](err); err != nil {
				require.True(t, ok, err)
			}
		}
	})
}
