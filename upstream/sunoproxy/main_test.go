package sunoproxy

import (
	"bytes"
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

const testKey = "secret-key-0123456789"

type bundle struct {
	adapter *Adapter
	reg     *prometheus.Registry
	log     *bytes.Buffer
	url     string
}

// setup returns an adapter that asks handler.
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
	t.Cleanup(b.adapter.CloseIdle)
	return b
}

// one reads a body as the answer to the single call for T1.
func (b *bundle) one(taskType task.Type, body string) (task.Observation, *task.Failure) {
	return b.adapter.readOne(task.Ref{TaskID: "T1", Type: taskType}, upstream.Answer{Status: 200, Body: []byte(body)})
}

// many reads a body as the answer to the batch call for T1 and T2.
func (b *bundle) many(status int, body string) (observations []task.Observation, f *task.Failure) {
	reported, f := b.adapter.readMany(refs("T1", "T2"), upstream.Answer{Status: status, Body: []byte(body)})
	for _, obs := range reported {
		if obs != nil {
			observations = append(observations, *obs)
		}
	}
	return observations, f
}

func refs(ids ...string) []task.Ref {
	var out []task.Ref
	for _, id := range ids {
		out = append(out, task.Ref{TaskID: id, Type: task.Generate})
	}
	return out
}

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
