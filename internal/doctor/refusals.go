package doctor

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"tasksync/task"
)

// finding says what the constraint refuses, and what to do.
func (r *refusal) finding(d *doctor) Finding {
	f := Finding{Level: Warning, What: fmt.Sprintf("constraint %s on %s refuses %s", r.constraint, r.table, strings.Join(r.words(), ", "))}
	switch {
	case !r.sure:
		f.Next = "see whether the other columns it is about have what it wants then; rows that it refuses wait until it is changed"
		return f
	case r.need:
		f.Level, f.Next = Bad, "such rows would stay pending for ever; run as the owner"
		if words := proposedWords(r.expression); words != "" {
			f.Next = "set TASKSYNC_STATUS_WORDS=" + words + " for the application's own words, or run as the owner"
		}
	default:
		f.Next = "rows do not show how far they are; run as the owner"
	}
	f.SQL = r.mend(d)
	return f
}

// words is what is refused, in few words.
func (r *refusal) words() []string {
	var failed int
	for _, w := range r.what {
		if strings.Contains(w, " with error_code ") {
			failed++
		}
	}
	var words []string
	for _, w := range r.what {
		before, code, ok := strings.Cut(w, " with ")
		switch {
		case ok && failed == len(codes):
			w = before
		case ok:
			w = code
		}
		if w = strings.TrimPrefix(w, "status "); !slices.Contains(words, w) {
			words = append(words, w)
		}
	}
	return words
}

// mend makes the constraint accept what it refuses, besides what it accepts. The rows
// that are there need no second look, hence NOT VALID.
func (r *refusal) mend(d *doctor) string {
	also := fmt.Sprintf("status IN (%s)", quoteAll(d.cfg.word(task.Submitted), d.cfg.word(task.Processing), d.cfg.word(task.Streaming), d.cfg.word(task.Complete), d.cfg.word(task.Failed)))
	if r.domain != "" {
		also = strings.Replace(also, "status", "VALUE", 1)
		return fmt.Sprintf("ALTER DOMAIN %[1]s DROP CONSTRAINT %[2]s;\nALTER DOMAIN %[1]s ADD CONSTRAINT %[2]s CHECK ((%[3]s) OR %[4]s) NOT VALID;", r.domain, r.constraint, r.expression, also)
	}
	if !strings.Contains(r.expression, "status") {
		return fmt.Sprintf("ALTER TABLE public.%s DROP CONSTRAINT %s;", r.table, r.constraint)
	}
	return fmt.Sprintf("ALTER TABLE public.%[1]s DROP CONSTRAINT %[2]s, ADD CONSTRAINT %[2]s CHECK ((%[3]s) OR %[4]s) NOT VALID;", r.table, r.constraint, r.expression, also)
}

func quoteAll(words ...string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = "'" + strings.ReplaceAll(w, "'", "''") + "'"
	}
	return strings.Join(quoted, ", ")
}

var quotedText = regexp.MustCompile(`'([^']+)'`)

// theirWords are the usual words of applications for the ends.
var theirWords = []struct {
	ours  task.Status
	words []string
}{
	{task.Complete, []string{"completed", "succeeded", "success", "done", "finished", "ready"}},
	{task.Failed, []string{"error", "errored", "failure", "fail", "rejected", "cancelled", "canceled"}},
}

// proposedWords reads from a constraint the application's words for our ends, in the
// form of TASKSYNC_STATUS_WORDS; "": there is none for one of them.
func proposedWords(expression string) string {
	var theirs []string
	for _, m := range quotedText.FindAllStringSubmatch(expression, -1) {
		theirs = append(theirs, m[1])
	}
	var pairs []string
	for _, w := range theirWords {
		if slices.Contains(theirs, string(w.ours)) {
			continue
		}
		i := slices.IndexFunc(w.words, func(word string) bool { return slices.Contains(theirs, word) })
		if i < 0 {
			return ""
		}
		pairs = append(pairs, string(w.ours)+":"+w.words[i])
	}
	return strings.Join(pairs, ",")
}
