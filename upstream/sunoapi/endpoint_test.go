package sunoapi

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/task"
)

// endpoints answers kie's two endpoints, each with a body of its own, and records
// the order of the calls.
type endpoints struct {
	mu        sync.Mutex
	jobs, old string // an HTTP status, a blank, the body
	asked     []string
}

func (m *endpoints) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	name, answer := "old", m.old
	if r.URL.Path == "/api/v1/jobs/recordInfo" {
		name, answer = "jobs", m.jobs
	}
	m.asked = append(m.asked, name)
	status, body, _ := strings.Cut(answer, " ")
	code := 0
	_, _ = fmt.Sscan(status, &code)
	w.WriteHeader(code)
	_, _ = w.Write([]byte(body))
}

func (m *endpoints) take() (asked string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	asked, m.asked = strings.Join(m.asked, " "), nil
	return asked
}

const (
	unknown   = `200 {"code":422,"msg":"recordInfo is null","data":null}`
	noData    = `200 {"code":200,"msg":"success","data":null}`
	noPath    = `200 {"code":404,"msg":"Not Found - The requested resource or endpoint does not exist"}`
	down      = `503 <html>`
	limited   = `200 {"code":433,"msg":"slow down"}`
	dead      = `200 {"code":531,"msg":"Credits were refunded","data":null}`
	aJob      = `200 {"code":200,"data":{"taskId":"t","state":"generating"}}`
	anOldTask = `200 {"code":200,"data":{"taskId":"t","status":"PENDING"}}`
)

func TestATaskIsAskedForAtItsEndpoint(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		jobs, old string
		asked     string
		want      string // of the observation; empty: none
	}{
		"a job":                      {aJob, unknown, "jobs", "processing"},
		"an old task":                {unknown, anOldTask, "jobs old", "processing"},
		"an old task, no jobs there": {noPath, anOldTask, "jobs old", "processing"},
		"an old task, no word of it": {noData, anOldTask, "jobs old", "processing"},
		"known to neither":           {unknown, unknown, "jobs old", "unknown_task unknown_task"},
		"jobs are down":              {down, anOldTask, "jobs", "transient http_5xx"},
		"a dead job":                 {dead, anOldTask, "jobs", "task_dead task_failed"},
		"the old endpoint is down":   {unknown, down, "jobs old", "transient http_5xx"},
		"the old endpoint is gone":   {unknown, noPath, "jobs old", "transient unclear"},
		"neither is there":           {noPath, noPath, "jobs old", "transient no_such_call"},
		"no jobs, and unknown":       {noPath, unknown, "jobs old", "transient unclear"},
		"no word, and unknown":       {noData, unknown, "jobs old", "transient no_record"},
		"too many calls":             {limited, anOldTask, "jobs", ""},
		"too many calls, then":       {unknown, limited, "jobs old", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := &endpoints{jobs: tc.jobs, old: tc.old}
			b := setup(t, kie(), m.ServeHTTP)
			obs, err := b.adapter.Fetch(t.Context(), refs("t"))
			require.Equal(t, tc.asked, m.take())
			if tc.want == "" {
				require.ErrorContains(t, err, "rate_limited")
				require.Empty(t, obs)
				return
			}
			require.Equal(t, map[string]string{"t": tc.want}, seen(obs))
		})
	}
}

func TestTheEndpointOfATaskIsRemembered(t *testing.T) {
	t.Parallel()
	m := &endpoints{jobs: unknown, old: anOldTask}
	b := setup(t, kie(), m.ServeHTTP)
	look := func(want, asked string) {
		t.Helper()
		obs, _ := b.adapter.Fetch(t.Context(), refs("t"))
		require.Equal(t, map[string]string{"t": want}, seen(obs))
		require.Equal(t, asked, m.take())
	}
	look("processing", "jobs old")
	look("processing", "old")
	m.old = noData
	look("transient no_record", "old")
	m.old = down
	look("transient http_5xx", "old")
	m.old = unknown
	look("unknown_task unknown_task", "old jobs")
	m.jobs = aJob // it has moved
	look("processing", "old jobs")
	look("processing", "jobs")
	m.jobs = unknown
	look("unknown_task unknown_task", "jobs old")
}

func TestLyricsAreAskedForAtBothEndpoints(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var paths []string
	b := setup(t, kie(), func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		paths = append(paths, r.URL.Path)
		_, _ = w.Write([]byte(strings.TrimPrefix(unknown, "200 ")))
	})
	_, err := b.adapter.Fetch(t.Context(), []task.Ref{{TaskID: "t", Type: task.Lyrics}})
	require.NoError(t, err)
	require.Equal(t, []string{"/api/v1/jobs/recordInfo", "/api/v1/lyrics/record-info"}, paths)
}

func TestProvisionalVerdictsHaveTheProfilesConfirmation(t *testing.T) {
	t.Parallel()
	p := kie()
	p.confirm = task.Confirmation{Answers: 5}
	for _, code := range []int{400, 404, 408, 413, 451} {
		f := p.callFailure(code, "something odd")
		require.True(t, f.Provisional)
		require.Equal(t, p.confirm, f.Confirm)
	}
	require.Zero(t, p.callFailure(500, "something odd").Confirm)
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	var m memory
	for i := range 5 * maxKnown {
		m.remember(fmt.Sprint(i), 1)
		require.LessOrEqual(t, len(m.young)+len(m.old), 2*maxKnown)
	}
	_, first := m.endpoint("0")
	_, last := m.endpoint(fmt.Sprint(5*maxKnown - 1))
	require.False(t, first)
	require.True(t, last)
}
