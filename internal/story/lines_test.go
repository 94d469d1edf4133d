package story

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/record"
)

// A look in words: why it was made, what the provider said, and what followed.
func TestLookText(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for want, l := range map[string]record.Look{
		`look (the first): the provider says "PENDING", 0 results (HTTP 200 in 12ms); next look after 5s`: {
			At: at, Why: "first", Via: "poll", Said: "PENDING", Code: 200, Took: 12, Next: at.Add(5 * time.Second),
		},
		`look (a callback came): the provider says "SUCCESS", 2 results (HTTP 200 in 1s); written: complete, 2 clips`: {
			At: at, Why: "hint", Via: "webhook", Said: "SUCCESS", Items: 2, Code: 200, Took: 1000, Status: "complete", Clips: 2,
		},
		`look (it is overdue): no answer: no answer within 15s; next look after 1m0s`: {
			At: at, Why: "backlog", Via: "poll", Failure: "timeout", Message: "no answer within 15s", Next: at.Add(time.Minute),
		},
		`look (it was due): no call was made: paused by an operator`: {At: at, Why: "due", Via: "poll", Failure: "paused", Message: "paused by an operator", Unsent: true},
		`look (it was due): the provider says "FAILED", permanent: no (HTTP 200 in 5ms); it waited 200ms for the rate limit; written: failed`: {
			At: at, Why: "due", Via: "poll", Said: "FAILED", Failure: "permanent", Message: "no", Code: 200, Took: 5, Waited: 200, Status: "failed",
		},
		`look (its deadline): the provider says "DONE", 1 results; the database rejects the result`: {At: at, Why: "deadline", Via: "poll", Said: "DONE", Items: 1, Reason: "clips_update_failed"},
	} {
		require.Equal(t, want, lookText(l))
	}
}

// A change stands after the look that caused it, though the time of its transaction is a
// little earlier.
func TestLinesAreInOrder(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	later := at.Add(time.Minute)
	s := &Story{
		CreatedAt: &at, NextLook: &later, Heard: &Heard{At: at.Add(time.Second), By: "wal"},
		Looks:  []record.Look{{At: at.Add(3 * time.Second), Status: "processing"}},
		Events: []Event{{At: at.Add(2 * time.Second), From: "submitted", To: "processing", Via: "poll"}, {At: at, From: "submitted", To: "submitted", Via: "insert"}},
	}
	var kinds []string
	for _, l := range s.lines() {
		kinds = append(kinds, l.Kind)
	}
	require.Equal(t, []string{"inserted", "change", "heard", "look", "change", "next"}, kinds)
	require.Equal(t, "failed → complete, by late: late_result", eventText(Event{From: "failed", To: "complete", Via: "late", Reason: "late_result"}))
	require.Equal(t, "processing: clips changed, by poll", eventText(Event{From: "processing", To: "processing", Via: "poll"}))
}
