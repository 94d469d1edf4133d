package upstreamtest

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
	"tasksync/task"
	"tasksync/upstream"
)

// world is a simulated provider behind a real server, an adapter for it, and the
// provider's clock.
type world struct {
	subject Subject
	sim     *simulator.Simulator
	server  *httptest.Server
	adapter upstream.Adapter
	clock   *clock
	sleeps  bool // the adapter is in a bubble, and its clock moves with the provider's
}

// newWorld serves a simulator outside of any bubble. Its adapter runs in real time. The
// audio is at mediaURL; empty: at the provider's hosts.
func newWorld(t *testing.T, s Subject, mediaURL string) *world {
	t.Helper()
	w := &world{subject: s, clock: &clock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}}
	clips := map[task.Type]int{}
	for taskType, h := range s.Handlers {
		clips[taskType] = h.Clips
	}
	w.sim = simulator.New(simulator.Config{
		Format: s.Format, Clips: clips, Provider: s.Upstream.Name, Dialect: s.Dialect, Seed: 1, APIKey: key,
		SlowDelay: time.Millisecond, MediaURL: mediaURL, Now: w.clock.Now,
	})
	w.server = serve(t, w.sim)
	t.Cleanup(w.sim.Close)
	w.adapter = s.open(t, upstream.Config{BaseURL: w.server.URL, APIKey: key})
	return w
}

// serve closes each connection after its answer: see the package's comment.
func serve(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(h)
	server.Config.SetKeepAlivesEnabled(false)
	t.Cleanup(server.Close)
	return server
}

// clock is a clock that only tests advance.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now returns the time of the simulator.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// advance moves the time on, at the provider and, in a bubble, at the adapter.
func (w *world) advance(d time.Duration) {
	if d <= 0 {
		return
	}
	w.clock.mu.Lock()
	w.clock.now = w.clock.now.Add(d)
	w.clock.mu.Unlock()
	if w.sleeps {
		time.Sleep(d)
	}
}

// taskType returns the type for tests in which one is enough.
func (w *world) taskType() task.Type { return w.subject.Types[0] }

// submit makes n tasks that are complete, and returns their refs.
func (w *world) submit(n int, faults ...simulator.Fault) []task.Ref {
	refs := make([]task.Ref, n)
	for i := range refs {
		refs[i] = task.Ref{TaskID: w.sim.Submit(w.taskType(), simulator.Ready, faults...), Type: w.taskType()}
	}
	return refs
}

// fetch asks for refs and asserts what is true of every result of Fetch.
func (w *world) fetch(ctx context.Context, t *testing.T, refs ...task.Ref) (map[string]task.Observation, error) {
	t.Helper()
	observations, err := w.adapter.Fetch(ctx, refs)
	asked := map[string]bool{}
	for _, ref := range refs {
		asked[ref.TaskID] = true
	}
	seen := map[string]task.Observation{}
	for _, obs := range observations {
		require.True(t, asked[obs.TaskID], "an observation of %q, which was not asked for", obs.TaskID)
		require.NotContains(t, seen, obs.TaskID, "two observations of one task")
		if obs.Failure != nil {
			require.NotEmpty(t, obs.Failure.Reason)
		}
		seen[obs.TaskID] = obs
	}
	if err != nil && ctx.Err() == nil {
		_, ok := errors.AsType[*task.Failure](err)
		require.True(t, ok, "an error that is no *task.Failure: %v", err)
	}
	return seen, err
}

// outcome is the observation of a task: its own, or else one with the failure of
// the call. ok is false if the answers have left the task out.
func outcome(id string, seen map[string]task.Observation, err error) (obs task.Observation, ok bool) {
	if obs, ok = seen[id]; ok {
		return obs, true
	}
	f, failed := errors.AsType[*task.Failure](err)
	return task.Observation{TaskID: id, Failure: f}, failed
}

// failureOf is the failure of a task, or else of the call; nil: there is none.
func failureOf(id string, seen map[string]task.Observation, err error) *task.Failure {
	obs, _ := outcome(id, seen, err)
	return obs.Failure
}

// requests returns the number of calls that test makes.
func (w *world) requests(test func()) int64 {
	before := w.sim.Requests().Total
	test()
	return w.sim.Requests().Total - before
}

// fetchReady asks for refs and asserts that they were observed with their items.
func (w *world) fetchReady(t *testing.T, refs ...task.Ref) map[string]task.Observation {
	t.Helper()
	seen, err := w.fetch(t.Context(), t, refs...)
	require.NoError(t, err)
	requireReady(t, seen, refs...)
	return seen
}

// requireReady asserts that refs were observed with their items.
func requireReady(t *testing.T, seen map[string]task.Observation, refs ...task.Ref) {
	t.Helper()
	for _, ref := range refs {
		obs, ok := seen[ref.TaskID]
		require.True(t, ok, "%s was not reported", ref.TaskID)
		require.Nil(t, obs.Failure)
		require.NotEmpty(t, obs.Items)
	}
}
