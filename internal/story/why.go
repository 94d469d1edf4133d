package story

import (
	"cmp"
	"time"

	"tasksync/internal/pauses"
	"tasksync/task"
)

// Facts are what the reason of a row that has not ended depends on.
type Facts struct {
	Word, Type, Provider, TaskID string // as the columns have them
	Refused                      string // why the database rejects the results
	Late                         bool   // the row is past its deadline
	Asked                        string // why no look past the deadline was answered
	Followed                     bool   // a job follows it
}

// Why says why a row that has not ended waits: a word of a closed set, and the same in a
// sentence with the next step.
func (c Config) Why(f Facts) (reason, why string) {
	_, known := c.Policy.Handlers[task.Type(f.Type)]
	switch {
	case !c.Words.Read(f.Word).Pending():
		return "status_word", "its status is no word for a pending row or for one that has ended; correct it, or give TASKSYNC_STATUS_WORDS"
	case !known:
		return "unknown_type", "its task_type is unknown; correct it"
	case !c.Providers.Known(f.Provider):
		return "unknown_provider", "its provider is not configured; add it to TASKSYNC_PROVIDERS, or correct the column"
	case f.TaskID == "":
		return "no_task_id", "it has no task_id yet"
	case f.Refused != "":
		return "commit_refused", "the database rejects its result: " + f.Refused
	case !c.pause(f.Provider).At.IsZero():
		return "paused", "its provider is " + c.pause(f.Provider).String()
	case f.Late:
		return "overdue", "it is past its deadline, and waits for an answer of its provider: " + cmp.Or(f.Asked, "no look has been sent since")
	case !f.Followed:
		return "no_job", "no job follows it yet; a running daemon finds it within 30 s"
	}
	return "under_way", "its task is under way"
}

// pause is that of the provider that a word in column provider means.
func (c Config) pause(word string) pauses.Pause { return c.Paused.Of(c.PausedAs(word)) }

// PausedAs is the name under which the provider of a word in column provider is paused.
func (c Config) PausedAs(word string) string {
	return cmp.Or(c.Providers.Name(word), c.DefaultProvider)
}

// judge fills in why the row is as it is, and what to do.
func (l *loader) judge() {
	s, m := l.s, l.g.Memory
	switch {
	case l.g.Type == "":
		s.Reason, s.Why = "not_tracked", "it has no task_type: a row of the V1 API, which tasksync leaves alone"
		return
	case l.g.Status == task.Complete:
		s.Reason, s.Why = "complete", "its result is written"
		return
	case l.g.Status == task.Failed:
		s.Reason, s.Why = "failed", cmp.Or(s.ErrorCode, "it has no error_code")
		s.Advice = "tasksync retry " + s.ID + " makes it pending again, and asks its provider about the same task"
		return
	}
	s.Reason, s.Why = l.Why(Facts{
		Word: cmp.Or(s.StatusWord, s.Status), Type: s.TaskType, Provider: s.Provider, TaskID: s.TaskID, Refused: m.Rejected,
		Late: s.Deadline != nil && s.SeenAt.After(*s.Deadline), Asked: m.Reason, Followed: len(s.Jobs) > 0,
	})
	if p := l.pause(s.Provider); !p.At.IsZero() {
		s.Pause = &p
	}
	s.Advice = advice[s.Reason]
}

var advice = map[string]string{ //nolint:gochecknoglobals // a constant table
	"commit_refused": "tasksync doctor names the constraint; once it permits the result, the row ends by itself",
	"paused":         "tasksync resume",
	"overdue":        "tasksync doctor checks the provider's address, key and credits",
	"no_job":         "is a daemon running? Its /readyz says what it waits for",
	"status_word":    "tasksync doctor lists such words", "unknown_provider": "tasksync doctor lists such rows", "unknown_type": "tasksync doctor lists such rows",
}

// ms is a number of milliseconds as people read it.
func ms(n int64) string { return (time.Duration(n) * time.Millisecond).String() }
