package upstream

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/task"
)

func TestBreaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		transport := &answers{status: 503, body: `{}`}
		c, err := NewClient(Config{Provider: "p", BaseURL: "http://api.example", APIKey: "the-secret-key", Transport: transport, Logger: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		get := func() error { return c.Get(t.Context(), "/x", nil, accept) }
		reason := func(err error) string {
			var f *task.Failure
			require.ErrorAs(t, err, &f)
			require.Equal(t, task.Transient, f.Verdict)
			if f.Reason == ReasonBreakerOpen {
				require.GreaterOrEqual(t, f.RetryAfter, time.Second)
				require.LessOrEqual(t, f.RetryAfter, breakerOpen*5/4)
			}
			return f.Reason
		}
		for range breakerTrips {
			require.Equal(t, ReasonHTTP5xx, reason(get()))
		}
		for range 100 {
			require.Equal(t, ReasonBreakerOpen, reason(get()))
		}
		require.Equal(t, breakerTrips, transport.calls, "an open breaker sends nothing")

		time.Sleep(breakerOpen + time.Millisecond)
		require.Equal(t, ReasonHTTP5xx, reason(get()), "one call goes out")
		require.Equal(t, ReasonBreakerOpen, reason(get()), "and decides")

		time.Sleep(breakerOpen + time.Millisecond)
		transport.status = 200
		require.NoError(t, get())
		require.NoError(t, get())
	})
}

func TestPassing(t *testing.T) {
	t.Parallel()
	for reason, want := range map[string]bool{
		ReasonTimeout: true, ReasonNetwork: true, ReasonHTTP5xx: true, ReasonBadBody: true, ReasonTooLarge: true,
		ReasonHTTP4xx: false, ReasonRateLimited: false, ReasonTurnedAway: false, ReasonBreakerOpen: false, "busy": false,
	} {
		require.Equal(t, want, passing(transient(reason, "x")), reason)
		require.False(t, passing(&task.Failure{Verdict: task.UnknownTask, Reason: reason}), reason)
	}
}

// TestConcernsAll is about what would be the fate of the next call too.
func TestConcernsAll(t *testing.T) {
	t.Parallel()
	for reason, want := range map[string]bool{
		ReasonRateLimited: true, ReasonTurnedAway: true, ReasonBreakerOpen: true,
		ReasonTimeout: false, ReasonNetwork: false, ReasonHTTP5xx: false, ReasonBadBody: false, ReasonTooLarge: false,
	} {
		require.Equal(t, want, ConcernsAll(transient(reason, "x")), reason)
		require.True(t, ConcernsAll(&task.Failure{Verdict: task.Account, Reason: reason}), reason)
	}
}

func TestBreakerCountsOnlyWhatPasses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		transport := &answers{status: 200, body: `{}`}
		c, err := NewClient(Config{Provider: "p", BaseURL: "http://api.example", APIKey: "the-secret-key", Transport: transport, Logger: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		for range 3 * breakerTrips {
			err := c.Get(t.Context(), "/x", nil, func(Answer) (int, *task.Failure) {
				return 0, &task.Failure{Verdict: task.UnknownTask, Reason: "unknown_task"}
			})
			require.Error(t, err)
		}
		require.False(t, c.breaker.open())
		for range breakerTrips - 1 {
			transport.status = 500
			require.Error(t, c.Get(t.Context(), "/x", nil, accept))
		}
		transport.status = 200
		require.NoError(t, c.Get(t.Context(), "/x", nil, accept), "a success in between")
		transport.status = 500
		require.Error(t, c.Get(t.Context(), "/x", nil, accept))
		require.False(t, c.breaker.open())
	})
}
