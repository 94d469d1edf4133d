package story

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"tasksync/internal/record"
)

// Line is one thing that happened, or will.
type Line struct {
	At   time.Time `json:"at"`
	Kind string    `json:"kind"` // inserted, heard, look, change, late, deadline or next
	Text string    `json:"text"`
}

// lines returns what happened and what is to come, in the order of time.
func (s *Story) lines() []Line {
	var out []Line
	add := func(at time.Time, kind, format string, args ...any) {
		out = append(out, Line{at.UTC(), kind, fmt.Sprintf(format, args...)})
	}
	if s.CreatedAt != nil {
		add(*s.CreatedAt, "inserted", "the application inserted the row")
	}
	if s.Heard != nil {
		add(s.Heard.At, "heard", "tasksync heard of it by %s%s", s.Heard.By, after(s.CreatedAt, s.Heard.At))
	}
	for _, l := range s.Looks {
		add(l.At, "look", "%s", lookText(l))
	}
	for _, e := range s.Events {
		add(s.cause(e), "change", "%s", eventText(e))
	}
	if s.Late != nil {
		add(s.Late.At, "late", "a late result with %d clips is kept in tasksync.late_results", s.Late.Clips)
	}
	if s.Deadline != nil {
		add(*s.Deadline, "deadline", "its time is up: a look from then on ends it")
	}
	if s.NextLook != nil {
		add(*s.NextLook, "next", "it is looked at next")
	}
	slices.SortStableFunc(out, func(a, b Line) int { return a.At.Compare(b.At) })
	return out
}

// cause is the time of a change, or that of the look that caused it if that is a little
// later: the time of a transaction is that of its beginning, and clocks differ.
func (s *Story) cause(e Event) time.Time {
	for _, l := range s.Looks {
		if d := l.At.Sub(e.At); l.Status == e.To && d > 0 && d < 2*time.Second {
			return l.At
		}
	}
	return e.At
}

func after(created *time.Time, at time.Time) string {
	if created == nil || at.Before(*created) {
		return ""
	}
	return ", " + at.Sub(*created).Round(time.Millisecond).String() + " after its created_at"
}

var causes = map[string]string{ //nolint:gochecknoglobals // a constant table
	"first": "the first", "due": "it was due", "deadline": "its deadline", "backlog": "it is overdue", "hint": "a callback or a user asked", "user": "a user asked",
}

// lookText is a look in words.
func lookText(l record.Look) string {
	var b strings.Builder
	why := cmp.Or(causes[l.Why], l.Why)
	switch l.Via {
	case "webhook":
		why = "a callback came"
	case "request":
		why = "a user or an operator asked"
	case "late":
		why = "a result may come late"
	}
	fmt.Fprintf(&b, "look (%s): ", why)
	switch {
	case l.Unsent:
		b.WriteString("no call was made: " + cmp.Or(l.Message, l.Failure))
	case l.Failure != "" && l.Code == 0:
		b.WriteString("no answer: " + cmp.Or(l.Message, l.Failure))
	case l.Failure != "":
		b.WriteString(strings.TrimSpace("the provider says "+quoted(l.Said)+l.Failure) + colon(l.Message))
	default:
		b.WriteString("the provider says " + cmp.Or(quoted(l.Said), "nothing of a status, ") + fmt.Sprintf("%d results", l.Items))
	}
	if l.Code != 0 {
		fmt.Fprintf(&b, " (HTTP %d in %s)", l.Code, ms(l.Took))
	}
	if l.Waited >= 100 {
		b.WriteString("; it waited " + ms(l.Waited) + " for the rate limit")
	}
	b.WriteString(outcomeText(l))
	return b.String()
}

func quoted(word string) string {
	if word == "" {
		return ""
	}
	return `"` + word + `", `
}

func colon(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

// outcomeText is what followed from a look.
func outcomeText(l record.Look) string {
	switch {
	case l.Status != "":
		return "; written: " + l.Status + clipsText(l.Clips)
	case l.Clips > 0:
		return "; written" + clipsText(l.Clips)
	case l.Reason == "clips_update_failed":
		return "; the database rejects the result"
	case l.Next.IsZero():
		return ""
	}
	return "; next look after " + max(0, l.Next.Sub(l.At)).Round(100*time.Millisecond).String()
}

func clipsText(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", %d clips", n)
}

// eventText is a change in words.
func eventText(e Event) string {
	switch {
	case e.Via == "insert":
		return "the user's pages were told of it"
	case e.From == e.To:
		return fmt.Sprintf("%s: clips changed, by %s", e.To, e.Via)
	}
	text := fmt.Sprintf("%s → %s, by %s", e.From, e.To, e.Via)
	if e.ErrorCode != "" {
		text += ": " + e.ErrorCode
	} else if e.Reason != "" && e.Reason != e.To {
		text += ": " + e.Reason
	}
	return text
}
