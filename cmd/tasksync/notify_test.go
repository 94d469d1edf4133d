package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
)

// Secrets that end in bytes of one letter each.
var (
	notifyKey    = strings.Repeat("n", 32)
	notifySecret = "whsec_" + base64.StdEncoding.EncodeToString([]byte(notifyKey))
	formerSecret = "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("f", 32)))
)

// told is a notification as a server of the application's has it.
type told struct {
	ID   string
	Type string
	Data struct {
		ID, Status string
		ErrorCode  *string `json:"error_code"`
		Clips      []struct {
			AudioURL *string `json:"audio_url"`
		}
	}
}

// hooks is a server of the application's.
type hooks struct {
	*httptest.Server

	mu     sync.Mutex
	told   []told
	status int // of its answers
	bad    []string
}

func newHooks(t *testing.T) *hooks {
	t.Helper()
	h := &hooks{status: http.StatusOK}
	h.Server = httptest.NewServer(h)
	t.Cleanup(h.Close)
	return h
}

// ServeHTTP verifies as the scheme says, with nothing of tasksync's code.
func (h *hooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	n := told{ID: r.Header.Get("webhook-id")}
	mac := hmac.New(sha256.New, []byte(notifyKey))
	fmt.Fprintf(mac, "%s.%s.%s", n.ID, r.Header.Get("webhook-timestamp"), raw)
	signed := slices.Contains(strings.Fields(r.Header.Get("webhook-signature")), "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil || !signed || json.Unmarshal(raw, &n) != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
		h.bad = append(h.bad, string(raw))
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	h.told = append(h.told, n)
	w.WriteHeader(h.status)
}

func (h *hooks) answers(status int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status = status
}

// types returns the types of what was told about a row, each message once, in order.
func (h *hooks) types(id string) (types []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	seen := map[string]bool{}
	for _, n := range h.told {
		if n.Data.ID == id && !seen[n.ID] {
			seen[n.ID], types = true, append(types, n.Type)
		}
	}
	return types
}

func (w *world) notifying(urls string, nameValue ...string) map[string]string {
	return w.with(append([]string{"TASKSYNC_NOTIFY_URL", urls, "TASKSYNC_NOTIFY_SECRET", formerSecret + "," + notifySecret}, nameValue...)...)
}

// Each end, reopening and late result is told to every server, signed with both secrets, in
// the order of the row's events.
func TestServersAreToldOfEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sunoapi")
	one, two := newHooks(t), newHooks(t)
	settings := w.notifying(one.URL+"/hooks?token=hunter2, "+two.URL, "TASKSYNC_LATE", "complete")
	d := start(t, settings, "run")
	addr := d.ready(t)
	late := w.add(t, 1, simulator.Success, 0)[0]
	refused := w.add(t, 1, simulator.RefusedCopyright, 0)[0]
	w.await(t, d, "the rows have failed", func() bool { return w.failed(t) == 2 })
	lateID, refusedID := w.of(t, late).ID, w.of(t, refused).ID
	p := start(t, settings, "retry", refusedID)
	<-p.done
	require.Zero(t, p.cmd.ProcessState.ExitCode(), p.output())
	w.finish()
	for _, h := range []*hooks{one, two} {
		w.await(t, d, "all is told", func() bool { return len(h.types(lateID)) >= 2 && len(h.types(refusedID)) >= 3 })
		require.Equal(t, []string{"generation.failed", "generation.complete"}, h.types(lateID))
		require.Equal(t, []string{"generation.failed", "generation.reopened", "generation.failed"}, h.types(refusedID))
		require.Empty(t, h.bad)
		for _, n := range h.told {
			require.Equal(t, map[string]string{"generation.failed": "failed", "generation.reopened": "submitted", "generation.complete": "complete"}[n.Type], n.Data.Status)
			require.Equal(t, n.Type == "generation.failed", n.Data.ErrorCode != nil)
			if n.Type == "generation.complete" {
				require.NotNil(t, n.Data.Clips[0].AudioURL)
			}
		}
	}
	w.await(t, d, "all is noted", func() bool {
		return w.count(t, `SELECT count(*) FROM tasksync.notifications WHERE state = 'delivered'`) == 10
	})
	_, metrics := get(t, "http://"+addr+"/metrics")
	for _, line := range []string{`tasksync_notify_deliveries_total{result="delivered"} 10`, "tasksync_notify_pending 0", "tasksync_notify_oldest_pending_age_seconds 0", "tasksync_notify_dead 0"} {
		require.Contains(t, metrics, line+"\n")
	}
	require.Zero(t, d.stop(t), d.last())
	require.NotContains(t, d.output()+p.output()+metrics, "hunter2")
	require.NotContains(t, d.output(), notifySecret)
	require.Zero(t, w.count(t, `SELECT count(*) FROM tasksync.notifications AS n WHERE n::text LIKE '%hunter2%'`))
}

