package api

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
	"tasksync/task"
	"tasksync/upstream"
	"tasksync/upstream/sunoapi"
)

// The ids in the documented callbacks, and kie's signature of one. The signature was
// computed without this code.
const (
	hookHex    = "5c79aaaa0000bbbb1111cccc2222be8e"
	hookOne    = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaa01"
	hookTwo    = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaa02"
	hookSecret = "test-webhook-hmac-key"
	hookTime   = 1760000000
	hookMAC    = "THMBuKIvYMK3CWVcfcQb5shBJ8aa6DfVVinVg76YEvQ="
)

// webhook is the request of a webhook; header is names and values in turn.
func (b *bundle) webhook(provider, token, body string, header ...string) request {
	h := http.Header{"Content-Type": {"application/json"}}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return request{http.MethodPost, b.url + "/webhooks/" + provider + "/" + token, body, h}
}

// sendWebhook sends a webhook.
func (b *bundle) sendWebhook(provider, token, body string, header ...string) response {
	b.Helper()
	a, err := send(context.Background(), b.webhook(provider, token, body, header...))
	require.NoError(b, err)
	return a
}

// postWebhook sends a webhook that must be accepted.
func (b *bundle) postWebhook(body string) {
	b.Helper()
	a := b.sendWebhook("kie", webhookToken, body)
	require.Equal(b, http.StatusOK, a.status, a.body)
	require.JSONEq(b, `{"status":"accepted"}`, a.body)
}

func callbackOf(taskID string) string {
	return fmt.Sprintf(`{"code":200,"data":{"callbackType":"complete","task_id":%q,"data":null}}`, taskID)
}

// counterValue sums the counters and gauges of that name with these label values.
func counterValue(t testing.TB, reg prometheus.Gatherer, name string, labels ...string) (n int) {
	t.Helper()
	families, err := reg.Gather()
	require.NoError(t, err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			of := map[string]bool{}
			for _, l := range m.GetLabel() {
				of[l.GetValue()] = true
			}
			fits := f.GetName() == name
			for _, l := range labels {
				fits = fits && of[l]
			}
			if fits {
				n += int(m.GetCounter().GetValue() + m.GetGauge().GetValue())
			}
		}
	}
	return n
}

// awaitResult waits until n tasks of webhooks have had that result.
func (b *bundle) awaitResult(result string, n int) {
	b.Helper()
	b.until(result, func() bool { return counterValue(b, b.reg, "tasksync_webhook_tasks_total", result) >= n })
	require.Equal(b, n, counterValue(b, b.reg, "tasksync_webhook_tasks_total", result))
}

func (b *bundle) queryInt(sql string, args ...any) (n int) {
	b.Helper()
	require.NoError(b, b.pool.QueryRow(context.Background(), sql, args...).Scan(&n))
	return n
}

// endedByWebhook waits for a row's end and reads its event log.
func (b *bundle) endedByWebhook(id string) {
	b.Helper()
	b.until("row "+id+" ends", func() bool { return b.status(id) == "complete" })
	var via string
	require.NoError(b, b.pool.QueryRow(context.Background(), `SELECT via FROM tasksync.generation_events
		WHERE generation_id = $1 AND to_status = 'complete'`, id).Scan(&via))
	require.Equal(b, "webhook", via)
	require.Equal(b, 2, b.queryInt(`SELECT count(*) FROM music_clips WHERE generation_id = $1 AND status = 'complete' AND audio_url <> ''`, id))
	require.Zero(b, b.queryInt(`SELECT count(*) FROM tasksync.river_job`), "a webhook leaves no job")
}

func TestWebhookAddress(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id, taskID := b.insertReady(alice)
	var details []string
	for _, path := range []string{
		"kie/wrong", "kie/" + webhookToken[1:], "kie/" + webhookToken + "x", "kie/" + strings.ToUpper(webhookToken), "kie/%20" + webhookToken,
		"suno/" + webhookToken, "KIE/" + webhookToken, "suno/wrong", "kie/" + strings.Repeat("x", 8000), "kie/%00", "kie/%ff",
	} {
		a := b.call(http.MethodPost, "/webhooks/"+path, "", callbackOf(taskID))
		require.Equal(t, http.StatusNotFound, a.status, path)
		require.NotContains(t, a.body, "token")
		details = append(details, a.detail(t))
	}
	for _, text := range details {
		require.Equal(t, details[0], text, "the response does not say what is wrong")
	}
	require.Equal(t, 8, counterValue(t, b.reg, "tasksync_webhooks_total", "kie", "forged"))
	for _, path := range []string{"kie/", "kie", "", "kie/" + webhookToken + "/more"} {
		require.Equal(t, http.StatusNotFound, b.call(http.MethodPost, "/webhooks/"+path, "", callbackOf(taskID)).status, path)
	}
	require.Equal(t, http.StatusMethodNotAllowed, b.call(http.MethodGet, "/webhooks/kie/"+webhookToken, "", "").status)
	require.NotContains(t, b.log.String(), webhookToken, "the log does not have the token")

	b.postWebhook(callbackOf(taskID))
	b.endedByWebhook(id)
	require.EqualValues(t, 1, b.sim.Requests().Total, "only the right address has made a request")
}

