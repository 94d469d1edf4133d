package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/demo"
)

// A demo that is kept prints the link of a page early, and the page shows every row
// even when it is opened after the last row has ended.
func TestDemoKept(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	cmd := demoProcess(t, "--json", "--keep", "--provider", "acedata")
	cmd.Stdout = &out
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewReader(stderr)
	early := readUntil(t, lines, "page ")
	require.Equal(t, strings.Fields(early)[1], strings.TrimSpace(readUntil(t, lines, "  http://127.0.0.1:")))

	page, settings := demoSettings(t, strings.Fields(early)[1])
	require.Contains(t, demoAsk(t, http.MethodGet, page, ""), "<title>Generations</title>")
	require.Equal(t, demo.Rows()-1, demoEnded(t, settings))

	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	rest, err := io.ReadAll(lines)
	require.NoError(t, err)
	require.NoError(t, cmd.Wait(), string(rest))
	require.Contains(t, string(rest), "7d3f0c62-8f0e-4f43-9a6e-0a4c2f3f1c11", "the user of the rows")
	require.Contains(t, string(rest), "Everything is stopped, and nothing is left behind.\n")
	require.True(t, json.Valid(out.Bytes()), &out)
	require.NotContains(t, out.String(), settings.Get("token"))
}

func TestDemoInterrupted(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	cmd := demoProcess(t, "--json")
	cmd.Stdout = &out
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(stderr)
	for lines.Scan() && !strings.Contains(lines.Text(), "1 s ") { // it is inserting rows
	}
	stopped := time.Now()
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	rest, err := io.ReadAll(stderr)
	require.NoError(t, err)
	require.Error(t, cmd.Wait())
	require.Less(t, time.Since(stopped), 10*time.Second)
	require.Equal(t, 130, cmd.ProcessState.ExitCode())
	require.Contains(t, string(rest), "tasksync: interrupted; everything is stopped, and nothing is left behind\n")
	require.Empty(t, out.String())
}

// demoProcess is the command in a process of its own, without a terminal. The process
// and its Postgres do not outlive the test.
func demoProcess(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], append([]string{"demo"}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.Env = append(os.Environ(), asCommand+"=1")
	return cmd
}

// readUntil reads up to the line that begins with prefix, and returns the line.
func readUntil(t *testing.T, lines *bufio.Reader, prefix string) string {
	t.Helper()
	for {
		line, err := lines.ReadString('\n')
		require.NoError(t, err, prefix)
		if strings.HasPrefix(line, prefix) {
			return line
		}
	}
}

func demoSettings(t *testing.T, link string) (page string, settings url.Values) {
	t.Helper()
	page, fragment, _ := strings.Cut(link, "#")
	settings, err := url.ParseQuery(fragment)
	require.NoError(t, err)
	return page, settings
}

func demoAsk(t *testing.T, method, address, token string) string {
	t.Helper()
	resp := demoOpen(t, method, address, token)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(body)
}

// demoOpen returns a response whose body is closed with the test.
func demoOpen(t *testing.T, method, address, token string) *http.Response {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, method, address, nil)
	require.NoError(t, err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	require.NoError(t, err)
	t.Cleanup(func() { _ = resp.Body.Close() })
	require.Less(t, resp.StatusCode, 300)
	return resp
}

// demoEnded reads the stream of events from the link's cursor on, as the page does,
// and counts the rows that have ended.
func demoEnded(t *testing.T, settings url.Values) int {
	t.Helper()
	sync := settings.Get("api") + "/api/music/v2/sync/events"
	var ticket struct{ Ticket string }
	require.NoError(t, json.Unmarshal([]byte(demoAsk(t, http.MethodPost, sync+"/ticket", settings.Get("token"))), &ticket))
	query := url.Values{"ticket": {ticket.Ticket}, "last_event_id": {settings.Get("since")}}
	stream := bufio.NewReader(demoOpen(t, http.MethodGet, sync+"?"+query.Encode(), "").Body)
	ended := map[string]bool{}
	for len(ended) < demo.Rows()-1 { // without the V1 row
		line, err := stream.ReadString('\n')
		require.NoError(t, err, "the stream has events of %d rows only", len(ended))
		var event struct {
			GenerationID string `json:"generation_id"`
			ToStatus     string `json:"to_status"`
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			require.NoError(t, json.Unmarshal([]byte(data), &event))
		}
		if event.ToStatus == "complete" || event.ToStatus == "failed" {
			ended[event.GenerationID] = true
		}
	}
	return len(ended)
}
