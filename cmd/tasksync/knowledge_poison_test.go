package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
	"tasksync/task"
)

// poisons are a provider's answers to every call that asks for a certain task.
var poisons = map[string]answer{
	"http 500":     says(500, `<html><head><title>500 Internal Server Error</title></head></html>`),
	"html":         says(200, `<!DOCTYPE html><html><body>One moment, please…</body></html>`),
	"cut":          cutOff,
	"broken":       broken,
	"json 500":     says(500, `{"code":"error","message":"runtime error: invalid memory address or nil pointer dereference","data":null}`),
	"no credits":   says(500, `{"code":"error","success":false,"message":"insufficient credits","error":{"code":"api_error","message":"insufficient credits"},"detail":"insufficient credits"}`),
	"bad request":  says(400, `{"code":"invalid_request","success":false,"message":"task not exist","error":{"code":"bad_request","message":"task not found"},"detail":"task not found"}`),
	"empty answer": says(200, ``),
	"envelope":     says(200, `{"code":500,"msg":"insufficient credits","data":null}`), // only sunoapi and kie send it
}

// poisoned returns the cases: all poisons for the providers with a batch call, and one
// poison, which once concerned every call, for the others.
func poisoned() (cases [][2]string) {
	for _, provider := range []string{"sunoproxy", "acedata", "sunoclips"} {
		for name := range poisons {
			if name != "envelope" {
				cases = append(cases, [2]string{provider, name})
			}
		}
	}
	return append(cases, [2]string{"sunoapi", "envelope"}, [2]string{"kie", "envelope"})
}

// healthyWithin bounds the time from the end of a healthy task to the end of its row,
// on a slow machine; the neighbours of a poisonous task once waited for their deadline.
const healthyWithin = 40 * time.Second

// One of the tasks that a call asks for breaks every call that it is in. The other
// tasks complete as if it was not there.
func TestPoisonHurtsOnlyItself(t *testing.T) {
	t.Parallel()
	const healthy = 12
	for _, tc := range poisoned() {
		provider, poison := tc[0], poisons[tc[1]]
		t.Run(provider+" "+tc[1], func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, provider)
			var tasks []string
			for range healthy + 1 {
				tasks = append(tasks, w.sim.Submit(task.Generate, simulator.Success))
			}
			bad := tasks[healthy/2]
			w.front.answers(about([]string{bad}, always(poison)))
			d := start(t, w.with("TASKSYNC_TIMEOUT", "10m"), "run")
			d.ready(t)
			w.insertAll(t, tasks)
			w.asked(t, d, 2, tasks...) // the daemon knows the task by now
			w.finish()
			w.complete(t, d, healthyWithin, slices.DeleteFunc(slices.Clone(tasks), func(id string) bool { return id == bad })...)
			_, calls := w.front.askedFor()
			t.Logf("%d calls in all, %d of them about the poisonous task", calls, len(w.front.times(bad)))
			require.NotContains(t, []string{"complete", "failed"}, w.of(t, bad).Status, w.standing(t))
			w.front.answers(nil)
			w.complete(t, d, worldPatience, bad)
			w.ended(t, d)
		})
	}
}

// insertAll inserts rows for tasks that were submitted already.
func (w *world) insertAll(t *testing.T, tasks []string) {
	t.Helper()
	for _, r := range collect[struct{ ID, TaskID string }](t, w.pool, `INSERT INTO music_generations (task_id, task_type, status)
		SELECT u.id, 'generate', 'submitted' FROM unnest($1::text[]) AS u (id) RETURNING id::text, task_id`, tasks) {
		w.rows[r.ID] = r.TaskID
	}
	w.tasks = append(w.tasks, tasks...)
}

