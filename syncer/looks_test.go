package syncer

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"tasksync/task"
)

// still is an upstream that does not answer, and records what it was asked for.
type still struct {
	asked  []string
	yields []bool
	reply  func(ref task.Ref) (task.Observation, bool)
	err    error
}

func (u *still) Fetch(ctx context.Context, refs []task.Ref) (out []task.Observation, err error) {
	u.yields = append(u.yields, task.LaneOf(ctx) == task.LaneUser)
	for _, r := range refs {
		u.asked = append(u.asked, r.TaskID)
		obs, ok := task.Observation{Status: task.Processing}, true
		if u.reply != nil {
			obs, ok = u.reply(r)
		}
		obs.TaskID = r.TaskID
		if ok {
			out = append(out, obs)
		}
	}
	return out, u.err
}

const spacing = 2 * time.Second

// spaced makes a pass as a user's request does.
func (b *bundle) spaced(ids ...string) []Result {
	b.Helper()
	results, err := b.syncer.Sync(context.Background(), Request{IDs: ids, Via: ViaRequest, Spacing: spacing, Lane: task.LaneUser})
	require.NoError(b, err)
	return results
}

func TestSpacingSparesWhatWasLookedAt(t *testing.T) {
	t.Parallel()
	for _, via := range []Via{ViaPoll, ViaWebhook, ViaRequest, ViaTimeout} {
		t.Run(string(via), func(t *testing.T) {
			t.Parallel()
			up := &still{}
			b := setup(t, upstreamIs(up))
			one, two := b.insert(task.Generate, "one", 0), b.insert(task.Generate, "two", 0)
			_, err := b.syncer.Sync(t.Context(), Request{IDs: []string{one}, Via: via})
			require.NoError(t, err)
			before, counts := b.versions(), testutil.ToFloat64(b.syncer.metrics.passes)

			b.clock.advance(spacing - 1)
			require.Equal(t, []Result{{ID: one, Outcome: task.OutcomeSkipped, Reason: ReasonSpared, Next: b.clock.now().Add(spacing)}}, b.spaced(one))
			require.Equal(t, []string{"one"}, up.asked)
			require.Equal(t, before, b.versions())
			require.InDelta(t, counts, testutil.ToFloat64(b.syncer.metrics.passes), 0, "it is no pass")
			require.InDelta(t, 1, testutil.ToFloat64(b.syncer.metrics.results.WithLabelValues("generate", "synced")), 0)
			require.InDelta(t, 0, testutil.ToFloat64(b.syncer.metrics.results.WithLabelValues("unknown", "skipped")), 0)

			mixed := b.spaced("none", strings.ToUpper(one), two, one, newUUID())
			require.Len(t, mixed, 4, "each id once")
			require.Equal(t, []string{ReasonInvalidID, ReasonSpared, "", task.ReasonNotFound},
				[]string{mixed[0].Reason, mixed[1].Reason, mixed[2].Reason, mixed[3].Reason})
			require.Equal(t, []string{"one", "two"}, up.asked)

			b.clock.advance(1)
			require.Equal(t, task.ReasonUnchanged, b.spaced(one)[0].Reason)
			require.Equal(t, []string{"one", "two", "one"}, up.asked)
			require.Empty(t, b.syncer.looks.passes)
		})
	}
}

// TestSpacingOnlyWhereItIsAskedFor: neither a job nor a webhook is spared a look.
func TestSpacingOnlyWhereItIsAskedFor(t *testing.T) {
	t.Parallel()
	up := &still{}
	b := setup(t, upstreamIs(up))
	id := b.insert(task.Generate, "one", 0)
	b.spaced(id)
	b.sync(id)
	b.sync(id)
	require.Equal(t, []string{"one", "one", "one"}, up.asked)
	require.Equal(t, []bool{true, false, false}, up.yields, "and only the request lets others go first")
}

