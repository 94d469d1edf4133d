//go:build chaos

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// chaosLimit is the limit that the daemons share, in calls per second.
const chaosLimit = 100

// meter notes when each call came in.
type meter struct {
	next http.Handler

	mu    sync.Mutex
	calls []time.Time
}

// ServeHTTP implements http.Handler.
func (m *meter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	m.calls = append(m.calls, time.Now())
	m.mu.Unlock()
	m.next.ServeHTTP(w, r)
}

// most returns the largest number of calls in any window of that length.
func (m *meter) most(window time.Duration) (most int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	first := 0
	for i, at := range m.calls {
		for at.Sub(m.calls[first]) >= window {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// chaosReport is what a run says of itself.
type chaosReport struct {
	Seed       uint64         `json:"seed"`
	Minutes    float64        `json:"minutes"`
	Rows       int            `json:"rows"`
	Lost       int            `json:"lost"`
	Wrong      int            `json:"wrong"`
	Rewritten  int            `json:"rewritten"`
	Late       int            `json:"late"`
	Latest     float64        `json:"latest_seconds_after_deadline"`
	Calls      int            `json:"calls"`
	MostCalls  int            `json:"most_calls_in_a_second"`
	Sessions   int            `json:"most_sessions"`
	TooMany    int            `json:"sessions_above_the_promise_for_10s"`
	LogLines   int            `json:"most_log_lines_in_a_minute"`
	JobsLeft   int            `json:"jobs_left"`
	Goroutines float64        `json:"most_goroutines_at_the_end"`
	Memory     float64        `json:"most_resident_megabytes_at_the_end"`
	Faults     map[string]int `json:"faults"`
}

// report checks what must hold, and prints it.
func (c *chaos) report(t *testing.T) {
	t.Helper()
	r := chaosReport{
		Seed: c.seed, Minutes: time.Since(c.began).Minutes(), Rows: len(c.rows), Sessions: c.peak, TooMany: c.most, Faults: c.faults,
		Calls: len(c.meter.calls), MostCalls: c.meter.most(time.Second), LogLines: c.logLines(),
	}
	c.judgeRows(t, &r)
	r.Rewritten = collect[struct{ N int }](t, c.pool, `SELECT count(*)::int FROM rewritten`)[0].N
	r.JobsLeft = c.jobsLeft(t)
	for _, d := range c.daemons {
		metrics := metricsOf(t, d.process)
		r.Goroutines = max(r.Goroutines, gauge(t, metrics, "go_goroutines"))
		r.Memory = max(r.Memory, gauge(t, metrics, "process_resident_memory_bytes")/1e6)
	}
	text, err := json.MarshalIndent(r, "", "  ")
	require.NoError(t, err)
	t.Log(string(text))
	if name := os.Getenv("REPORT"); name != "" {
		require.NoError(t, os.WriteFile(name, append(text, '\n'), 0o600))
	}
	c.verifyEvents(t, t.Context())
	for what, n := range map[string]int{"lost": r.Lost, "wrong": r.Wrong, "rewritten": r.Rewritten, "late": r.Late, "sessions": r.TooMany, "jobs left": r.JobsLeft} {
		require.Zero(t, n, what)
	}
	require.LessOrEqual(t, r.MostCalls, chaosLimit, "the limit")
	require.LessOrEqual(t, r.LogLines, 2000, "lines of log in a minute")
	require.Less(t, r.Goroutines, 300.0)
	require.Less(t, r.Memory, 300.0)
}

// jobsLeft returns how many jobs still follow rows, after the time in which each finds that
// its rows have ended.
func (c *chaos) jobsLeft(t *testing.T) (n int) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); <-time.After(time.Second) {
		n = collect[struct{ N int }](t, c.pool, `SELECT count(*)::int FROM tasksync.river_job WHERE kind = 'sync' AND state NOT IN ('completed', 'cancelled', 'discarded')`)[0].N
		if n == 0 {
			break
		}
	}
	return n
}

// judgeRows compares each row, and its clips, with what the simulator knows.
func (c *chaos) judgeRows(t *testing.T, r *chaosReport) {
	t.Helper()
	type row struct {
		ID, Status string
		Late       float64
		Deadline   time.Time
	}
	found := map[string]row{}
	for _, g := range collect[row](t, c.pool, `SELECT id::text, status, extract(epoch FROM completed_at - created_at - interval '10 minutes')::float8, created_at + interval '10 minutes'
		FROM music_generations WHERE completed_at IS NOT NULL`) {
		found[g.ID] = g
	}
	clips := c.clips(t)
	for id, taskID := range c.rows {
		g, ok := found[id]
		if !ok {
			r.Lost++
			t.Log("lost:", id)
			continue
		}
		record, _ := c.sim.Task(taskID)
		if what := fmt.Sprintf("%s of fate %s, expected %s, is %s", id, record.Fate, record.Expected.Status, g.Status); string(record.Expected.Status) != g.Status {
			r.Wrong++
			t.Log("wrong:", what)
		} else {
			verifyClips(t, record, clips[id], what)
		}
		late := g.Late - c.unavailable(g.Deadline, g.Deadline.Add(time.Duration(g.Late*float64(time.Second)))).Seconds()
		if late > 10 {
			r.Late++
			t.Logf("late by %.1f s: %s of fate %s", late, id, record.Fate)
		}
		r.Latest = max(r.Latest, late)
	}
}

// unavailable returns how much of the time between from and to the database or the
// provider was not available.
func (c *chaos) unavailable(from, to time.Time) (sum time.Duration) {
	slices.SortFunc(c.outages, func(a, b span) int { return a.from.Compare(b.from) })
	for _, o := range c.outages {
		begin, end := o.from, o.to
		if begin.Before(from) {
			begin = from
		}
		if end.After(to) {
			end = to
		}
		if end.After(begin) {
			sum += end.Sub(begin)
			from = end // spans overlap
		}
	}
	return sum
}

var logTime = regexp.MustCompile(`"time":"([^".]+)`)

// logLines returns the most lines that one process has logged in a minute.
func (c *chaos) logLines() (most int) {
	for _, output := range c.outputs() {
		perMinute := map[string]int{}
		for line := range strings.Lines(output) {
			if m := logTime.FindStringSubmatch(line); m != nil {
				minute := m[1][:len("2006-01-02T15:04")]
				perMinute[minute]++
				most = max(most, perMinute[minute])
			}
		}
	}
	return most
}

func (c *chaos) outputs() (all []string) {
	for _, d := range c.daemons {
		for _, p := range append(d.earlier, d.process) {
			all = append(all, p.output())
		}
	}
	return all
}

func metricsOf(t *testing.T, p *process) string {
	t.Helper()
	resp, err := http.Get("http://" + p.ready(t) + "/metrics")
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(body)
}

func gauge(t *testing.T, metrics, name string) float64 {
	t.Helper()
	for line := range strings.Lines(metrics) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			require.NoError(t, err)
			return n
		}
	}
	t.Fatal("no metric ", name)
	return 0
}
