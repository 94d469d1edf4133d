package upstream

import (
	"fmt"
	"log/slog"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tasksync/task"
)

func silentBreaker() *breaker {
	return newBreaker("p", slog.New(slog.DiscardHandler), prometheus.NewGauge(prometheus.GaugeOpts{Name: "open"}))
}

// ask has one call go through b and end with h at once; false: it was not sent.
func (b *breaker) ask(now time.Time, q question, h health) bool {
	try, f := b.begin(now, q)
	if f == nil {
		b.end(now, try, callEnd{health: h})
	}
	return f == nil
}

// isOpen reports whether the breaker holds calls back.
func (b *breaker) isOpen() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.open
}

// TestBreaker has a provider that is down, with a client that keeps asking.
func TestBreaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		transport := &answers{status: 503, body: `{}`}
		c, err := NewClient(Config{Provider: "p", BaseURL: "http://api.example", APIKey: "the-secret-key", Transport: transport, Logger: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		get := func(id int) error { return c.Get(t.Context(), "/x", url.Values{"id": {fmt.Sprint(id)}}, accept) }
		reason := func(err error) string {
			var f *task.Failure
			require.ErrorAs(t, err, &f)
			require.Equal(t, task.Transient, f.Verdict)
			require.Equal(t, f.Reason == ReasonBreakerOpen, f.Unsent)
			if f.Unsent {
				require.GreaterOrEqual(t, f.RetryAfter, time.Second)
				require.LessOrEqual(t, f.RetryAfter, breakerOpen*5/4)
			}
			return f.Reason
		}
		for id := range breakerTrips {
			require.Equal(t, ReasonHTTP5xx, reason(get(id)))
		}
		for range 100 {
			for id := range breakerTrips {
				require.Equal(t, ReasonBreakerOpen, reason(get(id)))
			}
		}
		require.Equal(t, breakerTrips, transport.calls, "what has failed is not asked again")

		time.Sleep(breakerOpen + time.Millisecond)
		require.Equal(t, ReasonHTTP5xx, reason(get(0)), "one call goes out")
		require.Equal(t, ReasonBreakerOpen, reason(get(0)), "and decides")
		require.Equal(t, ReasonBreakerOpen, reason(get(1)))

		time.Sleep(breakerOpen + time.Millisecond)
		transport.status = 200
		require.NoError(t, get(0))
		require.NoError(t, get(1))
	})
}

// TestOpenBreakerSendsWhatHasNotFailed: a task that has not failed is asked for at
// once, whatever the others did.
func TestOpenBreakerSendsWhatHasNotFailed(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	b := silentBreaker()
	for q := range question(breakerTrips) {
		require.True(t, b.ask(now, q, healthDown))
	}
	require.True(t, b.isOpen())
	now = now.Add(breakerGap)
	try, f := b.begin(now, 100)
	require.Nil(t, f)
	require.NotNil(t, b.unsent(now, 101), "one at a time")
	require.LessOrEqual(t, b.unsent(now, 101).RetryAfter, breakerGap*5/4, "the next does not wait for long")
	b.end(now, try, callEnd{health: healthDown})
	require.False(t, b.ask(now.Add(breakerGap/2), 101, healthUp), "one a second")
	now = now.Add(breakerGap)
	require.False(t, b.ask(now, 100, healthUp), "it has failed now")
	require.True(t, b.ask(now, 101, healthUnknown), "its caller went away")
	require.True(t, b.isOpen())
	require.True(t, b.ask(now.Add(breakerGap), 102, healthUp))
	require.False(t, b.isOpen())
	require.True(t, b.ask(now.Add(breakerGap), 100, healthUp))
}

// TestBreakerIsNotOpenedByTheSameFewTasks has tasks that the provider never answers
// beside tasks that it answers.
func TestBreakerIsNotOpenedByTheSameFewTasks(t *testing.T) {
	t.Parallel()
	t.Run("few", func(t *testing.T) {
		t.Parallel()
		b, now := silentBreaker(), time.Unix(0, 0)
		for i := range question(1000) {
			now = now.Add(100 * time.Millisecond)
			require.True(t, b.ask(now, i%(breakerTrips-1), healthDown))
		}
	})
	t.Run("fifteen beside good ones", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			b, now := silentBreaker(), time.Unix(0, 0)
			good, opened := question(1000), 0
			for range rapid.IntRange(10, 300).Draw(t, "calls") {
				now = now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "after")) * time.Millisecond)
				was := b.isOpen()
				if rapid.IntRange(0, 3).Draw(t, "good") > 0 {
					b.ask(now, question(rapid.IntRange(0, 14).Draw(t, "bad")), healthDown)
				} else {
					good++
					if !b.ask(now, good, healthUp) && now.Sub(b.lastTry) >= breakerGap {
						t.Fatalf("a good new task waits, %s after the last try", now.Sub(b.lastTry))
					}
				}
				if !was && b.isOpen() {
					opened++
				}
			}
			if most := 1 + int(now.Sub(time.Unix(0, 0))/breakerSpan); opened > most {
				t.Fatalf("opened %d times, in a time for %d", opened, most)
			}
		})
	})
}

