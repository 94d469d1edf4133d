package sunoclips

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"tasksync/upstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testKey = "secret-key-0123456789"
	clipA   = "11111111-1111-4111-8111-1111111111aa"
	clipB   = "22222222-2222-4222-8222-2222222222bb"
	clipC   = "33333333-3333-4333-8333-3333333333cc"
)

type bundle struct {
	adapter *Adapter
	reg     *prometheus.Registry
	log     *bytes.Buffer
}

// setup returns an adapter that asks handler, without a rate limit.
func setup(t testing.TB, handler http.HandlerFunc) *bundle {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	b := &bundle{reg: prometheus.NewRegistry(), log: &bytes.Buffer{}}
	var err error
	b.adapter, err = open(upstream.Config{
		BaseURL: server.URL + "/api/v2/external/hackathons/", APIKey: testKey, Requests: -1,
		Registerer: b.reg, Logger: slog.New(slog.NewTextHandler(b.log, nil)),
	})
	require.NoError(t, err)
	t.Cleanup(b.adapter.CloseIdle)
	return b
}
