package task

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestWordsOfStatuses(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]Status{
		"submitted": Submitted, "SUBMITTED": Submitted, "pending": Submitted, "Pending": Submitted, "created": Submitted, "NEW": Submitted,
		"Queued": Queued, "waiting": Queued,
		"processing": Processing, "in_progress": Processing, "IN_PROGRESS": Processing, "in-progress": Processing, "In Progress": Processing,
		"inProgress": Processing, "running": Processing, "Generating": Processing,
		"streaming": Streaming, "Complete": Complete, "FAILED": Failed,
	} {
		require.Equal(t, want, ParseStatus(word), word)
	}
	for _, word := range []string{
		"", " ", "  pending", "pending ", "draft", "completed", "error", "success", "PENDİNG", "pendıng", "proceſſing", "pending\x00", "submitted,queued", "null",
	} {
		s := ParseStatus(word)
		require.Equal(t, Status(word), s, "the word stays as it is")
		require.False(t, s.Pending() || s.Terminal(), word)
	}
}

func TestWordsOfAnApplication(t *testing.T) {
	t.Parallel()
	w, err := NewStatusWords(map[Status]string{Complete: "Completed", Failed: "ERROR", Processing: "in_progress", Queued: "pending"})
	require.NoError(t, err)
	require.Equal(t, "Completed", w.Write(Complete), "as it is given")
	require.Equal(t, "streaming", w.Write(Streaming))
	for word, want := range map[string]Status{
		"completed": Complete, "COMPLETED": Complete, "complete": Complete, "Error": Failed, "failed": Failed,
		"pending": Queued, "submitted": Submitted, "In_Progress": Processing, "processing": Processing, "success": "success",
	} {
		require.Equal(t, want, w.Read(word), word)
	}
	require.Equal(t, []string{"failed", "error"}, w.Spellings(Failed))
	require.Equal(t, []string{"complete", "failed"}, StatusWords{}.Spellings(Complete, Failed))
	require.Equal(t, Status("draft"), w.Shown("draft"))
}

// A column that permits pending alone before the end: it is read as the earliest of
// the statuses that it stands for.
func TestOneWordForSeveralStatuses(t *testing.T) {
	t.Parallel()
	w, err := NewStatusWords(map[Status]string{Submitted: "pending", Processing: "pending", Streaming: "PENDING", Complete: "completed"})
	require.NoError(t, err)
	require.Equal(t, Submitted, w.Read("pending"))
	require.Equal(t, Submitted, w.Shown(Streaming))
	require.Equal(t, Complete, w.Shown(Complete))
	w, err = NewStatusWords(map[Status]string{Streaming: "processing"})
	require.NoError(t, err)
	require.Equal(t, Processing, w.Read("processing"), "its own word")
	require.Equal(t, Processing, w.Shown(Streaming))
}

func TestWrongWords(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		words map[Status]string
		want  string
	}{
		"no status":             {map[Status]string{"done": "x"}, "none of the statuses submitted, queued"},
		"pending, not built in": {map[Status]string{Processing: "rendering"}, "a pending row needs one of created, generating,"},
		"pending and ended":     {map[Status]string{Submitted: "completed"}, "a pending row needs one of"},
		"ended and pending":     {map[Status]string{Complete: "Running"}, "means a pending row (processing)"},
		"the same":              {map[Status]string{Complete: "done", Failed: "DONE"}, "the same word"},
		"the other's own":       {map[Status]string{Complete: "Failed"}, "means the opposite"},
		"swapped":               {map[Status]string{Complete: "failed", Failed: "complete"}, "means the opposite"},
		"empty":                 {map[Status]string{Complete: " "}, "is empty"},
		"blanks":                {map[Status]string{Complete: "done "}, "blanks around it"},
		"long":                  {map[Status]string{Complete: strings.Repeat("x", 41)}, "over 40 bytes"},
		"control":               {map[Status]string{Complete: "a\x00b"}, "control characters"},
	} {
		_, err := NewStatusWords(tc.words)
		require.ErrorContains(t, err, tc.want, name)
	}
}

func TestParseStatusWords(t *testing.T) {
	t.Parallel()
	words, err := ParseStatusWords(" complete:completed, FAILED : my error,,processing:in_progress")
	require.NoError(t, err)
	require.Equal(t, map[Status]string{Complete: "completed", Failed: "my error", Processing: "in_progress"}, words)
	words, err = ParseStatusWords("")
	require.NoError(t, err)
	require.Empty(t, words)
	for text, want := range map[string]string{"complete": "not a pair", "complete=done": "not a pair", "failed:error,failed:cancelled": "two words", ",": "no pair"} {
		_, err := ParseStatusWords(text)
		require.ErrorContains(t, err, want, text)
	}
}

