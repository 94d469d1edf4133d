package sunoapi

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
func setup(t testing.TB, p profile, handler http.HandlerFunc) *bundle {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	p.Limits.Requests = -1
	b := &bundle{reg: prometheus.NewRegistry(), log: &bytes.Buffer{}, url: server.URL}
	var err error
	b.adapter, err = open(p, upstream.Config{
		BaseURL: server.URL, APIKey: testKey, Registerer: b.reg,
		Logger: slog.New(slog.NewTextHandler(b.log, nil)),
	})
	require.NoError(t, err)
	t.Cleanup(b.adapter.CloseIdle)
	return b
}

// decode reads a body as the answer to a status call.
func (b *bundle) decode(taskType task.Type, body string) (task.Observation, int, *task.Failure) {
	return b.adapter.read(task.Ref{TaskID: "T1", Type: taskType}, upstream.Answer{Status: 200, Body: []byte(body)})
}