// A late result that is kept beside its row is told as such.
func TestServersAreToldOfKeptLateResults(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sunoapi")
	h := newHooks(t)
	d := start(t, w.notifying(h.URL), "run")
	d.ready(t)
	id := w.add(t, 1, simulator.Success, 0)[0]
	w.await(t, d, "the row has failed", func() bool { return w.failed(t) == 1 })
	w.finish()
	w.await(t, d, "both are told", func() bool { return len(h.types(w.of(t, id).ID)) == 2 })
	require.Equal(t, []string{"generation.failed", "generation.late_result"}, h.types(w.of(t, id).ID))
	require.Zero(t, d.stop(t), d.last())
}

// Daemons that are killed while they send lose nothing.
func TestKilledDaemonsLoseNoNotification(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sunoapi")
	h := newHooks(t)
	settings := w.notifying(h.URL)
	const rows = 200
	w.add(t, rows, simulator.Success, 0)
	w.finish()
	count := func() int {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.told)
	}
	var d *process
	for _, least := range []int{1, rows / 3, 2 * rows / 3} {
		d = start(t, settings, "run")
		d.ready(t)
		w.await(t, d, "some are told", func() bool { return count() >= least })
		require.NoError(t, d.cmd.Process.Kill())
		<-d.done
	}
	d = start(t, settings, "run")
	d.ready(t)
	w.await(t, d, "every row is told of", func() bool {
		for _, r := range w.all(t) {
			if len(h.types(r.ID)) == 0 {
				return false
			}
		}
		return true
	})
	for _, r := range w.all(t) {
		require.Equal(t, []string{"generation." + r.Status}, h.types(r.ID))
	}
	w.await(t, d, "each is noted", func() bool {
		return w.count(t, `SELECT count(*) FROM tasksync.notifications WHERE state = 'delivered'`) == rows
	})
	require.Zero(t, d.stop(t), d.last())
}

// What could not be delivered is listed and replayed; a server can be tried.
func TestNotifyCommands(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sunoapi")
	h := newHooks(t)
	settings := w.notifying(h.URL)
	command := func(args ...string) (code int, output string) {
		var out strings.Builder
		code = run(slices.Concat([]string{"notify"}, args), &out, &out)
		return code, out.String()
	}
	database := []string{"--database-url", w.url}
	urls := []string{"--notify-url", h.URL, "--notify-secret", notifySecret}
	code, out := command(slices.Concat([]string{"test"}, urls)...)
	require.Zero(t, code, out)
	require.Contains(t, out, ": HTTP 200")
	require.Equal(t, "tasksync.test", h.told[0].Type)
	code, out = command("test", "--notify-url", "http://127.0.0.1:9/hunter2", "--notify-secret", notifySecret)
	require.Equal(t, exitFailed, code)
	require.Contains(t, out, "connection refused")
	require.NotContains(t, out, "hunter2")

	h.answers(http.StatusGone)
	d := start(t, settings, "run")
	d.ready(t)
	w.add(t, 3, simulator.RefusedCopyright, 0)
	w.await(t, d, "they are dead", func() bool {
		return w.count(t, `SELECT count(*) FROM tasksync.notifications WHERE state = 'dead'`) == 3
	})
	code, out = command(slices.Concat([]string{"list", "--dead"}, database)...)
	require.Zero(t, code, out)
	require.Equal(t, 3, strings.Count(out, "HTTP 410"), out)
	code, out = command(slices.Concat([]string{"list", "--pending"}, database)...)
	require.Zero(t, code, out)
	require.Equal(t, "no notifications\n", out)
	var findings strings.Builder
	_ = run(slices.Concat([]string{"doctor", "--api-url", w.api.URL, "--api-key", "key"}, database, urls), &findings, &findings)
	require.Contains(t, findings.String(), "notifications: 3 are dead")

	h.answers(http.StatusOK)
	id := w.all(t)[0].ID
	code, out = command(slices.Concat([]string{"replay", id}, database, urls)...)
	require.Zero(t, code, out)
	require.Contains(t, out, "1 notifications are sent again")
	w.await(t, d, "it is told again", func() bool {
		return w.count(t, `SELECT count(*) FROM tasksync.notifications WHERE state = 'delivered'`) == 1
	})
	code, out = command(slices.Concat([]string{"replay", "--since", "1h", "--dry-run"}, database, urls)...)
	require.Zero(t, code, out)
	require.Contains(t, out, "2 notifications would be sent again")
	code, out = command(slices.Concat([]string{"replay", "--all"}, database, urls)...)
	require.Zero(t, code, out)
	w.await(t, d, "they are told again", func() bool {
		return w.count(t, `SELECT count(*) FROM tasksync.notifications WHERE state = 'delivered'`) == 3
	})
	code, out = command(slices.Concat([]string{"list", "--delivered", "--json"}, database)...)
	require.Zero(t, code, out)
	require.Equal(t, 3, strings.Count(out, `"attempts": 1,`), out)
	require.Zero(t, d.stop(t), d.last())
}