func TestWebhookIsOffWithoutTokens(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *Config) { c.WebhookTokens = nil })
	for _, path := range []string{"kie/" + webhookToken, "kie/x", "suno/x"} {
		a := b.call(http.MethodPost, "/webhooks/"+path, "", callbackOf("x"))
		require.Equal(t, http.StatusNotImplemented, a.status)
		require.Contains(t, a.detail(t), "TASKSYNC_WEBHOOK_TOKEN")
	}
}

func TestWebhookTokensDuringAChange(t *testing.T) {
	t.Parallel()
	const second = "the-token-after-the-change"
	b := setup(t, func(c *Config) { c.WebhookTokens = append(c.WebhookTokens, second) })
	for _, token := range []string{webhookToken, second} {
		id, taskID := b.insertReady(alice)
		require.Equal(t, http.StatusOK, b.sendWebhook("kie", token, callbackOf(taskID)).status)
		b.endedByWebhook(id)
	}
	require.Equal(t, http.StatusNotFound, b.sendWebhook("kie", webhookToken+second, callbackOf("x")).status)
}

// TestWebhookSamples sends a body of each documented shape, with the ids of real
// tasks.
func TestWebhookSamples(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *Config) {
		for _, p := range []string{"sunoapi", "kie", "sunoproxy", "acedata"} {
			c.Webhooks[p] = Webhook{Providers: []string{p, ""}, Tasks: upstream.CallbackTaskIDs, Words: upstream.CallbackOfWords}
		}
	})
	names := map[string][]string{
		"acedata-": {hookOne}, "kie-": {hookHex}, "sunoapi-": {hookHex}, "sunoproxy-tasks": {hookTwo, hookOne},
		"sunoproxy-task.": {hookTwo}, "sunoproxy-wrapped": {hookTwo}, "sunoproxy-clips_alone": nil,
	}
	files, err := filepath.Glob("../../upstream/testdata/callbacks/*.json")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 21)
	decoy := b.insert(bob, task.Generate, "not-this-one") // occurs in strings of a sample
	looks := 0
	for _, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		name, body, rows, tasks := filepath.Base(file), string(raw), map[string]string{}, map[string]string{}
		for _, sample := range []string{hookHex, hookOne, hookTwo} {
			rows[sample], tasks[sample] = b.insertReady(alice)
			body = strings.ReplaceAll(body, sample, tasks[sample])
		}
		provider, _, _ := strings.Cut(name, "-")
		require.Equal(t, http.StatusOK, b.sendWebhook(provider, webhookToken, body).status, name)
		for prefix, named := range names {
			if !strings.HasPrefix(name, prefix) || name == "sunoapi-text.json" { // words alone are worth no look
				continue
			}
			for _, sample := range named {
				b.endedByWebhook(rows[sample])
				delete(rows, sample)
				looks++
			}
		}
		for sample, id := range rows {
			require.Equal(t, "submitted", b.status(id), name)
			record, _ := b.sim.Task(tasks[sample])
			require.Zero(t, record.Asked, "%s does not name it", name)
		}
	}
	require.Equal(t, 24, looks)
	require.EqualValues(t, looks, b.sim.Requests().Total, "one look for each")
	require.Equal(t, "submitted", b.status(decoy))
	require.Equal(t, 1, counterValue(t, b.reg, "tasksync_webhooks_total", "no_task"))
	require.Equal(t, 1, counterValue(t, b.reg, "tasksync_webhooks_total", "words"))
}

