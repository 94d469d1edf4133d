package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// front is a proxy between the daemon and the upstream, like a gateway. It records
// when each task was asked for, and answers in the upstream's place by the rule of a
// test.
type front struct {
	next http.Handler

	mu    sync.Mutex
	rule  func(call) answer // nil, or a nil answer: the upstream answers
	asked map[string][]time.Time
	calls int
}

// call is one request for the status of tasks.
type call struct {
	ids []string
	nth map[string]int // how often each of ids was asked for before this call
}

// answer writes the response; own is the upstream's.
type answer func(w http.ResponseWriter, own *httptest.ResponseRecorder)

func newFront(next http.Handler) *front {
	return &front{next: next, asked: map[string][]time.Time{}}
}

// answers sets the rule for all calls from now on.
func (f *front) answers(rule func(call) answer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rule = rule
}

// times returns the moments at which a task was asked for, alone or among others.
func (f *front) times(taskID string) []time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.asked[taskID])
}

// askedFor returns how many different tasks were asked for, and by how many calls.
func (f *front) askedFor() (tasks, calls int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.asked), f.calls
}

// ServeHTTP implements http.Handler.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has left
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	answer := f.note(taskIDs(r, body))
	if answer == nil {
		f.next.ServeHTTP(w, r)
		return
	}
	own := httptest.NewRecorder()
	f.next.ServeHTTP(own, r)
	answer(w, own)
}

// note records a call and returns its answer.
func (f *front) note(ids []string) answer {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := call{ids: ids, nth: map[string]int{}}
	f.calls++
	for _, id := range ids {
		c.nth[id] = len(f.asked[id])
		f.asked[id] = append(f.asked[id], time.Now())
	}
	if f.rule == nil {
		return nil
	}
	return f.rule(c)
}

// taskIDs returns the ids that a request asks for, in any of the wire formats.
func taskIDs(r *http.Request, body []byte) []string {
	var fields struct {
		ID  string   `json:"id"`
		IDs []string `json:"ids"`
	}
	_ = json.Unmarshal(body, &fields) // a GET has none
	ids := fields.IDs
	add := func(id string) {
		if id != "" {
			ids = append(ids, id)
		}
	}
	add(fields.ID)
	add(r.URL.Query().Get("taskId"))
	for id := range strings.SplitSeq(r.URL.Query().Get("ids"), ",") { // clips: a task of one clip has the id of the clip
		add(id)
	}
	for _, path := range []string{"/suno/fetch/", "/lyrics/"} {
		if id, ok := strings.CutPrefix(r.URL.Path, path); ok {
			add(id)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// about returns a rule for calls that ask for one of these tasks, alone or among others.
func about(ids []string, rule func(call) answer) func(call) answer {
	return func(c call) answer {
		if slices.ContainsFunc(c.ids, func(id string) bool { return slices.Contains(ids, id) }) {
			return rule(c)
		}
		return nil
	}
}

// always returns a rule that gives one answer to every call.
func always(a answer) func(call) answer { return func(call) answer { return a } }

// says answers with a status and a body, whose content type is JSON or HTML.
func says(status int, body string) answer {
	return func(w http.ResponseWriter, _ *httptest.ResponseRecorder) {
		w.Header().Set("Content-Type", "application/json")
		if strings.HasPrefix(body, "<") {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body) // the client may have left
	}
}

// rewrites answers with the upstream's answer, in which words are replaced.
func rewrites(oldNew ...string) answer {
	return func(w http.ResponseWriter, own *httptest.ResponseRecorder) {
		w.Header().Set("Content-Type", own.Header().Get("Content-Type"))
		w.WriteHeader(own.Code)
		_, _ = strings.NewReplacer(oldNew...).WriteString(w, own.Body.String())
	}
}

// cutOff promises the upstream's whole answer and sends a part of it; since the
// promise is broken, net/http closes the connection.
func cutOff(w http.ResponseWriter, own *httptest.ResponseRecorder) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(own.Body.Len()))
	_, _ = w.Write(own.Body.Bytes()[:own.Body.Len()*2/3])
}

// broken sends a part of the upstream's answer as if it were all.
func broken(w http.ResponseWriter, own *httptest.ResponseRecorder) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(own.Body.Bytes()[:own.Body.Len()*2/3])
}

// overruns sends the upstream's answer and then, on the same connection, a part of
// the answer once more.
func overruns(w http.ResponseWriter, own *httptest.ResponseRecorder) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	body := own.Body.String()
	_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\n\r\n"+body)
	_, _ = io.WriteString(conn, body[len(body)/3:])
	_, _ = io.Copy(io.Discard, conn) // until the client closes the connection
}

// takes sends the upstream's answer after a while, as a busy upstream does.
func takes(d time.Duration) answer {
	return func(w http.ResponseWriter, own *httptest.ResponseRecorder) {
		<-time.After(d)
		rewrites()(w, own)
	}
}
