package daemon

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAddressesOfTheirOwn: metrics and readiness are not on the public address, nor the API
// on the operator's.
func TestAddressesOfTheirOwn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.run(b.config())
	admin := *r.admin.Load()
	require.NotEqual(t, r.addr, admin)
	for path, want := range map[string][2]int{
		"/healthz":           {http.StatusOK, http.StatusOK},
		"/readyz":            {http.StatusNotFound, http.StatusOK},
		"/metrics":           {http.StatusNotFound, http.StatusOK},
		"/openapi.json":      {http.StatusOK, http.StatusNotFound},
		"/api/music/v2/sync": {http.StatusNotImplemented, http.StatusNotFound},
	} {
		public, _ := fetch(r.addr, path)
		operator, _ := fetch(admin, path)
		require.Equal(t, want, [2]int{public, operator}, path)
	}
	_, body := fetch(r.addr, "/healthz")
	require.JSONEq(t, `{"status":"ok"}`, body)
	host, _, err := net.SplitHostPort(admin)
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1", host)
}

// TestSecondDaemonNeedsNoSetting: the default address is the first one's; the second takes
// another port, and says which.
func TestSecondDaemonNeedsNoSetting(t *testing.T) {
	t.Parallel()
	b := setup(t)
	taken, err := net.Listen("tcp", defaultAdminAddr)
	if err == nil {
		t.Cleanup(func() { _ = taken.Close() })
	} // else another process has it, which is as good
	cfg := b.config()
	cfg.AdminAddr = ""
	r := b.run(cfg)
	require.True(t, r.ready())
	require.NotEqual(t, defaultAdminAddr, *r.admin.Load())
	require.Contains(t, b.log.String(), "another port serves them")
	require.Contains(t, b.log.String(), "admin_addr="+*r.admin.Load())
	require.Contains(t, b.log.String(), "TASKSYNC_ADMIN_ADDR")

	cfg.AdminAddr = *r.admin.Load()
	require.ErrorIs(t, Run(t.Context(), cfg), ErrListenAdmin, "an address that was set is meant")
}

// TestReasonsWithoutAddresses: they say what is wrong, and not who asks whom.
func TestReasonsWithoutAddresses(t *testing.T) {
	t.Parallel()
	for reason, want := range map[string]string{
		"database unreachable: failed to connect to `user=u database=app`:\n\t127.0.0.1:1 (127.0.0.1): dial error: dial tcp 127.0.0.1:1: connect: connection refused\n\t[::1]:1 (localhost): dial error: dial tcp [::1]:1: connect: connection refused": "database unreachable: no connection: dial error: connect: connection refused dial error: connect: connection refused",
		"failed to connect to `user=u database=app`: hostname resolving error: lookup db.internal on 10.0.0.2:53: no such host":                                                                                                                         "no connection: hostname resolving error: no such host",
		"failed to connect to `user=u database=app`: 10.0.0.1:5432 (db): server error: FATAL: password authentication failed for user \"u\" (SQLSTATE 28P01)":                                                                                           "no connection: server error: FATAL: password authentication failed for user (SQLSTATE 28P01)",
		"read tcp 10.0.0.1:40000->10.0.0.2:5432: i/o timeout":               "i/o timeout",
		"tables are missing: tasksync.river_job; run `tasksync migrate up`": "tables are missing: tasksync.river_job; run `tasksync migrate up`",
	} {
		require.Equal(t, want, withoutAddress(reason))
	}
}

// TestReadinessNamesNoAddress, while the database is away.
func TestReadinessNamesNoAddress(t *testing.T) {
	t.Parallel()
	b := setup(t)
	cfg := b.config()
	away := freeAddr(t)
	cfg.DatabaseURL, cfg.ListenAddr = "postgres://someone:hunter2@"+away+"/app", freeAddr(t)
	r := b.launch(cfg)
	b.until("it says why", func() bool { return strings.Contains(r.reasons()["database"], "connection refused") })
	_, port, err := net.SplitHostPort(away)
	require.NoError(t, err)
	_, body := r.get("/readyz")
	for _, secret := range []string{"someone", "hunter2", "127.0.0.1", port, "app"} {
		require.NotContains(t, body, secret)
	}
	require.Contains(t, b.log.String(), port, "the log has it")
}
