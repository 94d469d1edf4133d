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