func TestWebhookWritesNothingFromTheBody(t *testing.T) {
	t.Parallel()
	b := setup(t)
	stuckTask := b.sim.Submit(task.Generate, simulator.Stuck)
	stuck := b.insert(alice, task.Generate, stuckTask)
	good, goodTask := b.insertReady(alice)
	b.postWebhook(fmt.Sprintf(`{"code":200,"msg":"planted","data":{"callbackType":"complete","task_id":%q,"status":"complete","data":[
		{"id":"11111111-1111-4111-8111-111111111101","title":"planted","audio_url":"https://planted.example/a.mp3","status":"complete"}]}}`, stuckTask))
	b.postWebhook(fmt.Sprintf(`{"code":400,"msg":"planted","data":{"callbackType":"error","task_id":%q,"status":"failed","error":"planted"}}`, goodTask))
	b.awaitResult("looked_at", 2)
	b.endedByWebhook(good)
	require.Contains(t, []string{"submitted", "queued", "processing"}, b.status(stuck))
	require.Zero(t, b.queryInt(`SELECT count(*) FROM music_clips WHERE generation_id = $1`, stuck))
	require.Zero(t, b.queryInt(`SELECT count(*) FROM music_generations AS g WHERE g::text LIKE '%planted%'`))
	require.Zero(t, b.queryInt(`SELECT count(*) FROM music_clips AS c WHERE c::text LIKE '%planted%'`))
	require.Zero(t, b.queryInt(`SELECT count(*) FROM tasksync.generation_events AS e WHERE e::text LIKE '%planted%'`))
	require.NotContains(t, b.log.String(), "planted")
}

func TestWebhookBodies(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id, taskID := b.insertReady(alice)
	sized := func(n int) string {
		head := `{"task_id":"none","fill":"`
		return head + strings.Repeat("x", n-len(head)-2) + `"}`
	}
	for name, tc := range map[string]struct {
		body   string
		status int
	}{
		"too long by a byte":  {sized(1<<20 + 1), 413},
		"far too long":        {sized(8 << 20), 413},
		"as long as may be":   {sized(1 << 20), 200},
		"nothing":             {"", 400},
		"a form":              {"task_id=" + taskID, 400},
		"broken":              {`{"task_id":"` + taskID, 400},
		"two":                 {callbackOf(taskID) + callbackOf(taskID), 400},
		"not UTF-8":           {"\xff\xfe", 400},
		"a byte order mark":   {"\xef\xbb\xbf{}", 400},
		"null":                {"null", 200},
		"no task":             {`{"data":{"callbackType":"complete"}}`, 200},
		"nested, unreadable":  {strings.Repeat("[", 500_000) + strings.Repeat("]", 500_000), 400},
		"nested, not closed":  {strings.Repeat(`{"data":`, 100_000), 400},
		"nested, and no task": {strings.Repeat(`{"data":`, 9000) + callbackOf(taskID) + strings.Repeat("}", 9000), 200},
		"ids that are none":   {`[{"task_id":"a\u0000b"},{"task_id":""},{"task_id":{}},{"task_id":true},{"taskId":[]}]`, 200},
	} {
		a := b.sendWebhook("kie", webhookToken, tc.body)
		require.Equal(t, tc.status, a.status, name)
		require.NotContains(t, a.body, taskID, name)
		if tc.status != http.StatusOK {
			require.NotEmpty(t, a.detail(t), name)
		}
	}
	for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "nonsense"} {
		require.Equal(t, http.StatusOK, b.sendWebhook("kie", webhookToken, `{}`, "Content-Type", kind).status, kind)
	}
	require.Equal(t, "submitted", b.status(id), "none of them names the task")
	b.postWebhook(callbackOf(taskID))
	b.endedByWebhook(id)
}

// hookSignature signs as a provider does, without the code under test.
func hookSignature(taskID string, at time.Time) []string {
	stamp := strconv.FormatInt(at.Unix(), 10)
	h := hmac.New(sha256.New, []byte(hookSecret))
	h.Write([]byte(taskID + "." + stamp))
	return []string{"X-Webhook-Timestamp", stamp, "X-Webhook-Signature", base64.StdEncoding.EncodeToString(h.Sum(nil))}
}

