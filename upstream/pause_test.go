package upstream

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"tasksync/task"
)

// answers is a transport that gives status and body, without a network, for use
// under synctest.
type answers struct {
	status int
	body   string
	header http.Header
	calls  int
}

func (a *answers) RoundTrip(req *http.Request) (*http.Response, error) {
	a.calls++
	header := a.header.Clone()
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{
		StatusCode: a.status, Header: header, Request: req,
		Body: io.NopCloser(strings.NewReader(a.body)),
	}, nil
}

func accept(ans Answer) (int, *task.Failure) { return 0, nil }

func TestAccountVerdictPausesTheCredential(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		transport := &answers{status: 401, body: `{"msg":"no"}`}
		var log bytes.Buffer
		c, err := NewClient(Config{
			Provider: "p", BaseURL: "http://api.example", APIKey: "the-secret-key", Transport: transport,
			Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		require.NoError(t, err)
		get := func() *task.Failure {
			err := c.Get(t.Context(), "/x", nil, accept)
			if err == nil {
				return nil
			}
			var f *task.Failure
			require.ErrorAs(t, err, &f)
			return f
		}
		for _, pause := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 5 * time.Minute, 5 * time.Minute} {
			f := get()
			require.Equal(t, task.Account, f.Verdict)
			require.Equal(t, ReasonUnauthorized, f.Reason)
			require.Equal(t, pause, f.RetryAfter)
			calls := transport.calls
			time.Sleep(pause - time.Second)
			f = get()
			require.Equal(t, ReasonAccountPaused, f.Reason)
			require.Equal(t, task.Account, f.Verdict)
			require.Equal(t, time.Second, f.RetryAfter)
			require.Equal(t, calls, transport.calls, "no call was made")
			reason, until, paused := c.Paused()
			require.True(t, paused)
			require.Contains(t, reason, "HTTP 401")
			require.Equal(t, time.Now().Add(time.Second), until)
			require.InDelta(t, 1, testutil.ToFloat64(c.metrics.paused), 0)
			time.Sleep(time.Second)
		}
		require.Equal(t, 5, strings.Count(log.String(), "refuses the credential"), "at most one a minute")
		require.Contains(t, log.String(), "hint=")

		transport.status = 200
		require.Nil(t, get())
		_, _, paused := c.Paused()
		require.False(t, paused)
		require.Zero(t, testutil.ToFloat64(c.metrics.paused))
		transport.status = 401
		require.Equal(t, 30*time.Second, get().RetryAfter, "the first success has reset it")
	})
}

func TestPauseIsNotEndedByAnEarlierCall(t *testing.T) {
	t.Parallel()
	c, err := NewClient(Config{Provider: "p", BaseURL: "http://api.example", Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	now := time.Now()
	f := &task.Failure{Verdict: task.Account, Reason: "credits"}
	require.Equal(t, firstPause, c.pause.trip(now, f))
	require.Equal(t, firstPause-time.Second, c.pause.trip(now.Add(time.Second), f), "calls under way together count once")
	c.pause.accepted(now.Add(-time.Second))
	require.NotNil(t, c.pause.unsent(now))
	c.pause.accepted(now)
	require.Nil(t, c.pause.unsent(now))
}

func TestRateLimitAnswerClosesTheWindow(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		header string
		body   string
		want   time.Duration
	}{
		"seconds":      {"7", `{}`, 7 * time.Second},
		"none":         {"", `{}`, time.Second},
		"too small":    {"0.1", `{}`, time.Second},
		"with no JSON": {"7", "slow down", 7 * time.Second},
		"too large":    {"999999999999", `{}`, maxRetryAfter},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				transport := &answers{status: 429, body: tc.body, header: http.Header{"Retry-After": {tc.header}}}
				c, err := NewClient(Config{Provider: "p", BaseURL: "http://api.example", Transport: transport})
				require.NoError(t, err)
				var f *task.Failure
				require.ErrorAs(t, c.Get(t.Context(), "/x", nil, accept), &f)
				require.Equal(t, task.Transient, f.Verdict)
				require.Equal(t, ReasonRateLimited, f.Reason)
				require.Equal(t, tc.want, f.RetryAfter)
				start := time.Now()
				transport.status, transport.body = 200, `{}`
				require.NoError(t, c.Get(t.Context(), "/x", nil, accept))
				require.Equal(t, tc.want, time.Since(start))
			})
		})
	}
}

// What the provider told a client, others are told; what it was told by others, it
// keeps to itself.
func TestClosingIsShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		transport := &answers{status: 429, body: `{}`, header: http.Header{"Retry-After": {"7"}}}
		open := func() *Client {
			c, err := NewClient(Config{Provider: "p", BaseURL: "http://api.example", Transport: transport})
			require.NoError(t, err)
			return c
		}
		one, two := open(), open()
		require.Zero(t, one.ClosedUntil())
		start := time.Now()
		require.Error(t, one.Get(t.Context(), "/x", nil, accept))
		require.Equal(t, start.Add(7*time.Second), one.ClosedUntil())
		two.CloseUntil(one.ClosedUntil())
		require.Zero(t, two.ClosedUntil())
		transport.status = 200
		require.NoError(t, two.Get(t.Context(), "/x", nil, accept))
		require.Equal(t, 7*time.Second, time.Since(start))
	})
}
