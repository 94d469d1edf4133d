package upstream

import (
	"context"
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/wait"
	"tasksync/task"
)

// slow is a transport that answers after some time, without a network.
type slow struct {
	answers
	after time.Duration
}

func (s *slow) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := wait.For(req.Context(), s.after); err != nil {
		return nil, err
	}
	return s.answers.RoundTrip(req)
}

func slowClient(t *testing.T, after time.Duration) (*Client, *slow) {
	t.Helper()
	transport := &slow{answers{status: 200, body: `{}`}, after}
	c, err := NewClient(Config{Provider: "p", BaseURL: "http://api.example", Transport: transport, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	return c, transport
}

// TestCallOutlivesItsDeadline: a call that was sent is paid for, so the client
// waits for its answer a little longer.
func TestCallOutlivesItsDeadline(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		deadline, takes, ends time.Duration
		reason                string // of a failure
		gone                  error
	}{
		"in time":                    {10 * time.Second, 2 * time.Second, 2 * time.Second, "", nil},
		"a little late":              {time.Second, 3 * time.Second, 3 * time.Second, "", nil},
		"too late to say anything":   {time.Second, time.Minute, 4 * time.Second, "", context.DeadlineExceeded},
		"too late in a fair time":    {10 * time.Second, time.Minute, 13 * time.Second, ReasonTimeout, nil},
		"later than a call may take": {time.Hour, time.Minute, 15 * time.Second, ReasonTimeout, nil},
		"no deadline":                {0, time.Minute, 15 * time.Second, ReasonTimeout, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, _ := slowClient(t, tc.takes)
				ctx, cancel := t.Context(), context.CancelFunc(func() {})
				if tc.deadline > 0 {
					ctx, cancel = context.WithTimeout(ctx, tc.deadline)
				}
				defer cancel()
				start := time.Now()
				err := c.Get(ctx, "/x", nil, accept)
				require.Equal(t, tc.ends, time.Since(start))
				var f *task.Failure
				switch {
				case tc.gone != nil:
					require.ErrorIs(t, err, tc.gone)
					require.Zero(t, c.gate.times.slowest(time.Now()), "it says nothing of how long calls take")
				case tc.reason != "":
					require.ErrorAs(t, err, &f)
					require.Equal(t, tc.reason, f.Reason)
					require.Contains(t, f.Message, "no answer within "+tc.ends.String())
				default:
					require.NoError(t, err)
				}
			})
		})
	}
}

func TestCancelledCallEndsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, _ := slowClient(t, time.Minute)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		require.ErrorIs(t, c.Get(ctx, "/x", nil, accept), context.Canceled)
		require.Equal(t, time.Second, time.Since(start))
	})
}

// TestCallsThatHangKeepNoneFromBeingMade: a call is made now and then, and the others
// again as soon as one is answered.
func TestCallsThatHangKeepNoneFromBeingMade(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, transport := slowClient(t, time.Minute)
		get := func(within time.Duration) error {
			ctx, cancel := context.WithTimeout(t.Context(), within)
			defer cancel()
			return c.Get(ctx, "/x", nil, accept)
		}
		require.Error(t, get(10*time.Second))
		transport.after = 4 * time.Second
		start := time.Now()
		require.NoError(t, get(10*time.Second), "it had its time before its deadline")
		require.Equal(t, 4*time.Second, time.Since(start))
		var f *task.Failure
		require.ErrorAs(t, get(3*time.Second), &f)
		require.Equal(t, ReasonTurnedAway, f.Reason)
		transport.after = time.Second
		for range maxCallTimes {
			require.NoError(t, get(10*time.Second))
		}
		require.NoError(t, get(3*time.Second))
	})
}

// TestOpenBreakerCostsNoSlot: an unsent call leaves the slots to the tasks that may be
// asked for.
func TestOpenBreakerCostsNoSlot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		transport := &answers{status: 200, body: `{}`}
		c, err := NewClient(Config{
			Provider: "p", BaseURL: "http://api.example", Transport: transport, Logger: slog.New(slog.DiscardHandler),
			Requests: 2, Window: time.Hour,
		})
		require.NoError(t, err)
		for q := range question(breakerTrips) {
			c.breaker.ask(time.Now().Add(-breakerGap), q, healthDown)
		}
		try, unsent := c.breaker.begin(time.Now(), 100) // it is under way
		require.Nil(t, unsent)
		for range 10 {
			require.Error(t, c.Get(t.Context(), "/x", nil, accept))
		}
		c.breaker.end(time.Now(), try, callEnd{health: healthUp})
		for range 2 {
			require.NoError(t, c.Get(t.Context(), "/x", nil, accept))
		}
	})
}
