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
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A demo that is kept prints the link of a page early, and whoever opens it when
// everything is over still sees every row.
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
	require.Equal(t, len(demoScript)-1, demoEnded(t, settings))

	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	rest, err := io.ReadAll(lines)
	require.NoError(t, err)
	require.NoError(t, cmd.Wait(), string(rest))
	require.Contains(t, string(rest), demoUser)
	require.Contains(t, string(rest), "Everything is stopped, and nothing is left behind.\n")
	require.True(t, json.Valid(out.Bytes()), &out)
	require.NotContains(t, out.String(), settings.Get("token"))
}

// readUntil reads to the line that begins so.
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

// demoOpen returns an answer whose body ends with the test.
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

// demoEnded counts the rows whose ends the stream tells from the link's cursor
// on, as the page reads them.
func demoEnded(t *testing.T, settings url.Values) int {
	t.Helper()
	sync := settings.Get("api") + "/api/music/v2/sync/events"
	var ticket struct{ Ticket string }
	require.NoError(t, json.Unmarshal([]byte(demoAsk(t, http.MethodPost, sync+"/ticket", settings.Get("token"))), &ticket))
	query := url.Values{"ticket": {ticket.Ticket}, "last_event_id": {settings.Get("since")}}
	stream := bufio.NewReader(demoOpen(t, http.MethodGet, sync+"?"+query.Encode(), "").Body)
	ended := map[string]bool{}
	for len(ended) < len(demoScript)-1 { // without the V1 row
		line, err := stream.ReadString('\n')
		require.NoError(t, err, "the stream tells of %d rows only", len(ended))
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