// The failure of one task may have the text of an account's failure. The credential is
// not to blame, and its calls go on.
func TestFailureTextPausesNothing(t *testing.T) {
	t.Parallel()
	const told = "Internal Error, Please try again later." // by the simulator
	for _, tc := range []struct {
		provider, text string
		codes          []string // further words to replace: old, new
	}{
		{"sunoapi", "insufficient credits", nil},
		{"sunoapi", "The remaining credits are not enough. You can buy more one-time credit packs or subscribe.", []string{`"errorCode":500`, `"errorCode":429`}},
		{"kie", "insufficient credits", nil},
		{"kie", "Insufficient Credits", []string{`"errorCode":500`, `"errorCode":402`}},
		{"sunoproxy", "insufficient credits", nil},
		{"sunoproxy", "You do not have an active subscription. Please check whether your renewal was successful.", nil},
		{"acedata", "insufficient credits", nil},
		{"acedata", "The remaining credits are not enough.", []string{`"api_error"`, `"forbidden"`}},
		{"sunoclips", "Insufficient credits.", nil},
		{"sunoclips", "Token validation failed", nil},
	} {
		t.Run(fmt.Sprintf("%s %.24s %v", tc.provider, tc.text, tc.codes), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, tc.provider)
			w.front.answers(always(rewrites(append([]string{told, tc.text}, tc.codes...)...)))
			d := start(t, w.with("TASKSYNC_TIMEOUT", "10m"), "run")
			addr := d.ready(t)
			var tasks []string
			for i := range 13 {
				fate := simulator.Success
				if i == 4 {
					fate = simulator.InternalError
				}
				tasks = append(tasks, w.sim.Submit(task.Generate, fate))
			}
			bad := tasks[4]
			w.insertAll(t, tasks)
			w.asked(t, d, 1, tasks...)
			w.finish()
			w.complete(t, d, healthyWithin, slices.Delete(slices.Clone(tasks), 4, 5)...)
			w.await(t, d, "the other has failed", func() bool { return w.of(t, bad).Status == "failed" })
			r := w.of(t, bad)
			require.Equal(t, "API_ERROR", r.Code)
			require.Equal(t, tc.text, r.Message)
			status, body := get(t, "http://"+addr+"/readyz")
			require.Equal(t, http.StatusOK, status, body)
			require.NotContains(t, d.output(), "refuses the account")
			require.Zero(t, d.stop(t), tail(d.output()))
		})
	}
}

// Rows that the provider answers badly, again and again, delay no other rows: a
// provider that answers is not down.
func TestBadAnswersHoldUpNoOthers(t *testing.T) {
	t.Parallel()
	const badRows, goodRows = 15, 10
	for _, tc := range []struct{ provider, body string }{
		{"sunoapi", `{"code":500,"msg":"Internal Server Error.","data":null}`},
		{"sunoapi", `{"code":200,"msg":"success","data":null}`},
		{"kie", `{"code":500,"msg":"Server Error - An unexpected error occurred while processing the request","data":null}`},
	} {
		t.Run(tc.provider+tc.body[:11], func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, tc.provider)
			settings := w.with("TASKSYNC_TIMEOUT", "10m")
			delete(settings, "TASKSYNC_POLL_INTERVAL") // the default
			d := start(t, settings, "run")
			d.ready(t)
			bad := w.add(t, badRows, simulator.Stuck, 0)
			w.front.answers(about(bad, always(says(200, tc.body))))
			w.asked(t, d, 1, bad...)
			var slowest time.Duration
			for range goodRows {
				began := time.Now()
				id := w.add(t, 1, simulator.Ready, 0)[0]
				w.asked(t, d, 1, id)
				slowest = max(slowest, w.front.times(id)[0].Sub(began))
				w.complete(t, d, worldPatience, id)
				<-time.After(2 * time.Second) // the next row comes when the bad ones are asked for again
			}
			t.Logf("slowest first look after %s", slowest.Round(time.Millisecond))
			require.Less(t, slowest, 5*time.Second)
			require.NotContains(t, strings.ToLower(d.output()), "breaker open")
			require.Zero(t, w.failed(t))
			require.Zero(t, d.stop(t), tail(d.output()))
		})
	}
}

func containsAny(s string, parts ...string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(s, part) })
}
