package upstreamtest

import (
	"testing"
	"testing/synctest"
	"time"

	"tasksync/task"
	"tasksync/upstream"
)

// Subject is an adapter under test.
type Subject struct {
	// Provider and Dialect are the simulator's names of the wire format:
	// simulator.Config has them.
	Provider, Dialect string
	// New makes an adapter without a rate limit. What has to be closed is closed
	// by t.Cleanup.
	New func(t testing.TB, baseURL, key string) upstream.Adapter
	// Limited makes one that is permitted so many requests in any span of window.
	Limited func(t testing.TB, baseURL, key string, requests int, window time.Duration) upstream.Adapter
	// Types are the task types that the provider has; the first one is used
	// where one is enough. Default: all five.
	Types []task.Type
	// Unbatched: this server answers one task a request, whatever the adapter's
	// Limits say that the format can do.
	Unbatched bool
	// FirstLook is how many requests the first look at a task takes, because it may
	// be in several places; the later ones take one. Default 1.
	FirstLook int
	// Places is in how many places a task may be, so how many requests it takes to
	// hear that there is no such task. Default 1.
	Places int
}

func (s Subject) firstLook() int { return max(1, s.FirstLook) }

func (s Subject) places() int { return max(1, s.Places) }

func (s Subject) types() []task.Type {
	if len(s.Types) > 0 {
		return s.Types
	}
	return []task.Type{task.Generate, task.Extend, task.Replace, task.Merge, task.Lyrics}
}

// batch is how many tasks a request asks for.
func (s Subject) batch(a upstream.Adapter) int {
	if s.Unbatched {
		return 1
	}
	return max(1, a.Limits().Batch)
}

const key = "key-0123456789-of-the-suite"

// Run runs the suite on s. The package of the test has a TestMain with goleak.
func Run(t *testing.T, s Subject) {
	t.Helper()
	for _, tc := range []struct {
		name string
		test func(*testing.T, *world)
	}{
		{"lives", testLives},
		{"absent refs are not reported", testAbsent},
		{"partial answers survive", testPartial},
		{"requests", testRequests},
		{"mixed types", testMixedTypes},
		{"duplicates", testDuplicates},
		{"silly ids", testSillyIDs},
		{"wrong key", testWrongKey},
		{"the key is shown nowhere", testKeyIsShownNowhere},
		{"poison that passes", testPoisonPasses},
		{"a task without credits", testCreditsOfOneTask},
		{"alone", testAlone},
		{"blanks around ids", testBlanks},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s.bubble(t, newWorld(t, s, ""), tc.test)
		})
	}
	t.Run("lives with previews on any host", func(t *testing.T) {
		t.Parallel()
		s.bubble(t, newWorld(t, s, "https://media.example"), testLives)
	})
	t.Run("faults", func(t *testing.T) { t.Parallel(); testFaults(t, s) })
	t.Run("poison", func(t *testing.T) { t.Parallel(); testPoison(t, s) })
	t.Run("a provider that is down", func(t *testing.T) { t.Parallel(); testDown(t, s) })
	t.Run("bodies of the wrong kind", func(t *testing.T) { t.Parallel(); testBodies(t, s) })
	t.Run("concurrent fetches", func(t *testing.T) { t.Parallel(); testConcurrency(t, newWorld(t, s, "")) })
	t.Run("cancellation", func(t *testing.T) { t.Parallel(); testCancellation(t, s) })
	t.Run("rate limit", func(t *testing.T) { t.Parallel(); testRateLimit(t, s) })
}

// bubble runs test in w, with an adapter that lives in a bubble.
func (s Subject) bubble(t *testing.T, w *world, test func(*testing.T, *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w.adapter = s.New(t, w.server.URL, key)
		w.sleeps = true
		test(t, w)
	})
}
