package doctor

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"tasksync/queries"
	"tasksync/task"
)

// seeStatusWords looks for rows whose status nobody understands.
func (d *doctor) seeStatusWords(ctx context.Context) {
	words, err := d.queries.GenerationListOddWords(ctx, d.pool, d.cfg.Words.Spellings(task.Complete, task.Failed))
	if err != nil {
		d.trouble("status words", err)
		return
	}
	for i, w := range words {
		if i == mostWords {
			d.say(Warning, fmt.Sprintf("status words: %d more such words, or more", len(words)-i), "`tasksync pending --ignored` lists the rows")
			return
		}
		d.say(Warning, fmt.Sprintf("status words: %s with status %q, which means neither a pending row nor one that has ended", rowsFound(w.Found), cmp.Or(task.Redact(w.Word), w.Word)),
			"no daemon follows them; a pending row has one of %s, in any case; name your words for complete and failed with TASKSYNC_STATUS_WORDS", strings.Join(task.PendingWords(), ", "))
	}
}

// mostWords is how many words are named one by one.
const mostWords = 10

// mostFound is where query GenerationListOddWords ends to count.
const mostFound = 1000

func rowsFound(n int64) string {
	switch n {
	case 1:
		return "1 row"
	case mostFound:
		return "1000 rows or more"
	}
	return fmt.Sprintf("%d rows", n)
}

// literal matches a default that is a text, as Postgres prints it.
var literal = regexp.MustCompile(`^'((?:[^']|'')*)'(?:::[a-z "()0-9.]+)?$`)

// seeStatusDefault looks at the status that a row has if its writer names none.
func (d *doctor) seeStatusDefault(ctx context.Context) {
	expression, err := d.queries.GenerationColumnDefault(ctx, d.pool)
	if err != nil {
		d.trouble("status default", err)
		return
	}
	m := literal.FindStringSubmatch(expression)
	if m == nil { // none, or one that is computed
		return
	}
	if word := strings.ReplaceAll(m[1], "''", "'"); !d.cfg.Words.Read(word).Pending() {
		d.say(Warning, fmt.Sprintf("status default: column status of music_generations has the default %q, which means no pending row", task.Redact(word)),
			"rows that are inserted without a status are not followed; ALTER TABLE public.music_generations ALTER COLUMN status SET DEFAULT '%s'", d.cfg.Words.Write(task.Submitted))
	}
}

// seeEndWords compares the words of rows that have ended with those that tasksync
// writes: an application that reads others would take the row for pending.
func (d *doctor) seeEndWords(ctx context.Context) {
	theirs, err := d.queries.DoctorStatusSample(ctx, d.pool)
	if err != nil {
		d.trouble("status words", err)
		return
	}
	var says, pairs []string
	for _, ours := range []task.Status{task.Complete, task.Failed} {
		word := wordFor(ours, theirs)
		users := strings.HasPrefix(strings.ToLower(word), "cancel") // a user's end, not a failure
		if writes := d.cfg.word(ours); word != "" && word != string(ours) && !users && !slices.Contains(theirs, writes) {
			says = append(says, fmt.Sprintf("%q where tasksync writes %q", word, writes))
			pairs = append(pairs, string(ours)+":"+word)
		}
	}
	if len(pairs) > 0 {
		d.say(Warning, "status words: rows that have ended say "+strings.Join(says, ", "), "set TASKSYNC_STATUS_WORDS=%s, if the application reads these words", strings.Join(pairs, ","))
	}
}

// seeProviders refuses a daemon that would not follow a single row: all pending rows
// name providers that are not configured, and no row was followed in this database
// lately. One odd row among others, or on a database where rows were followed, must
// not stop the rest; seeRows tells of it, and so do the log and the metrics.
func (d *doctor) seeProviders(ctx context.Context) {
	kinds, err := d.queries.DoctorPendingList(ctx, d.pool)
	if err != nil {
		d.trouble("providers", err)
		return
	}
	strange, words := d.strangeProviders(kinds)
	if strange == 0 {
		return
	}
	events, err := d.queries.EventOldest(ctx, d.pool)
	switch {
	case err != nil:
		d.trouble("providers", err)
	case len(events) == 0:
		d.say(Bad, fmt.Sprintf("providers: all %d pending rows name providers that are not configured (%s), so none would be followed", strange, words),
			"set TASKSYNC_PROVIDER or TASKSYNC_PROVIDERS to the API at which their tasks were made, or correct column provider: the words that are known are %s; null is the default provider",
			strings.Join(d.cfg.Providers.All()[1:], ", "))
	}
}

// strangeProviders returns the number of pending rows and their words for providers,
// if none of them has a known one; else 0.
func (d *doctor) strangeProviders(kinds []queries.DoctorPendingListRow) (n int64, words string) {
	counts, order := map[string]int64{}, []string{}
	for _, k := range kinds {
		if d.cfg.Providers.Known(k.Provider) {
			return 0, ""
		}
		word := fmt.Sprintf("%q", task.Redact(cut(k.Provider)))
		if counts[word] == 0 {
			order = append(order, word)
		}
		counts[word] += k.Pending
		n += k.Pending
	}
	const most = 5
	for i, word := range order {
		if i == most {
			order = append(order[:most], "…")
			break
		}
		order[i] = fmt.Sprintf("%s: %d", word, counts[word])
	}
	return n, strings.Join(order, ", ")
}

// cut bounds a text of the application's.
func cut(text string) string {
	const most = 40
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "…"
	}
	return text
}
