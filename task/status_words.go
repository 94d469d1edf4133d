package task

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// pendingWords are the words of a status column that mean a pending row, in lower
// case, and the status that each of them means. All SQL that asks whether a row is
// pending has exactly these words, because partial indexes, triggers and the row
// filter of a publication depend on them; a test compares them.
var pendingWords = map[string]Status{ //nolint:gochecknoglobals // a constant table
	"submitted":   Submitted,
	"queued":      Queued,
	"processing":  Processing,
	"streaming":   Streaming,
	"pending":     Submitted,
	"created":     Submitted,
	"new":         Submitted,
	"waiting":     Queued,
	"in_progress": Processing,
	"in-progress": Processing,
	"in progress": Processing,
	"inprogress":  Processing,
	"running":     Processing,
	"generating":  Processing,
}

// endedWords are the usual words of applications for a row that has ended. A row with
// one of them is left alone, and nobody needs to hear of it. The index and the
// queries of odd words have exactly these words too.
var endedWords = []string{ //nolint:gochecknoglobals // a constant table
	"complete", "completed", "done", "finished", "success", "succeeded", "successful",
	"failed", "fail", "failure", "error", "errored", "cancelled", "canceled", "aborted",
	"expired", "timeout", "timed_out", "rejected", "refunded", "deleted", "archived",
}

// PendingWords returns the words that mean a pending row, in lower case and sorted.
func PendingWords() []string { return slices.Sorted(maps.Keys(pendingWords)) }

// EndedWords returns the usual words for a row that has ended, in lower case.
func EndedWords() []string { return slices.Clone(endedWords) }

// ParseStatus returns the status that a word in a status column means: one of the
// six, in any case, or a usual word for a pending row. Any other word is returned as
// it is, and is neither pending nor terminal.
func ParseStatus(word string) Status { return StatusWords{}.Read(word) }

// StatusWords translates between the statuses and the words that an application has
// for them in its columns. The zero value writes the six statuses as they are. It
// reads the application's words, the six statuses and the usual words for a pending
// row, all of them in any case; the application's own meaning of a word counts first.
// What is read never depends on the case of ASCII letters, and on nothing else: the
// database compares in the same way.
//
// Two pending statuses may have one word, where a column permits few. It is read as
// the earlier one, so that a row never seems further than it is.
type StatusWords struct {
	write map[Status]string
	read  map[string]Status
}

// maxWord bounds a word of the application's, in bytes.
const maxWord = 40

// NewStatusWords makes the words of an application: for each status, its word. A
// status that is left out keeps its own. A pending status needs a word that means a
// pending row by itself, because triggers and indexes know only those. The words of
// complete and failed must differ from each other and from all words that mean
// something else.
func NewStatusWords(theirs map[Status]string) (StatusWords, error) {
	w := StatusWords{write: maps.Clone(theirs), read: map[string]Status{}}
	for _, s := range slices.Sorted(maps.Keys(theirs)) {
		if err := checkWord(s, theirs[s]); err != nil {
			return StatusWords{}, err
		}
	}
	if complete, failed := w.Write(Complete), w.Write(Failed); lower(complete) == lower(failed) {
		return StatusWords{}, fmt.Errorf("give %s and %s the same word %q; give each its own", Complete, Failed, complete)
	}
	for _, s := range slices.Backward(Statuses()) { // the earlier status wins
		if w.write[s] != "" || w.isMapped(string(s)) {
			w.read[lower(w.Write(s))] = s
		}
	}
	return w, nil
}

// isMapped reports whether a status has this word by the application's will.
func (w StatusWords) isMapped(word string) bool {
	for _, theirs := range w.write {
		if lower(theirs) == word {
			return true
		}
	}
	return false
}

func checkWord(s Status, word string) error {
	low := lower(word)
	meant, pending := pendingWords[low]
	switch {
	case s.rank() == 0:
		return fmt.Errorf("have %q, which is none of the statuses %s", s, listed(Statuses()))
	case strings.TrimSpace(word) == "" || strings.TrimSpace(word) != word:
		return fmt.Errorf("give %s the word %q, which is empty or has blanks around it", s, word)
	case len(word) > maxWord || strings.ContainsFunc(word, isControl):
		return fmt.Errorf("give %s a word of over %d bytes, or with control characters", s, maxWord)
	case s.Pending() && !pending:
		return fmt.Errorf("give %s the word %q; a pending row needs one of %s, in any case, because indexes and triggers know only these", s, word, strings.Join(PendingWords(), ", "))
	case s.Terminal() && pending:
		return fmt.Errorf("give %s the word %q, which means a pending row (%s)", s, word, meant)
	case s == Complete && low == string(Failed), s == Failed && low == string(Complete):
		return fmt.Errorf("give %s the word %q, which means the opposite", s, word)
	}
	return nil
}

// ParseStatusWords reads pairs like "complete:completed,failed:error": a status and
// the application's word for it.
func ParseStatusWords(text string) (map[Status]string, error) {
	words := map[Status]string{}
	for pair := range strings.SplitSeq(text, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		ours, theirs, ok := strings.Cut(pair, ":")
		s := Status(lower(strings.TrimSpace(ours)))
		switch {
		case !ok:
			return nil, fmt.Errorf("%q is not a pair like complete:completed, a status of tasksync's and your word for it", strings.TrimSpace(pair))
		case words[s] != "":
			return nil, fmt.Errorf("%q has two words; name the one to write", s)
		}
		words[s] = strings.TrimSpace(theirs)
	}
	if len(words) == 0 && strings.TrimSpace(text) != "" {
		return nil, errors.New("has no pair like complete:completed")
	}
	return words, nil
}

// Write returns the application's word for a status. A word that is no status is
// returned as it is.
func (w StatusWords) Write(s Status) string { return cmp.Or(w.write[s], string(s)) }

// Read returns the status that a word means. A word that means none is returned as it
// is, and is neither pending nor terminal.
func (w StatusWords) Read(word string) Status {
	low := lower(word)
	if s, ok := w.read[low]; ok {
		return s
	}
	if s, ok := pendingWords[low]; ok {
		return s
	}
	if s := Status(low); s.Terminal() {
		return s
	}
	return Status(word)
}

// Shown returns s as a row can show it: the status that is read where s was written.
// It is s itself unless two statuses have one word; then it is the earlier one.
func (w StatusWords) Shown(s Status) Status { return w.Read(w.Write(s)) }

// Spellings returns the words, in lower case, that are read as a terminal status.
func (w StatusWords) Spellings(terminal ...Status) []string {
	var words []string
	for _, s := range terminal {
		words = append(words, string(s))
		if theirs := lower(w.Write(s)); theirs != string(s) {
			words = append(words, theirs)
		}
	}
	return words
}

// lower returns s with ASCII letters in lower case, as Postgres's lower does in
// collation "C": what a word means must not depend on a language (in Turkish, the
// lower case of I is no i).
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + ('a' - 'A')
		}
		return r
	}, s)
}

func listed(all []Status) string {
	words := make([]string, len(all))
	for i, s := range all {
		words[i] = string(s)
	}
	return strings.Join(words, ", ")
}