func TestWebhookSignature(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64 // of the API's clock
	ahead.Store(int64(time.Until(time.Unix(hookTime, 0))))
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	b := setup(t, func(c *Config) {
		c.Now = now
		c.WebhookSpacing = time.Nanosecond
		hook := c.Webhooks["kie"]
		hook.Verify = func(h http.Header, taskID string, now time.Time) error {
			return sunoapi.VerifyCallback(hookSecret, h, taskID, now)
		}
		c.Webhooks["kie"] = hook
	})
	vector := []string{"X-Webhook-Timestamp", "1760000000", "X-Webhook-Signature", hookMAC}
	require.Equal(t, http.StatusOK, b.sendWebhook("kie", webhookToken, callbackOf(hookHex), vector...).status, "the vector of the documentation")
	b.awaitResult("unknown", 1)

	id, taskID := b.insertReady(alice)
	other, otherTask := b.insertReady(alice)
	at := now()
	signed := hookSignature(taskID, at)
	forged := func(what, body string, header ...string) {
		t.Helper()
		a := b.sendWebhook("kie", webhookToken, body, header...)
		require.Equal(t, http.StatusUnauthorized, a.status, what)
		require.NotContains(t, a.detail(t), signed[3], what)
	}
	forged("unsigned", callbackOf(taskID))
	forged("no time", callbackOf(taskID), signed[2:]...)
	forged("no signature", callbackOf(taskID), signed[:2]...)
	forged("another task's", callbackOf(otherTask), signed...)
	forged("the vector's", callbackOf(taskID), vector...)
	forged("another time", callbackOf(taskID), "X-Webhook-Timestamp", strconv.FormatInt(at.Unix()+1, 10), "X-Webhook-Signature", signed[3])
	require.Zero(t, b.sim.Requests().Total)
	require.Equal(t, 6, counterValue(t, b.reg, "tasksync_webhooks_total", "forged"))
	require.NotContains(t, b.log.String(), signed[3])

	both := fmt.Sprintf(`[{"task_id":%q},{"task_id":%q}]`, otherTask, taskID)
	require.Equal(t, http.StatusOK, b.sendWebhook("kie", webhookToken, both, signed...).status)
	b.endedByWebhook(id)
	require.Equal(t, "submitted", b.status(other), "its part of the body was not signed")

	for range 3 { // within the window
		require.Equal(t, http.StatusOK, b.sendWebhook("kie", webhookToken, callbackOf(taskID), signed...).status)
	}
	b.until("replays are looked up", func() bool { return counterValue(t, b.reg, "tasksync_webhook_tasks_total", "unknown") >= 2 })
	require.EqualValues(t, 1, b.sim.Requests().Total, "a replay is harmless")
	require.Equal(t, 1, b.queryInt(`SELECT count(*) FROM tasksync.generation_events WHERE generation_id = $1`, id))
	for _, skew := range []time.Duration{302 * time.Second, -304 * time.Second} {
		ahead.Add(int64(skew))
		forged("outside the window", callbackOf(taskID), signed...)
		ahead.Add(-int64(skew))
	}
	require.Equal(t, http.StatusNotFound, b.sendWebhook("kie", "wrong", callbackOf(taskID), signed...).status, "the token is needed too")
}

func TestWebhookUnknownTasks(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, ended := b.insertReady(alice)
	b.post(alice, "")
	v1 := b.sim.Submit(task.Generate, simulator.Ready)
	b.insert(alice, "", v1)
	foreign := b.sim.Submit(task.Generate, simulator.Ready)
	id := b.insert(alice, task.Generate, foreign)
	_, err := b.pool.Exec(t.Context(), `UPDATE music_generations SET provider = 'acedata' WHERE id = $1`, id)
	require.NoError(t, err)
	for _, taskID := range []string{"unknown", ended, v1, foreign, "' OR 1=1 --", "%", strings.Repeat("x", 512)} {
		b.postWebhook(callbackOf(taskID))
	}
	b.awaitResult("unknown", 7)
	require.EqualValues(t, 1, b.sim.Requests().Total, "only the call of the POST")
	require.Zero(t, counterValue(t, b.reg, "tasksync_webhook_tasks_total", "looked_at"))
}

// TestWebhookOfTooManyTasks: a hundred are looked at, and the metric says that there were
// more.
func TestWebhookOfTooManyTasks(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var bodies []string
	for range maxTasks + 5 {
		_, taskID := b.insertReady(alice)
		bodies = append(bodies, callbackOf(taskID))
	}
	b.postWebhook("[" + strings.Join(bodies, ",") + "]")
	b.awaitResult("looked_at", maxTasks)
	require.Equal(t, 1, counterValue(t, b.reg, "tasksync_webhooks_total", "kie", "too_many"))
	require.EqualValues(t, maxTasks, b.sim.Requests().Total)
}
