package doctor

import (
	"cmp"
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

// theirWords are the usual words of applications for the ends, ours first.
var theirWords = map[task.Status][]string{
	task.Complete: {"complete", "completed", "succeeded", "success", "done", "finished", "ready"},
	task.Failed:   {"failed", "error", "errored", "failure", "fail", "rejected", "cancelled", "canceled"},
}

// proposedWords reads from a constraint the application's words for our statuses where
// they differ, in the form of TASKSYNC_STATUS_WORDS; "": there is none for one of the
// ends. A status before the end that has no word of its own gets that of the one
// before it.
func proposedWords(expression string) string {
	var theirs []string
	for _, m := range quotedText.FindAllStringSubmatch(expression, -1) {
		theirs = append(theirs, m[1])
	}
	var pairs []string
	var last string
	for _, ours := range []task.Status{task.Submitted, task.Processing, task.Streaming, task.Complete, task.Failed} {
		word := wordFor(ours, theirs)
		if ours.Pending() {
			last = cmp.Or(word, last)
			word = last
		} else if word == "" {
			return ""
		}
		if word != "" && word != string(ours) {
			pairs = append(pairs, string(ours)+":"+word)
		}
	}
	return strings.Join(pairs, ",")
}

// wordFor returns the one of their words that stands for a status of ours; "": none.
func wordFor(ours task.Status, theirs []string) string {
	if slices.Contains(theirs, string(ours)) {
		return string(ours)
	}
	for _, usual := range theirWords[ours] {
		if i := slices.IndexFunc(theirs, func(word string) bool { return strings.EqualFold(word, usual) }); i >= 0 {
			return theirs[i]
		}
	}
	i := slices.IndexFunc(theirs, func(word string) bool { return ours.Pending() && task.StatusWords{}.Read(word) == ours })
	if i < 0 {
		return ""
	}
	return theirs[i]
}