// What is written is read as the same status, in any case; with one word for two
// statuses, as the earlier one, and writing that again changes nothing.
func TestWordsThereAndBack(t *testing.T) {
	t.Parallel()
	pending, ended := PendingWords(), []string{"completed", "Success", "error", "DONE", "ready", "fertig", "complete", "failed", "Ä"}
	rapid.Check(t, func(t *rapid.T) {
		theirs := map[Status]string{}
		for _, s := range Statuses() {
			from := pending
			if s.Terminal() {
				from = ended
			}
			if rapid.Bool().Draw(t, "mapped "+string(s)) {
				theirs[s] = rapid.SampledFrom(from).Draw(t, string(s))
				if rapid.Bool().Draw(t, "upper") {
					theirs[s] = strings.ToUpper(theirs[s])
				}
			}
		}
		w, err := NewStatusWords(theirs)
		if err != nil {
			t.Skip(err.Error())
		}
		shared := map[string]int{}
		for _, s := range Statuses() {
			shared[lower(w.Write(s))]++
		}
		for _, s := range Statuses() {
			word := w.Write(s)
			got := w.Read(word)
			require.Equal(t, got, w.Read(lower(word)))
			require.Equal(t, s.Pending(), got.Pending(), "%s", s)
			require.LessOrEqual(t, got.rank(), s.rank(), "%s", s)
			require.Equal(t, lower(word), lower(w.Write(got)))
			require.Equal(t, slices.Contains(pending, lower(word)), got.Pending(), "the database knows it as pending, too")
			if shared[lower(word)] == 1 {
				require.Equal(t, s, got)
			}
		}
		for _, word := range pending {
			require.True(t, w.Read(word).Pending(), word)
		}
	})
}

// All SQL has the words of this package, spelled in the same way: the planner uses a
// partial index only for the very condition of the index.
func TestSQLHasTheWords(t *testing.T) {
	t.Parallel()
	pending, known := slices.Sorted(maps.Keys(pendingWords)), slices.Sorted(slices.Values(append(PendingWords(), EndedWords()...)))
	files, err := filepath.Glob("../sql/*.sql")
	require.NoError(t, err)
	array := regexp.MustCompile(`COLLATE "C"\) = ANY \('\{([^}]*)\}'`)
	texts := map[string]int{}
	for _, file := range append(files, "../migrations/00019_status_words.sql", "../feed/wal/publication.go") {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range array.FindAllStringSubmatch(string(text), -1) {
			words := slices.Sorted(slices.Values(strings.Split(strings.ReplaceAll(m[1], `"`, ""), ",")))
			if len(words) > len(pending) {
				require.Equal(t, known, words, file)
			} else {
				require.Equal(t, pending, words, file)
			}
			texts[m[1]]++
		}
		if !strings.Contains(file, "00019") {
			require.NotContains(t, string(text), "status IN ('submitted'", file)
		}
	}
	require.Len(t, texts, 2, "each of the two lists has one order")
}

// A row that may not be submitted yet never ends, and its time begins with the id.
func TestRowsThatWaitForTheirTask(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]bool{
		"pending": true, "Created": true, "NEW": true, "waiting": true, "in_progress": true, "submitted": false, "QUEUED": false, "processing": false, "draft": false, "": false,
	} {
		require.Equal(t, want, MayBeUnsubmitted(word), word)
	}
	p, began := DefaultPolicy(), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	g := Generation{ID: "g", Type: Generate, Status: Submitted, Unsubmitted: true, CreatedAt: began}
	d := p.Decide(began.Add(time.Second), g, nil, Seen{})
	require.Equal(t, ReasonNoTaskID, d.Reason)
	require.False(t, d.Writes(g), "nearly every row has its id soon")
	now := began.Add(100 * time.Hour)
	d = p.Decide(now, g, nil, Seen{})
	require.Equal(t, Submitted, d.Status)
	require.Equal(t, now.Add(awaitMost), d.Next)
	require.Equal(t, began.Add(time.Hour+overdueMost), p.Decide(began.Add(time.Hour), g, nil, Seen{}).Next)
	g.Memory = d.Memory
	require.False(t, p.Decide(now.Add(time.Hour), g, nil, Seen{}).Writes(g), "noted once")

	g.TaskID, g.Unsubmitted = "task", false // submitted at last
	now = now.Add(2 * time.Hour)
	require.False(t, p.Overdue(now, g))
	d = p.Decide(now, g, nil, Seen{AskedAt: now, Observation: &Observation{TaskID: "task", Status: Processing}})
	require.Equal(t, Processing, d.Status)
	require.Equal(t, now, d.Memory.BeganAt)
	g.Memory, g.Status = d.Memory, d.Status
	require.Equal(t, now.Add(p.Timeout), p.Deadline(now.Add(time.Minute), g))
	late := now.Add(p.Timeout + time.Second)
	d = p.Decide(late, g, nil, Seen{AskedAt: late, Observation: &Observation{TaskID: "task", Status: Processing}})
	require.Equal(t, Failed, d.Status, "in its own time")
}
