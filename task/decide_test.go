package task

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRowsThatAreNotOursAreLeftAlone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		typ    Type
		status Status
		reason string
	}{
		"V1 row":                 {"", Submitted, ReasonNotPending},
		"V1 row, ended":          {"", Complete, ReasonNotPending},
		"complete":               {Extend, Complete, ReasonNotPending},
		"failed":                 {Lyrics, Failed, ReasonNotPending},
		"a status of others":     {Extend, "cancelled", ReasonNotPending},
		"an unknown task type":   {"cover", Processing, ReasonUnknownType},
		"unknown type, terminal": {"cover", Failed, ReasonNotPending},
	} {
		for _, age := range []time.Duration{0, time.Hour} {
			for _, seen := range []Seen{{}, saw(Complete, song(idA)), saw(Failed), refused(Failure{Verdict: Permanent, Code: Copyrighted})} {
				w := newWorld(c.typ, rows("t-extend-0")...).at(age)
				w.g.Status = c.status
				d := w.decide(seen)
				require.Equal(t, Decision{Outcome: OutcomeSkipped, Reason: c.reason, Status: c.status}, d, name)
				require.False(t, d.Writes(w.g), name)
			}
		}
	}
	zero := Policy{}.Decide(born, generation(Extend), nil, saw(Complete, song(idA)))
	require.Equal(t, ReasonUnknownType, zero.Reason, "the zero Policy has no handlers")
}

func TestProgress(t *testing.T) {
	t.Parallel()
	w := newWorld(Extend, rows("t-extend-0", "t-extend-1")...)

	d := w.lookStrictly(t, saw(Queued))
	require.Equal(t, Decision{Outcome: OutcomeSynced, Status: Queued, Next: w.now.Add(15 * time.Second)}, d)

	d = w.lookStrictly(t, saw(Queued))
	require.Equal(t, Decision{Outcome: OutcomeSkipped, Reason: ReasonUnchanged, Status: Queued, Next: w.now.Add(15 * time.Second)}, d)

	d = w.lookStrictly(t, saw(Streaming, song(idA), Item{ID: idB, Status: Streaming, StreamAudioURL: streamOf(idB)}))
	require.Equal(t, OutcomeSynced, d.Outcome)
	require.Equal(t, Streaming, d.Status)
	require.Len(t, d.Clips, 2)

	d = w.lookStrictly(t, saw(Submitted))
	require.Equal(t, Streaming, d.Status, "status went back")

	d = w.lookStrictly(t, saw(Complete, song(idA), song(idB)))
	require.Equal(t, OutcomeSynced, d.Outcome)
	require.Equal(t, Complete, d.Status)
	require.Len(t, d.Clips, 1, "the first clip had all of it before")
	require.Zero(t, d.Next)
	require.False(t, d.TimedOut)

	require.Equal(t, ReasonNotPending, w.lookStrictly(t, saw(Failed)).Reason)
}

func TestEnds(t *testing.T) {
	t.Parallel()
	refusal := &Failure{Verdict: Permanent, Code: Copyrighted, Message: "Lyrics contained copyrighted material", Reason: "refused"}
	bad := func(f *Failure) Item { return Item{ID: idA, Status: Failed, Failure: f} }
	for name, c := range map[string]struct {
		seen    Seen
		status  Status
		code    Code
		message string
	}{
		"all complete":                      {saw(Complete, song(idA), song(idB)), Complete, "", ""},
		"one complete of two":               {saw(Complete, song(idA), Item{ID: idB, Status: Failed}), Complete, "", ""},
		"items only":                        {saw("", song(idA), song(idB)), Complete, "", ""},
		"all items failed":                  {saw(Complete, bad(refusal), Item{ID: idB, Status: Failed}), Failed, Copyrighted, refusal.Message},
		"none of them says":                 {saw("", bad(nil), Item{ID: idB, Status: Failed}), Failed, APIError, "The provider failed the task without saying why."},
		"the task failed":                   {saw(Failed), Failed, APIError, "The provider failed the task without saying why."},
		"and an item says why":              {saw(Failed, bad(refusal)), Failed, Copyrighted, refusal.Message},
		"permanent":                         {refused(*refusal), Failed, Copyrighted, refusal.Message},
		"permanent for a call":              {refused(Failure{Verdict: Permanent, Code: InvalidRequest, Message: "prompt is required"}), Failed, InvalidRequest, "prompt is required"},
		"task dead":                         {refused(Failure{Verdict: TaskDead, Message: "Internal Error, Please try again later."}), Failed, APIError, "Internal Error, Please try again later."},
		"without a text":                    {refused(Failure{Verdict: TaskDead}), Failed, APIError, "The provider failed the task without saying why."},
		"SUCCESS without items":             {saw(Complete), Processing, "", ""},
		"SUCCESS with an unfinished item":   {saw(Complete, song(idA), Item{ID: idB, Status: Processing}), Streaming, "", ""},
		"SUCCESS with a nameless such":      {saw(Complete, song(idA), Item{Status: Processing}), Streaming, "", ""},
		"SUCCESS with the sentinel":         {saw(Complete, Item{ID: idA, Status: Complete, AudioURL: "https://studio-api.prod.suno.com/api/forbidden"}), Processing, "", ""},
		"SUCCESS with an audiopipe URL":     {saw(Complete, Item{ID: idA, Status: Complete, AudioURL: "https://audiopipe.suno.ai/?item_id=a"}), Streaming, "", ""},
		"items only, one of two":            {saw("", song(idA)), Streaming, "", ""},
		"a word that is none of ours":       {saw("dancing", song(idA), song(idB)), Streaming, "", ""},
		"no such word with failed items":    {saw("dancing", bad(nil)), Submitted, "", ""},
		"all items failed but it goes on":   {saw(Processing, bad(nil), bad(nil)), Processing, "", ""},
		"all items complete but it goes on": {saw(Processing, song(idA), song(idB)), Streaming, "", ""},
	} {
		w := newWorld(Extend)
		d := w.lookStrictly(t, c.seen)
		require.Equal(t, c.status, d.Status, name)
		require.Equal(t, c.code, d.ErrorCode, name)
		require.Equal(t, c.message, d.ErrorMessage, name)
		require.Equal(t, c.status.Terminal(), d.Next.IsZero(), name)
		if c.status == Failed {
			require.Equal(t, OutcomeFailed, d.Outcome, name)
			require.Equal(t, string(c.code), d.Reason, name)
		}
	}
}