// TestSpacingOfLooksInVain: a row whose look was not answered may be looked at
// again.
func TestSpacingOfLooksInVain(t *testing.T) {
	t.Parallel()
	for name, up := range map[string]*still{
		"not reported": {reply: func(task.Ref) (task.Observation, bool) { return task.Observation{}, false }},
		"call failed": {
			reply: func(task.Ref) (task.Observation, bool) { return task.Observation{}, false },
			err:   &task.Failure{Verdict: task.Transient, Reason: "rate_limited_locally", Unsent: true},
		},
		"cut off": {reply: func(task.Ref) (task.Observation, bool) { return task.Observation{}, false }, err: errors.New("cut")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, upstreamIs(up))
			id := b.insert(task.Generate, "one", 0)
			b.spaced(id)
			require.NotEqual(t, ReasonSpared, b.spaced(id)[0].Reason)
			require.Len(t, up.asked, 2)
			up.reply, up.err = nil, nil
			b.spaced(id)
			require.Equal(t, ReasonSpared, b.spaced(id)[0].Reason)
		})
	}
	t.Run("an answer that is bad", func(t *testing.T) {
		t.Parallel()
		up := &still{reply: func(task.Ref) (task.Observation, bool) {
			return task.Observation{Failure: &task.Failure{Verdict: task.Transient, Reason: "http_5xx"}}, true
		}}
		b := setup(t, upstreamIs(up))
		id := b.insert(task.Generate, "one", 0)
		b.spaced(id)
		require.Equal(t, ReasonSpared, b.spaced(id)[0].Reason, "it has cost a request of its own")
	})
}

// TestLookThatWasNotMade has a row past its deadline whose call is not sent.
// Neither a user's request nor its job ends it.
func TestLookThatWasNotMade(t *testing.T) {
	t.Parallel()
	up := &still{
		reply: func(task.Ref) (task.Observation, bool) { return task.Observation{}, false },
		err:   &task.Failure{Verdict: task.Transient, Reason: "rate_limited_locally", RetryAfter: 3 * time.Second, Unsent: true},
	}
	b := setup(t, upstreamIs(up))
	id := b.insert(task.Generate, "one", 11*time.Minute)
	require.Equal(t, []Result{{
		ID: id, Outcome: task.OutcomeSkipped, Reason: "rate_limited_locally", Next: b.clock.now().Add(5 * time.Second),
	}}, b.spaced(id))
	b.sync(id)
	require.Equal(t, "submitted", b.row(id).Status)
	up.reply, up.err = nil, nil
	b.sync(id)
	require.Equal(t, "failed", b.row(id).Status, "by its deadline")
}

// TestSpacingOfALookUnderWay has an upstream that does not answer for long.
func TestSpacingOfALookUnderWay(t *testing.T) {
	t.Parallel()
	asked, answer := make(chan struct{}, 2), make(chan struct{})
	b := setup(t, upstreamIs(fetchFunc(func(context.Context, []task.Ref) ([]task.Observation, error) {
		asked <- struct{}{}
		<-answer
		return nil, nil
	})))
	id := b.insert(task.Generate, "one", 0)
	done := make(chan struct{})
	for range 2 { // a job does not wait for another one's look
		go func() {
			defer func() { done <- struct{}{} }()
			b.sync(id)
		}()
		<-asked
	}
	b.clock.advance(10 * spacing)
	require.Equal(t, ReasonSpared, b.spaced(id)[0].Reason)
	answer <- struct{}{}
	<-done
	require.Equal(t, ReasonSpared, b.spaced(id)[0].Reason, "one of the two goes on")
	answer <- struct{}{}
	<-done
	close(answer)
	require.NotEqual(t, ReasonSpared, b.spaced(id)[0].Reason, "they came to nothing")
}

// TestSpacingEndsWithAPassThatCannotBeMade: a pass without a database holds up
// no other.
func TestSpacingEndsWithAPassThatCannotBeMade(t *testing.T) {
	t.Parallel()
	b := setup(t, upstreamIs(&still{}))
	id := b.insert(task.Generate, "one", 0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.syncer.Sync(ctx, Request{IDs: []string{id}, Spacing: spacing})
	require.Error(t, err)
	require.Empty(t, b.syncer.looks.passes)
	require.NotEqual(t, ReasonSpared, b.spaced(id)[0].Reason)
}

// TestSpacingOfAClockThatIsPutBack: it does not keep a row from being looked at.
func TestSpacingOfAClockThatIsPutBack(t *testing.T) {
	t.Parallel()
	b := setup(t, upstreamIs(&still{}))
	id := b.insert(task.Generate, "one", 0)
	b.sync(id)
	b.clock.advance(-time.Minute)
	require.NotEqual(t, ReasonSpared, b.spaced(id)[0].Reason)
}

func TestLooksAreBounded(t *testing.T) {
	t.Parallel()
	l := newRecentLooks()
	now := time.Now()
	ids := make([]string, 3*maxLooks+1)
	for i := range ids {
		ids[i] = newUUID()
		l.answered([]*member{{g: task.Generation{ID: ids[i]}, answered: true}, {g: task.Generation{ID: newUUID()}}}, now)
	}
	_, spared := l.begin(ids, now, spacing)
	require.LessOrEqual(t, len(spared), 2*maxLooks)
	require.Equal(t, ids[len(ids)-maxLooks:], spared[len(spared)-maxLooks:])
}