// TestBreakerOpensAfterGoodTimesToo: earlier answers do not keep the breaker closed
// for long, and while the provider is down few calls are made.
func TestBreakerOpensAfterGoodTimesToo(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b, now := silentBreaker(), time.Unix(0, 0)
		for q := range question(rapid.IntRange(0, 200).Draw(t, "good")) {
			b.ask(now, q, healthUp)
		}
		before := 0
		for q := question(1000); !b.isOpen(); q++ {
			b.ask(now, q, healthDown)
			before++
		}
		if before > 20 {
			t.Fatalf("%d calls before it opened", before)
		}
		calls, start := 0, now
		for now.Sub(start) < 5*time.Minute {
			now = now.Add(time.Duration(rapid.IntRange(1, 500).Draw(t, "after")) * time.Millisecond)
			if b.ask(now, question(rapid.IntRange(0, 100_000).Draw(t, "question")), healthDown) {
				calls++
			}
		}
		if calls > 2*int(5*time.Minute/breakerGap) || !b.isOpen() {
			t.Fatalf("%d calls while it was down", calls)
		}
	})
}

func TestHealth(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status int
		f      *task.Failure
		want   health
	}{
		"a code of its own":     {200, Transient("unknown_code", ""), healthUp},
		"not what was asked":    {200, BadBody(""), healthUp},
		"a rate limit":          {429, Transient(ReasonRateLimited, ""), healthUp},
		"a refused key":         {401, &task.Failure{Verdict: task.Account}, healthUp},
		"a verdict on the task": {500, &task.Failure{Verdict: task.TaskDead}, healthUp},
		"HTTP 5xx":              {503, Transient("busy", ""), healthDown},
		"no such address":       {501, Transient(ReasonNoCall, ""), healthUnknown},
	} {
		require.Equal(t, tc.want, answerHealth(tc.status, tc.f), name)
	}
	require.Equal(t, healthDown, unreadableHealth(200, BadBody("")))
	require.Equal(t, healthDown, unreadableHealth(302, BadBody("")))
	require.Equal(t, healthDown, unreadableHealth(502, Transient(ReasonHTTP5xx, "")))
	require.Equal(t, healthUnknown, unreadableHealth(403, &task.Failure{Verdict: task.Account}))
	require.Equal(t, healthUnknown, unreadableHealth(501, Transient(ReasonNoCall, "")))
}

// TestConcernsAll is about failures that the next call would have too.
func TestConcernsAll(t *testing.T) {
	t.Parallel()
	for reason, want := range map[string]bool{
		ReasonRateLimited: true, ReasonTurnedAway: true,
		ReasonBreakerOpen: false, ReasonTimeout: false, ReasonNetwork: false, ReasonHTTP5xx: false, ReasonBadBody: false, ReasonTooLarge: false,
	} {
		require.Equal(t, want, concernsAll(Transient(reason, "x")), reason)
		require.True(t, concernsAll(&task.Failure{Verdict: task.Account, Reason: reason}), reason)
	}
}

// TestBreakerCountsOnlyCallsWithoutAnswer: an answer of a provider that is up opens
// nothing.
func TestBreakerCountsOnlyCallsWithoutAnswer(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status int
		body   string
		f      *task.Failure
		opens  bool
	}{
		"unknown task":          {404, `{}`, &task.Failure{Verdict: task.UnknownTask, Reason: ReasonUnknownTask}, false},
		"code 500 without data": {200, `{"code":500,"data":null}`, Transient("unknown_code", "x"), false},
		"JSON of another kind":  {200, `7`, BadBody("x"), false},
		"no such address":       {404, `<html>`, nil, false},
		"HTTP 500":              {500, `{}`, nil, true},
		"a page":                {200, `<html>`, nil, true},
		"a cut body":            {200, `{"code":2`, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				transport := &answers{status: tc.status, body: tc.body}
				c, err := NewClient(Config{Provider: "p", BaseURL: "http://api.example", APIKey: "the-secret-key", Transport: transport, Logger: slog.New(slog.DiscardHandler)})
				require.NoError(t, err)
				for id := range 3 * breakerTrips {
					require.Error(t, c.Get(t.Context(), "/x", url.Values{"id": {fmt.Sprint(id)}}, func(Answer) (int, *task.Failure) { return 0, tc.f }))
				}
				require.Equal(t, tc.opens, c.breaker.isOpen())
			})
		})
	}
}
