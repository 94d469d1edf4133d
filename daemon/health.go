package daemon

import (
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"
)

// health has the reasons why parts are not ready.
type health struct {
	mu      sync.Mutex
	reasons map[string]string // by part: why it is not ready
	checks  map[string]func() string
	notes   map[string]func() string // of what is as an operator wants it
}

func newHealth(parts ...string) *health {
	h := &health{reasons: map[string]string{}, checks: map[string]func() string{}, notes: map[string]func() string{}}
	for _, part := range parts {
		h.reasons[part] = "starting"
	}
	return h
}

// set notes why a part is not ready; "" when it is.
func (h *health) set(part, reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if reason == "" {
		delete(h.reasons, part)
		return
	}
	h.reasons[part] = withoutAddress(reason)
}

// check adds a part that is asked at each request, but not more often than once a
// second: requests to /readyz must not load the database.
func (h *health) check(part string, ask func() string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checks[part] = cached(ask, time.Second)
}

// note adds a part that is told of while it has something to say, and is ready all the
// same.
func (h *health) note(part string, ask func() string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.notes[part] = ask
}

// noted returns what the notes say, by part; nil: nothing.
func (h *health) noted() map[string]string {
	h.mu.Lock()
	notes := maps.Clone(h.notes)
	h.mu.Unlock()
	var out map[string]string
	for part, ask := range notes {
		if text := ask(); text != "" {
			if out == nil {
				out = map[string]string{}
			}
			out[part] = text
		}
	}
	return out
}

// cached returns a function that asks at most once in d, and gives the last answer
// otherwise. Calls at the same time wait for one answer.
func cached(ask func() string, d time.Duration) func() string {
	var mu sync.Mutex
	var answer string
	var at time.Time
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		if at.IsZero() || time.Since(at) >= d {
			answer, at = ask(), time.Now()
		}
		return answer
	}
}

// notReady returns the reasons by part. It asks outside of the lock: a check that
// is slow must not block set.
func (h *health) notReady() map[string]string {
	h.mu.Lock()
	out, checks := maps.Clone(h.reasons), maps.Clone(h.checks)
	h.mu.Unlock()
	for part, ask := range checks {
		if reason := ask(); reason != "" {
			out[part] = withoutAddress(reason)
		}
	}
	return out
}

// alive answers /healthz: the process serves requests.
func alive(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"status": "ok"})
}

// ready answers /readyz: 200 when every part is ready, else 503 with the reasons.
func (h *health) ready(w http.ResponseWriter, _ *http.Request) {
	status, body := http.StatusOK, map[string]any{"status": "ready"}
	if reasons := h.notReady(); len(reasons) > 0 {
		status, body = http.StatusServiceUnavailable, map[string]any{"status": "not ready", "reasons": reasons}
	}
	if notes := h.noted(); notes != nil {
		body["notes"] = notes
	}
	writeJSON(w, status, body)
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client is gone
}

// The parts of a driver's error that say where the database is.
var (
	target  = regexp.MustCompile("failed to connect to `[^`]*`")
	address = regexp.MustCompile(`\S+:\d+ \([^)]*\): |(?:dial|read|write) (?:tcp|udp|unix)\d? \S+: |lookup \S+(?: on \S+)?: `)
	quoted  = regexp.MustCompile(` "[^"]*"`)
)

// withoutAddress returns a reason without user, host and port: whoever may ask whether a
// daemon is ready need not know them. The log has them.
func withoutAddress(reason string) string {
	reason = target.ReplaceAllString(strings.Join(strings.Fields(reason), " "), "no connection")
	reason = address.ReplaceAllString(reason, "")
	if strings.Contains(reason, "FATAL: ") { // Postgres quotes the user and the database
		reason = quoted.ReplaceAllString(reason, "")
	}
	return reason
}
