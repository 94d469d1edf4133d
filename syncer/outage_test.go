package syncer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/task"
)

// fetchLog is a syncer whose fetches end as a test says, a second apart.
type fetchLog struct {
	*Syncer
	log   logBuffer
	clock clock
	of    *outage
}

func newFetchLog() *fetchLog {
	f := &fetchLog{clock: clock{at: time.Now()}, of: &outage{provider: "kie"}}
	f.Syncer = &Syncer{cfg: Config{Logger: slog.New(slog.NewTextHandler(&f.log, nil)), Now: f.clock.now}}
	return f
}

func (f *fetchLog) second(errs ...error) {
	for _, err := range errs {
		f.tellFetch(f.of, err, 0, 10)
	}
	f.clock.advance(time.Second)
}

func (f *fetchLog) lines(level string) (lines []string) {
	for line := range strings.Lines(f.log.String()) {
		if strings.Contains(line, "level="+level) {
			lines = append(lines, line)
		}
	}
	return lines
}

// TestLogOfTenMinutesWithoutAProvider: whatever is wrong, and however often, the log has a
// line a minute with a count, and one when it is over.
func TestLogOfTenMinutesWithoutAProvider(t *testing.T) {
	t.Parallel()
	open := &task.Failure{Reason: task.ReasonBreakerOpen, Unsent: true, Message: "the provider did not answer the last calls (timeout), so calls pause"}
	for name, err := range map[string]error{
		"5xx":          &task.Failure{Reason: "http_5xx", Message: "HTTP 502"},
		"DNS":          fmt.Errorf("fetch from kie: %w", &task.Failure{Reason: "network", Message: "no such host"}),
		"hangs":        fmt.Errorf("fetch from kie: %w", context.DeadlineExceeded),
		"rate limit":   &task.PartError{Err: &task.Failure{Reason: "rate_limited"}},
		"another kind": errors.New("an adapter of the application's"),
	} {
		f := newFetchLog()
		for range 600 {
			f.second(err, open, err, open)
		}
		warnings := f.lines("WARN")
		require.Len(t, warnings, 10, name)
		require.Contains(t, warnings[0], "provider=kie", name)
		require.Contains(t, warnings[0], "failures=1 for=0s", name)
		require.Contains(t, warnings[9], "failures=2161 for=9m0s", name)
		for range 600 {
			f.second(nil, nil)
		}
		require.Len(t, f.lines("WARN"), 10, name)
		over := f.lines("INFO")
		require.Len(t, over, 1, name)
		require.Contains(t, over[0], "failures=2400 for=10m0s", name)
	}
}

// A provider that answers now and then has at most a line of each kind a minute.
func TestLogOfAProviderThatAnswersNowAndThen(t *testing.T) {
	t.Parallel()
	f := newFetchLog()
	for range 600 {
		f.second(&task.Failure{Reason: "http_5xx"}, nil)
	}
	require.Len(t, f.lines("WARN"), 10)
	require.Len(t, f.lines("INFO"), 10)
}

// An outage whose end nobody saw, as there were no rows, does not last until the next one.
func TestLogOfTwoOutages(t *testing.T) {
	t.Parallel()
	f := newFetchLog()
	f.second(&task.Failure{Reason: "http_5xx"})
	f.clock.advance(time.Hour)
	f.second(&task.Failure{Reason: "timeout"})
	warnings := f.lines("WARN")
	require.Len(t, warnings, 2)
	require.Contains(t, warnings[1], "failures=1 for=0s")
}

// What is logged elsewhere, or is the daemon's own limit, is no outage.
func TestFetchesThatAreNoOutage(t *testing.T) {
	t.Parallel()
	f := newFetchLog()
	f.second(&task.Failure{Verdict: task.Account}, &task.Failure{Reason: "rate_limited_locally", Unsent: true}, nil)
	f.tellFetch(f.of, context.DeadlineExceeded, 3, 10) // time was up, and the provider answers
	require.Empty(t, f.log.String())
}

// The default provider has two names, and one outage.
func TestOutageOfTwoNames(t *testing.T) {
	t.Parallel()
	one, other := new(struct{ Upstream }), new(struct{ Upstream })
	outages := newOutages(map[string]Upstream{"": one, "kie": one, "acedata": other})
	require.Same(t, outages["kie"], outages[""])
	require.NotSame(t, outages["kie"], outages["acedata"])
	require.Equal(t, "kie", outages[""].provider)
	odd := fetchFunc(allDone) // cannot be compared
	require.Equal(t, "default", newOutages(map[string]Upstream{"": odd, "own": odd})[""].provider)
}
