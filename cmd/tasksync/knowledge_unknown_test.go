package main

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
)

// stray is a provider's answer, in its own words, for a task that it does not know, or
// does not want to be asked for.
type stray struct {
	status int
	body   string
}

func strays(provider string) []stray {
	switch provider {
	case "sunoproxy":
		return []stray{
			{400, `{"code":"invalid_request","message":"task not exist","data":null}`},
			{404, `{"code":"task_not_exist","message":"task_not_exist","data":null}`},
			{422, `{"code":"invalid_request","message":"task not found","data":null}`},
			{200, `{"code":"success","message":"","data":[]}`},
		}
	case "acedata":
		var all []stray
		for _, status := range []int{400, 404, 422} {
			all = append(all, stray{status, `{"success":false,"error":{"code":"bad_request","message":"task not found"},"trace_id":"44444444-4444-4444-8444-444444444404"}`})
		}
		return append(all, stray{200, `{"items":[],"count":0}`}, stray{200, `{}`})
	case "sunoclips":
		return []stray{
			{404, `{"detail":"task not found"}`},
			{400, `{"detail":"Invalid clip id."}`},
			{422, `{"detail":"clip not found"}`},
			{200, `[]`},
		}
	default:
		return []stray{
			{200, `{"code":404,"msg":"task not found","data":null}`},
			{200, `{"code":400,"msg":"task not exist","data":null}`},
			{200, `{"code":422,"msg":"Validation Error - task not found","data":null}`},
			{404, `{"code":404,"msg":"task not found.","data":null}`},
			{422, `{"code":422,"msg":"recordInfo is null","data":null}`},
			{400, `{"code":400,"msg":"Invalid taskId","data":null}`},
		}
	}
}

// notNew is an age of rows at which an answer "unknown task" counts: a provider may
// not know younger tasks yet.
const notNew = 3 * time.Minute

// One answer "unknown task" between answers that know the task is a slip of the
// provider, not the end of the task.
func TestOneStrayAnswerEndsNothing(t *testing.T) {
	t.Parallel()
	for _, provider := range providerNames() {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, provider)
			d := start(t, w.with("TASKSYNC_TIMEOUT", "10m"), "run")
			d.ready(t)
			for _, s := range strays(provider) {
				tasks := w.add(t, 3, simulator.Success, notNew)
				w.front.answers(about(tasks[:1], func(c call) answer {
					if c.nth[tasks[0]] != 1 {
						return nil
					}
					return says(s.status, s.body)
				}))
				w.await(t, d, "each was asked for again", func() bool { // known, unknown, known
					require.Zero(t, w.failed(t), "%d %s: %s", s.status, s.body, w.standing(t))
					return w.leastAsked(tasks) >= 3
				})
				w.finish()
				w.complete(t, d, worldPatience, tasks...)
			}
			w.ended(t, d)
		})
	}
}

// A task that its provider never knows again fails after enough such answers over a
// minute, and not before, provided that the provider knows other tasks.
func TestUnknownTaskFailsWhenConfirmed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sunoapi")
	d := start(t, w.with("TASKSYNC_TIMEOUT", "10m"), "run")
	d.ready(t)
	w.complete(t, d, worldPatience, w.add(t, 1, simulator.Ready, 0)...)
	id := w.add(t, 1, simulator.Forgotten, notNew)[0]
	w.await(t, d, "the row has failed", func() bool { return w.of(t, id).Status == "failed" })
	r := w.of(t, id)
	t.Logf("failed %.1f s after created_at, after %d answers: %s", r.SinceCreated, len(w.front.times(id)), r.Message)
	require.GreaterOrEqual(t, r.SinceCreated, (notNew + time.Minute).Seconds())
	require.GreaterOrEqual(t, len(w.front.times(id)), 3)
	w.ended(t, d)
}

// A provider that knows none of the tasks may have been asked with the key of another
// account, or at the address of another provider. That fails no row, and readiness
// says so.
func TestProviderThatKnowsNoTask(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sunoapi")
	d := start(t, w.with("TASKSYNC_TIMEOUT", "10m"), "run")
	addr := d.ready(t)
	tasks := w.add(t, 5, simulator.Success, notNew)
	w.front.answers(always(says(200, `{"code":422,"msg":"recordInfo is null","data":null}`)))
	w.notReadyNaming(t, d, addr, "TASKSYNC_API_URL")
	require.Equal(t, 5, w.count(t, `SELECT count(*) FROM music_generations WHERE status NOT IN ('complete', 'failed')`), w.standing(t))
	w.front.answers(nil)
	w.finish()
	w.complete(t, d, worldPatience, tasks...)
	w.await(t, d, "it is ready again", func() bool { status, _ := get(t, "http://"+addr+"/readyz"); return status == http.StatusOK })
	w.ended(t, d)
}

