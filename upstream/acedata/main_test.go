package acedata

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"tasksync/task"
	"tasksync/upstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testKey      = "secret-key-0123456789"
	taskA, taskB = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaa01", "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaa02"
	clipA, clipB = "11111111-1111-4111-8111-111111111101", "11111111-1111-4111-8111-111111111102"
)

type bundle struct {
	adapter *Adapter
	reg     *prometheus.Registry
	log     *bytes.Buffer
	url     string
}

// setup returns an adapter that asks handler, one call at a time.
func setup(t testing.TB, handler http.HandlerFunc) *bundle {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	b := &bundle{reg: prometheus.NewRegistry(), log: &bytes.Buffer{}, url: server.URL}
	var err error
	b.adapter, err = open(upstream.Config{
		BaseURL: server.URL, APIKey: testKey, Requests: -1, Registerer: b.reg,
		Logger: slog.New(slog.NewTextHandler(b.log, nil)),
	})
	require.NoError(t, err)
	b.adapter.fanOut = 1
	t.Cleanup(b.adapter.CloseIdle)
	return b
}

// decode reads a body as the answer about taskA alone. It returns nil if the task was
// not reported.
func (b *bundle) decode(t testing.TB, taskType task.Type, status int, body string) (*task.Observation, *task.Failure) {
	t.Helper()
	seen, f := b.adapter.read([]task.Ref{{TaskID: taskA, Type: taskType}}, upstream.Answer{Status: status, Body: []byte(body)})
	if len(seen) == 0 || seen[0] == nil {
		return nil, f
	}
	require.Len(t, seen, 1)
	require.Equal(t, taskA, seen[0].TaskID)
	return seen[0], f
}

// observe decodes a record that must be read.
func (b *bundle) observe(t testing.TB, taskType task.Type, body string) task.Observation {
	t.Helper()
	obs, f := b.decode(t, taskType, 200, body)
	require.Nil(t, f, body)
	require.NotNil(t, obs, body)
	return *obs
}

func refs(ids ...string) []task.Ref {
	var out []task.Ref
	for _, id := range ids {
		out = append(out, task.Ref{TaskID: id, Type: task.Generate})
	}
	return out
}

// seen maps each task id to its status, or to its failure.
func seen(obs []task.Observation) map[string]string {
	out := map[string]string{}
	for _, o := range obs {
		out[o.TaskID] = string(o.Status)
		if o.Failure != nil {
			out[o.TaskID] = o.Failure.Verdict.String() + " " + o.Failure.Reason
		}
	}
	return out
}

// quote is text as JSON.
func quote(t testing.TB, text string) string {
	t.Helper()
	out, err := json.Marshal(text)
	require.NoError(t, err)
	return string(out)
}