// A wrong setting is a usage error that does not show it.
func TestNotifySettings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string][]string{
		"no secret":   {"TASKSYNC_NOTIFY_URL", "https://a.example/hunter2"},
		"no URL":      {"TASKSYNC_NOTIFY_SECRET", notifySecret},
		"bad URL":     {"TASKSYNC_NOTIFY_URL", "hunter2", "TASKSYNC_NOTIFY_SECRET", notifySecret},
		"twice":       {"TASKSYNC_NOTIFY_URL", "https://a.example/hunter2,https://a.example/hunter2", "TASKSYNC_NOTIFY_SECRET", notifySecret},
		"bad secret":  {"TASKSYNC_NOTIFY_URL", "https://a.example/hunter2", "TASKSYNC_NOTIFY_SECRET", notifySecret + ",hunter2"},
		"metadata":    {"TASKSYNC_NOTIFY_URL", "http://169.254.169.254/hunter2", "TASKSYNC_NOTIFY_SECRET", notifySecret},
		"eleven URLs": {"TASKSYNC_NOTIFY_URL", "http://a/1,http://a/2,http://a/3,http://a/4,http://a/5,http://a/6,http://a/7,http://a/8,http://a/9,http://a/10,http://a/hunter2", "TASKSYNC_NOTIFY_SECRET", notifySecret},
	} {
		settings := map[string]string{"DATABASE_URL": "postgres://u@127.0.0.1:1/app", "TASKSYNC_API_KEY": "key"}
		for i := 0; i < len(c); i += 2 {
			settings[c[i]] = c[i+1]
		}
		p := start(t, settings, "run")
		<-p.done
		require.Equal(t, exitUsage, p.cmd.ProcessState.ExitCode(), "%s: %s", name, p.output())
		require.Regexp(t, "TASKSYNC_NOTIFY_(URL|SECRET)", p.output(), name)
		require.NotContains(t, p.output(), "hunter2", name)
		require.NotContains(t, p.output(), notifySecret, name)
	}
}

func TestNotifyReplayRequest(t *testing.T) {
	t.Parallel()
	const id = "11111111-1111-4111-8111-111111111111"
	for name, c := range map[string]struct {
		cmd notifyReplayCmd
		err string
	}{
		"nothing":       {notifyReplayCmd{}, "name the notifications"},
		"states only":   {notifyReplayCmd{Delivered: true}, "name the notifications"},
		"ids":           {notifyReplayCmd{IDs: []string{id, "msg_" + id}}, ""},
		"no id":         {notifyReplayCmd{IDs: []string{"msg_1"}}, `"msg_1" is neither`},
		"ids and since": {notifyReplayCmd{IDs: []string{id}, Since: "1h"}, "leave out"},
		"all":           {notifyReplayCmd{All: true, Pending: true}, ""},
		"bad time":      {notifyReplayCmd{Since: "yesterday"}, "neither a duration"},
	} {
		_, err := c.cmd.request(time.Now())
		if c.err == "" {
			require.NoError(t, err, name)
			continue
		}
		require.ErrorContains(t, err, c.err, name)
	}
}

// Without the setting nothing is written, and there is no queue.
func TestWithoutServersNothingIsWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sunoapi")
	d := start(t, w.with(), "run")
	addr := d.ready(t)
	w.add(t, 1, simulator.RefusedCopyright, 0)
	w.await(t, d, "the row has failed", func() bool { return w.failed(t) == 1 })
	require.Zero(t, w.count(t, `SELECT count(*) FROM tasksync.notifications`))
	require.Zero(t, w.count(t, `SELECT count(*) FROM tasksync.river_queue WHERE name LIKE 'notify%'`))
	_, metrics := get(t, "http://"+addr+"/metrics")
	require.NotContains(t, metrics, "tasksync_notify")
	require.Zero(t, d.stop(t), d.last())
}

// The privileges on the table are needed with the setting only.
func TestNotifyRights(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sunoapi")
	w.exec(t, `REVOKE ALL ON tasksync.notifications FROM CURRENT_USER`)
	for _, c := range []struct {
		want bool
		urls []string
	}{{false, nil}, {true, []string{"--notify-url", "http://127.0.0.1:9", "--notify-secret", notifySecret}}} {
		var out strings.Builder
		_ = run(slices.Concat([]string{"doctor", "--database-url", w.url, "--api-url", w.api.URL, "--api-key", "key"}, c.urls), &out, &out)
		require.Equal(t, c.want, strings.Contains(out.String(), "GRANT SELECT, INSERT, UPDATE, DELETE ON tasksync.notifications TO"), out.String())
		require.Equal(t, c.want, strings.Contains(out.String(), "FAIL"), out.String())
	}
}
