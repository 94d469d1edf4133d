package syncer

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/task"
)

// vouchSoon is vouch for a context that has ended, so that it must not wait.
func (b *bundle) vouchSoon(from *source, since time.Time) task.Vouch {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	cancel()
	found := make(chan task.Vouch, 1)
	go func() { found <- b.syncer.vouch(ctx, from, since) }()
	select {
	case vouch := <-found:
		return vouch
	case <-time.After(20 * time.Second):
		require.Fail(b, "it waits for the call of another pass")
		return task.VouchUnasked
	}
}

// A pass whose time is up neither waits for the call for the witness nor decides
// for other passes what has come of it.
func TestAnEndedContextVouchesForNobodyElse(t *testing.T) {
	t.Parallel()
	asking := make(chan struct{})
	b := setup(t, upstreamIs(fetchFunc(func(ctx context.Context, _ []task.Ref) ([]task.Observation, error) {
		close(asking)
		<-ctx.Done()
		return nil, ctx.Err()
	})))
	from := b.syncer.sources[""]
	from.learn([]task.Observation{{TaskID: "known"}}, []task.Ref{{TaskID: "known"}}, b.clock.now())
	known := b.clock.now()
	b.clock.advance(time.Minute)
	since := b.clock.now()

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	first := make(chan task.Vouch, 1)
	go func() { first <- b.syncer.vouch(ctx, from, since) }()
	<-asking
	require.Equal(t, task.NotVouched, b.vouchSoon(from, since))
	require.Equal(t, task.Vouched, b.vouchSoon(from, known), "what is known needs no call")
	cancel()
	require.Equal(t, task.NotVouched, <-first)

	from.upstream = fetchFunc(func(context.Context, []task.Ref) ([]task.Observation, error) {
		return nil, &task.Failure{Verdict: task.Transient, Unsent: true}
	})
	require.Equal(t, task.NotVouched, b.syncer.vouch(t.Context(), from, since), "turned away, because its time is nearly up")
	calls := 0
	from.upstream = fetchFunc(func(ctx context.Context, refs []task.Ref) ([]task.Observation, error) {
		if calls++; calls == 1 {
			return nil, &task.Failure{Verdict: task.Transient, Reason: "http_5xx"}
		}
		return allDone(ctx, refs)
	})
	require.Equal(t, task.NotVouched, b.syncer.vouch(t.Context(), from, since))
	require.Equal(t, task.NotVouched, b.syncer.vouch(t.Context(), from, since))
	require.Equal(t, 1, calls, "a failed call holds for a while")
	require.Equal(t, task.NotVouched, b.vouchSoon(from, since), "for all")
	b.clock.advance(vouchFor)
	require.Equal(t, task.Vouched, b.syncer.vouch(t.Context(), from, since))
}
