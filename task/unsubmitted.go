package task

import "time"

// MayBeUnsubmitted reports whether a row without a task id and with this word as its
// status may wait for the application to submit its task. Of the usual words for a
// pending row, only tasksync's own four say that the task was submitted: a row with
// created may stand in a queue of the application's for as long as it likes.
func MayBeUnsubmitted(word string) bool {
	low := lower(word)
	s, pending := pendingWords[low]
	return pending && low != string(s)
}

// awaitTask decides on a row whose task was not submitted yet, as far as anybody can
// tell: it never ends, and is looked at again without a call. Its memory notes that
// the task is awaited, so that its time begins with the id; but not in the first part
// of its time, in which nearly every row gets its id.
func (p Policy) awaitTask(now time.Time, g Generation) Decision {
	age := max(0, now.Sub(p.Began(now, g)))
	mem := g.Memory
	if age > p.Timeout/4 {
		mem.Reason = ReasonNoTaskID
	}
	return Decision{
		Outcome: OutcomeSkipped, Reason: ReasonNoTaskID, Status: g.Status, Memory: mem,
		Next: now.Add(min(max(age/4, awaitLeast), max(overdueMost, min(age/24, awaitMost)))),
	}
}

// awaitLeast and awaitMost bound the wait between two looks for the id of a task. Every
// feed but poll hears of an id that comes in between. Rows that were left behind long
// ago are looked at seldom: there may be many of them.
const (
	awaitLeast = 2 * time.Second
	awaitMost  = 30 * time.Minute
)

// submittedLate reports whether the row waited for its task, which now has an id.
func (g Generation) submittedLate() bool {
	return g.TaskID != "" && g.Memory.Reason == ReasonNoTaskID
}
