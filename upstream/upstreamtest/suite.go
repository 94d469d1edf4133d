package upstreamtest

import (
	"cmp"
	"log/slog"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
	"tasksync/task"
	"tasksync/upstream"
)

// Subject is an adapter under test, and the wire format that it reads.
type Subject struct {
	// Upstream is the provider whose adapters are tested. Required.
	Upstream upstream.Provider
	// Format is the provider's wire format. Default: the format that the simulator has
	// for a provider of this name, in Dialect.
	Format  *Format
	Dialect string
	// Handlers has all of Types. Default: [task.DefaultHandlers].
	Handlers task.Handlers
	// Types are the task types that the provider has; the first one is used
	// where one is enough. Default: the five of the specification.
	Types []task.Type
	// Unbatched marks a server that answers one task a call, whatever the adapter's
	// Limits say of the format.
	Unbatched bool
	// FirstLook is how many calls the first look at a task takes, because the task may
	// be in several places; later looks take one. Default 1.
	FirstLook int
	// Places is the number of places where a task may be: so many calls it takes to
	// find that there is no such task. Default 1.
	Places int
}

// Format is the wire format of a provider that tasksync does not know, as the
// simulator serves it; Task and Item are what it encodes.
type (
	Format = simulator.Format
	Task   = simulator.Task
	Item   = simulator.Item
)

// open makes an adapter of s.Upstream, without a rate limit unless cfg has one.
func (s Subject) open(t testing.TB, cfg upstream.Config) upstream.Adapter {
	t.Helper()
	require.NotNil(t, s.Upstream.New, "Subject.Upstream: required")
	cfg.Requests = cmp.Or(cfg.Requests, -1)
	cfg.Logger = slog.New(slog.DiscardHandler)
	adapter, err := s.Upstream.New(cfg)
	require.NoError(t, err)
	if a, ok := adapter.(interface{ CloseIdle() }); ok {
		t.Cleanup(a.CloseIdle)
	}
	return adapter
}

// policy returns the default policy with the handlers of s.
func (s Subject) policy() task.Policy {
	p := task.DefaultPolicy()
	p.Handlers = s.Handlers
	return p
}

// batch returns how many tasks a call asks for.
func (s Subject) batch(a upstream.Adapter) int {
	if s.Unbatched {
		return 1
	}
	return max(1, a.Limits().Batch)
}

const key = "key-0123456789-of-the-suite"

// Run runs the suite on s. A TestMain with goleak beside it finds the goroutines
// that outlive the tests.
func Run(t *testing.T, s Subject) {
	t.Helper()
	if s.Handlers == nil {
		s.Handlers = task.DefaultHandlers()
	}
	if len(s.Types) == 0 {
		s.Types = []task.Type{task.Generate, task.Extend, task.Replace, task.Merge, task.Lyrics}
	}
	s.FirstLook, s.Places = max(1, s.FirstLook), max(1, s.Places)
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
		s.run(t, tc.name, tc.test)
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

// run runs test as a parallel test of its own, in a world of its own.
func (s Subject) run(t *testing.T, name string, test func(*testing.T, *world)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		s.bubble(t, newWorld(t, s, ""), test)
	})
}

// bubble runs test in w, with an adapter inside a bubble of testing/synctest.
func (s Subject) bubble(t *testing.T, w *world, test func(*testing.T, *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w.adapter = s.open(t, upstream.Config{BaseURL: w.server.URL, APIKey: key})
		w.sleeps = true
		test(t, w)
	})
}
