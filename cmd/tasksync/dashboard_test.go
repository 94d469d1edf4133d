//go:build prometheus

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Each panel of the dashboard shows something, in a real Prometheus that scrapes a real
// daemon at work.
func TestDashboard(t *testing.T) {
	w := newE2E(t, "sunoapi", 7)
	settings := w.settings()
	settings["TASKSYNC_RATE_LIMIT"] = "100/s"
	settings["TASKSYNC_JWT_SECRET"] = strings.Repeat("s", 32)
	settings["TASKSYNC_SETTLE"] = "settle_it"
	_, err := w.pool.Exec(t.Context(), `CREATE FUNCTION settle_it(uuid, integer, text, text, jsonb) RETURNS void LANGUAGE sql AS ''`)
	require.NoError(t, err)
	d := start(t, settings, "run")
	address := startPrometheus(t, d.ready(t))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go ask(ctx, d)
	deadline := time.Now().Add(3 * time.Minute)
	for empty := []string{"all"}; len(empty) > 0; {
		w.burst(t, 10)
		time.Sleep(2 * time.Second) // the next scrapes
		empty = emptyPanels(t, address)
		require.True(t, time.Now().Before(deadline), "still empty: %s", empty)
	}
}

// ask makes requests to the HTTP API.
func ask(ctx context.Context, d *process) {
	for ctx.Err() == nil {
		if at := strings.Index(d.output(), `"listen_addr":"`); at >= 0 {
			addr, _, _ := strings.Cut(d.output()[at+len(`"listen_addr":"`):], `"`)
			if resp, err := http.Get("http://" + addr + "/api/music/v2/sync"); err == nil {
				resp.Body.Close()
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// startPrometheus starts Prometheus, which scrapes target every second, and returns its
// address.
func startPrometheus(t *testing.T, target string) string {
	t.Helper()
	dir := t.TempDir()
	config := fmt.Sprintf("global: {scrape_interval: 1s}\nrule_files: [%q]\nscrape_configs: [{job_name: tasksync, static_configs: [{targets: [%q]}]}]\n", absolute(t, deploy+"prometheus/alerts.yaml"), target)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(config), 0o600))
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := free.Addr().String()
	require.NoError(t, free.Close())
	cmd := exec.Command("prometheus", "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address)
	var log strings.Builder
	cmd.Stderr = &log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(tail(log.String()))
		}
	})
	return address
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	require.NoError(t, err)
	return path
}

// emptyPanels returns the queries of the dashboard that give nothing.
func emptyPanels(t *testing.T, address string) (empty []string) {
	t.Helper()
	raw, err := os.ReadFile(deploy + "grafana/dashboard.json")
	require.NoError(t, err)
	var board struct {
		Panels []struct {
			Type    string
			Targets []struct{ Expr string }
		}
	}
	require.NoError(t, json.Unmarshal(raw, &board))
	queries := 0
	for _, p := range board.Panels {
		require.True(t, p.Type == "row" || len(p.Targets) > 0)
		for _, target := range p.Targets {
			queries++
			query := strings.ReplaceAll(target.Expr, "$__rate_interval", "30s")
			if !shows(t, address, query) {
				empty = append(empty, query)
			}
		}
	}
	require.Greater(t, queries, 20)
	return empty
}

// shows reports whether a query gives a number.
func shows(t *testing.T, address, query string) bool {
	t.Helper()
	resp, err := http.Get("http://" + address + "/api/v1/query?query=" + url.QueryEscape(query))
	if err != nil {
		return false // Prometheus is starting
	}
	defer resp.Body.Close()
	var answer struct {
		Error string
		Data  struct {
			Result []struct{ Value [2]any }
		}
	}
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
	require.Empty(t, answer.Error, query)
	for _, r := range answer.Data.Result {
		if r.Value[1] != "NaN" {
			return true
		}
	}
	return false
}