// A generation that fails takes its clips along, except those that have ended
// well.
func TestFailureKeepsWhatIsThere(t *testing.T) {
	t.Parallel()
	w := newWorld(Extend, rows("t-extend-0", "t-extend-1")...)
	w.lookStrictly(t, saw(Streaming, song(idA)))
	w.lookStrictly(t, refused(Failure{Verdict: TaskDead, Message: "job failed"}, Item{ID: idB, Title: "Second", StreamAudioURL: streamOf(idB)}))
	require.Equal(t, Failed, w.g.Status)
	require.Equal(t, map[string]Status{idA: Complete, idB: Failed}, w.statuses())
	require.Equal(t, audioOf(idA), w.clip(t, idA).AudioURL)
	require.Equal(t, "Second", w.clip(t, idB).Title)
}

func TestErrorTextsAreRedacted(t *testing.T) {
	t.Parallel()
	w := newWorld(Extend)
	d := w.lookStrictly(t, refused(Failure{Verdict: Permanent, Code: InvalidRequest, Message: "cannot download https://u:p@x.example/a.mp3?token=abc\x00 " + strings.Repeat("!", 5000)}))
	require.True(t, strings.HasPrefix(d.ErrorMessage, "cannot download https://x.example/a.mp3 !!!"), d.ErrorMessage)
	require.Len(t, d.ErrorMessage, maxMessage)
}

func TestTransientFailuresKeepTheRowPending(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		seen   Seen
		taskID string
		reason string
	}{
		"a failed call":       {refused(Failure{Verdict: Transient, Reason: "http_5xx"}), "t", "http_5xx"},
		"one without reason":  {refused(Failure{Verdict: Transient}), "t", "transient"},
		"an account failure":  {refused(Failure{Verdict: Account, Reason: "no_credits"}), "t", "no_credits"},
		"not reported":        {Seen{}, "t", ReasonNotReported},
		"missing task_id":     {Seen{}, "", ReasonNoTaskID},
		"unknown, at first":   {refused(Failure{Verdict: UnknownTask, Reason: "unknown_task"}), "t", "unknown_task"},
		"a verdict of nobody": {refused(Failure{Verdict: -1, Reason: "?"}), "t", "?"},
	} {
		w := newWorld(Extend, rows("t-extend-0")...)
		w.g.TaskID, w.g.Status = c.taskID, Queued
		d := w.lookStrictly(t, c.seen)
		require.Equal(t, c.reason == "unknown_task", d.Memory.Doubts == 1, name)
		d.Memory.Doubts, d.Memory.DoubtedAt = 0, time.Time{}
		require.Equal(t, Decision{Outcome: OutcomeSkipped, Reason: c.reason, Status: Queued, Next: w.now.Add(15 * time.Second)}, d, name)
	}
}