// notReadyNaming waits until the daemon is not ready, and asserts that it says which
// setting may be wrong.
func (w *world) notReadyNaming(t *testing.T, d *process, addr, setting string) {
	t.Helper()
	var told string
	w.await(t, d, "it is not ready", func() bool {
		status, body := get(t, "http://"+addr+"/readyz")
		told = body
		return status == http.StatusServiceUnavailable
	})
	require.Contains(t, told, setting)
}

// gateways are answers of a proxy before a provider, or of another server.
var gateways = []stray{
	{404, `{"message":"no Route matched with those values"}`},
	{404, `{"timestamp":"2026-11-29T09:00:00.000+00:00","status":404,"error":"Not Found","path":"/api/v1/generate/record-info"}`},
	{404, `{"error":"not found"}`},
	{404, `{"code":404,"message":"Not Found"}`},
	{404, `{"status":404,"message":"not found"}`},
	{404, `{"detail":"Not Found"}`},
	{404, `{"code":404,"msg":"Not Found - The requested resource or endpoint does not exist","data":null}`},
	{404, `{"success":false,"error":{"code":"not_found","message":"Not Found"}}`},
	{404, `<html><head><title>404 Not Found</title></head><body><center>nginx</center></body></html>`},
	{405, `{"message":"Method Not Allowed"}`},
	{501, `{"message":"not implemented"}`},
}

// A gateway that says 404 for a moment says nothing about a task.
func TestGatewaysKnowNoTasks(t *testing.T) {
	t.Parallel()
	for _, provider := range providerNames() {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, provider)
			d := start(t, w.with("TASKSYNC_TIMEOUT", "10m"), "run")
			d.ready(t)
			tasks := w.add(t, 10, simulator.Success, notNew)
			w.asked(t, d, 1, tasks...)
			for _, g := range gateways {
				w.front.answers(always(says(g.status, g.body)))
				w.await(t, d, "some calls got that answer", w.fewCalls())
				require.Zero(t, w.failed(t), "%d %s: %s", g.status, g.body, w.standing(t))
			}
			w.front.answers(nil)
			w.finish()
			w.complete(t, d, worldPatience, tasks...)
			w.ended(t, d)
		})
	}
}

// fewCalls reports whether three more calls were made.
func (w *world) fewCalls() func() bool {
	_, before := w.front.askedFor()
	return func() bool { _, calls := w.front.askedFor(); return calls >= before+3 }
}

// An address without an API ends no row, not even past the deadline: it is an error of
// the configuration, and readiness says so.
func TestWrongAddressIsAConfigurationError(t *testing.T) {
	t.Parallel()
	for _, provider := range providerNames() {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, provider)
			if provider != "sunoapi" && provider != "kie" { // their words are the simulator's own
				w.front.answers(always(says(gateways[0].status, gateways[0].body)))
			}
			d := start(t, w.with("TASKSYNC_API_URL", w.api.URL+"/other/place"), "run")
			addr := d.ready(t)
			tasks := w.add(t, 12, simulator.Success, 0)
			w.outlive(t, shortTimeout+2*time.Second)
			w.notReadyNaming(t, d, addr, "TASKSYNC_API_URL")
			require.Zero(t, w.count(t, `SELECT count(*) FROM music_generations WHERE status IN ('complete', 'failed')`), w.standing(t))
			require.Zero(t, d.stop(t), tail(d.output()))

			w.front.answers(nil)
			w.finish()
			d = start(t, w.with(), "run") // with the right address
			d.ready(t)
			w.complete(t, d, worldPatience, tasks...)
			w.ended(t, d)
		})
	}
}

// Addresses that are copied from a provider's page work, although they contain a part
// of the call's own path.
func TestAddressWithAPath(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ provider, path string }{
		{"sunoapi", "/"},
		{"sunoapi", "/api/v1"},
		{"sunoapi", "/api/v1/"},
		{"kie", "/api/v1"},
		{"kie", "/api/v1/"},
		{"sunoproxy", "/suno"},
		{"sunoproxy", "/suno/fetch"},
		{"sunoproxy", "/suno/fetch/"},
		{"acedata", "/suno"},
		{"acedata", "/suno/tasks"},
		{"sunoclips", "/"},
	} {
		t.Run(tc.provider+tc.path, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, tc.provider)
			tasks := w.add(t, 2, simulator.Ready, 0)
			d := start(t, w.with("TASKSYNC_API_URL", w.api.URL+tc.path, "TASKSYNC_TIMEOUT", "10m"), "run")
			d.ready(t)
			w.complete(t, d, worldPatience, tasks...)
			w.ended(t, d)
		})
	}
}