func TestATransientFailureKeepsTheItemsThatCameWithIt(t *testing.T) {
	t.Parallel()
	w := newWorld(Extend, rows("t-extend-0", "t-extend-1")...)
	d := w.lookStrictly(t, refused(Failure{Verdict: Transient, Reason: "cut_off", RetryAfter: time.Minute}, song(idA)))
	require.Equal(t, OutcomeSynced, d.Outcome)
	require.Equal(t, "cut_off", d.Reason)
	require.Equal(t, Submitted, d.Status, "a failed call says nothing of the task")
	require.Equal(t, w.now.Add(time.Minute), d.Next)
	require.Equal(t, map[string]Status{idA: Complete, "t-extend-1": Submitted}, w.statuses())

	// Not even when all of them are there: the next look will tell.
	require.Equal(t, Submitted, w.lookStrictly(t, refused(Failure{}, song(idA), song(idB))).Status)
	require.Equal(t, Complete, w.lookStrictly(t, saw(Complete, song(idA), song(idB))).Status)
}

func TestAnAccountFailureTouchesNoRow(t *testing.T) {
	t.Parallel()
	w := newWorld(Extend, rows("t-extend-0")...)
	d := w.lookStrictly(t, refused(Failure{Verdict: Account, RetryAfter: time.Minute}, song(idA), song(idB)))
	require.Equal(t, OutcomeSkipped, d.Outcome)
	require.False(t, d.Writes(w.g))
	require.Equal(t, w.now.Add(time.Minute), d.Next)
}

// One answer that a task is unknown is no knowledge: it counts from the third
// on, over a minute, however old the row is and whether the task was known
// before.
func TestAnUnknownTaskIsDeadWhenConfirmed(t *testing.T) {
	t.Parallel()
	unknown := func(text string) Seen { return refused(Failure{Verdict: UnknownTask, Message: text}) }
	for _, age := range []time.Duration{0, time.Minute, 5 * time.Minute} {
		w := newWorld(Extend, rows("t-extend-0")...).at(age)
		w.lookStrictly(t, saw(Processing))
		for _, later := range []time.Duration{1, 30 * time.Second, time.Minute} {
			require.Equal(t, Processing, w.at(age+later).lookStrictly(t, unknown("record not found")).Status)
		}
		d := w.at(age+time.Minute+1).lookStrictly(t, unknown("record not found"))
		require.Equal(t, Failed, d.Status)
		require.Equal(t, APIError, d.ErrorCode)
		require.Equal(t, "record not found", d.ErrorMessage)
		require.False(t, d.TimedOut)
	}
	w := newWorld(Extend).at(0)
	w.lookStrictly(t, unknown(""))
	require.Equal(t, Submitted, w.at(2*time.Minute).lookStrictly(t, unknown("")).Status, "two are not enough, over any time")
	require.Equal(t, "The provider does not know this task.", w.at(3*time.Minute).lookStrictly(t, unknown("")).ErrorMessage)
}

func TestLyrics(t *testing.T) {
	t.Parallel()
	w := newWorld(Lyrics, rows("t-lyrics-0", "t-lyrics-1")...)
	d := w.lookStrictly(t, saw(Complete, Item{Status: Complete, Title: "One", Lyrics: "la", AudioURL: audioOf("x")}, Item{Status: Complete, Title: "Two", Lyrics: "lu"}))
	require.Equal(t, Complete, d.Status)
	require.Equal(t, Clip{ID: "row0", GenerationID: "g", ClipID: "t-lyrics-0", Status: Complete, Title: "One", Lyrics: "la"}, w.clip(t, "t-lyrics-0"))
	require.Equal(t, "lu", w.clip(t, "t-lyrics-1").Lyrics)
}

func TestFailureIsAnError(t *testing.T) {
	t.Parallel()
	require.EqualError(t, &Failure{Reason: "http_5xx"}, "http_5xx (transient)")
	require.EqualError(t, &Failure{Verdict: Account, Reason: "credits", Message: "no credits"}, "credits (account): no credits")
	for verdict, want := range map[Verdict]string{UnknownTask: "unknown_task", TaskDead: "task_dead", Permanent: "permanent", 9: "verdict(9)"} {
		require.Equal(t, want, verdict.String())
	}
}

// A provider that ends a task after one of two songs has made a song.
func TestDeadTaskWithACompleteResult(t *testing.T) {
	t.Parallel()
	done := Item{ID: idA, AudioURL: "https://cdn.example/a.mp3"}
	for verdict, want := range map[Verdict]Status{TaskDead: Complete, Permanent: Failed} {
		w := newWorld(Extend)
		w.lookStrictly(t, refused(Failure{Verdict: verdict, Code: APIError, Message: "job failed"}, done, Item{ID: idB, StreamAudioURL: streamOf(idB)}))
		require.Equal(t, want, w.g.Status)
		require.Equal(t, Complete, w.byClipID()[idA].Status)
		require.Equal(t, Failed, w.byClipID()[idB].Status)
	}
}
