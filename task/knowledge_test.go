package task

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var (
	down    = refused(Failure{Verdict: Transient, Reason: "http_5xx"})
	unsent  = refused(Failure{Verdict: Transient, Reason: "rate_limited_locally", Unsent: true})
	noMoney = refused(Failure{Verdict: Account, Reason: "credits"})
	paused  = refused(Failure{Verdict: Account, Reason: "account_paused", Unsent: true})
	noCall  = refused(Failure{Verdict: Transient, Reason: ReasonNoCall})
	gone    = refused(Failure{Verdict: UnknownTask, Reason: "unknown_task"})
)

// Whatever kept the look at the deadline from being answered, the row waits for
// an answer, and then ends as the task has ended.
func TestADeadlineWithoutAnAnswerEndsNothing(t *testing.T) {
	t.Parallel()
	for name, seen := range map[string]Seen{
		"not asked": {}, "down": down, "own limit": unsent, "no money": noMoney, "paused": paused, "wrong address": noCall, "unknown once": gone,
	} {
		w := newWorld(Generate, rows("t-generate-0", "t-generate-1")...).at(DefaultTimeout)
		d := w.lookStrictly(t, seen)
		require.Equal(t, Submitted, d.Status, name)
		require.Empty(t, d.Clips, name)
		require.LessOrEqual(t, d.Next.Sub(w.now), time.Minute, name)
		require.Equal(t, name != "not asked" && name != "own limit" && name != "paused", !w.g.Memory.AskedAt.IsZero(), name)

		w.at(DefaultTimeout + 4*time.Second)
		require.Equal(t, Complete, w.lookStrictly(t, saw(Complete, song(idA), song(idB))).Status, name)
		require.Zero(t, w.g.Memory, name)
	}
}

// An answer that is under way at the deadline says how the task stood before it.
func TestAnAnswerToAnEarlierLookEndsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(Generate).at(DefaultTimeout + time.Second)
	seen := saw(Processing)
	seen.AskedAt = born.Add(DefaultTimeout - 1)
	d := w.lookStrictly(t, seen)
	require.Equal(t, Processing, d.Status)
	require.Equal(t, w.now.Add(deadlineMargin), d.Next, "the look that ends the row is due")
	w.now = d.Next
	require.Equal(t, Failed, w.lookStrictly(t, saw(Processing)).Status)
	require.Equal(t, timedOut, w.g.ErrorMessage)
}

func TestTheGraceEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(Generate, rows("t-generate-0")...).at(DefaultTimeout + 20*time.Minute)
	w.lookStrictly(t, unsent)
	w.at(DefaultTimeout + 30*time.Minute)
	w.lookStrictly(t, down) // the first that is sent
	require.Equal(t, w.now, w.g.Memory.AskedAt)
	w.at(DefaultTimeout + 90*time.Minute - 1)
	require.Equal(t, Submitted, w.lookStrictly(t, down).Status)
	w.at(DefaultTimeout + 90*time.Minute)
	for _, unasked := range []Seen{unsent, {}} {
		require.Equal(t, Submitted, w.lookStrictly(t, unasked).Status, "the next look may well be answered")
	}
	d := w.lookStrictly(t, down)
	require.Equal(t, Failed, d.Status)
	require.True(t, d.TimedOut)
	require.Equal(t, timedOut+" The provider could not be asked since 2026-03-01T12:40:00Z (http_5xx).", d.ErrorMessage)
	require.Equal(t, map[string]Status{"t-generate-0": Failed}, w.statuses())
}

// While the account is paused, or the address is wrong, the grace stands still.
func TestTheGraceStandsStillWhileNoProviderCanBeAsked(t *testing.T) {
	t.Parallel()
	for name, held := range map[string]Seen{"no money": noMoney, "wrong address": noCall} {
		w := newWorld(Generate).at(DefaultTimeout)
		w.lookStrictly(t, down)
		w.at(DefaultTimeout+10*time.Minute).lookStrictly(t, held)
		w.at(DefaultTimeout+time.Hour).lookStrictly(t, paused)
		w.at(24*time.Hour).lookStrictly(t, unsent)
		require.Equal(t, Submitted, w.g.Status, name)
		w.at(25*time.Hour).lookStrictly(t, down) // 10 min of its hour were over when it stopped
		require.Equal(t, Submitted, w.at(25*time.Hour+50*time.Minute-1).lookStrictly(t, down).Status, name)
		require.Equal(t, Failed, w.at(25*time.Hour+50*time.Minute).lookStrictly(t, down).Status, name)
	}
}

func TestOverdueLooksAreSpacedMoreAndMore(t *testing.T) {
	t.Parallel()
	w := newWorld(Generate).at(DefaultTimeout)
	var last time.Duration
	looks := 0
	for w.g.Status.Pending() {
		d := w.lookStrictly(t, down)
		if d.Status.Pending() {
			wait := d.Next.Sub(w.now)
			require.GreaterOrEqual(t, wait, last)
			require.LessOrEqual(t, wait, overdueMost)
			last, w.now = wait, d.Next
		}
		looks++
	}
	require.Less(t, looks, 30)
	require.GreaterOrEqual(t, w.now.Sub(born), DefaultTimeout+DefaultGrace)
}

func TestCreatedAtInTheFutureIsTheFirstHearing(t *testing.T) {
	t.Parallel()
	w := newWorld(Generate)
	w.g.CreatedAt = born.Add(8 * time.Hour)
	w.at(0).lookStrictly(t, saw(Processing))
	require.Equal(t, born, w.g.Memory.BeganAt)
	require.Equal(t, Processing, w.at(DefaultTimeout-1).lookStrictly(t, saw(Processing)).Status)
	require.Equal(t, Failed, w.at(DefaultTimeout).lookStrictly(t, saw(Processing)).Status)

	w = newWorld(Generate).at(-clockSkew) // a clock that is a little wrong costs no memory
	w.lookStrictly(t, saw(Processing))
	require.Zero(t, w.g.Memory)
}

func TestDoubtsBeginAnewWhenTheTaskIsKnown(t *testing.T) {
	t.Parallel()
	w := newWorld(Generate).at(time.Minute)
	for i := range 10 {
		w.at(time.Duration(1+i) * 30 * time.Second)
		require.True(t, w.lookStrictly(t, gone).Status.Pending())
		if i%2 == 1 {
			w.lookStrictly(t, saw(Processing))
			require.Zero(t, w.g.Memory.Doubts)
		}
	}
	w.lookStrictly(t, gone)
	doubts := w.g.Memory.Doubts
	w.lookStrictly(t, down)
	require.Equal(t, doubts, w.g.Memory.Doubts, "a failed call is no answer")
}

func TestAnUnknownTaskWithResultsWaitsForItsDeadline(t *testing.T) {
	t.Parallel()
	w := newWorld(Generate)
	w.lookStrictly(t, saw(Streaming, song(idA)))
	for _, age := range []time.Duration{time.Minute, 3 * time.Minute, 5 * time.Minute, 9 * time.Minute} {
		require.Equal(t, Streaming, w.at(age).lookStrictly(t, gone).Status)
	}
	d := w.at(DefaultTimeout).lookStrictly(t, gone)
	require.Equal(t, Complete, d.Status)
	require.True(t, d.TimedOut)
	require.Equal(t, audioOf(idA), w.clip(t, idA).AudioURL)
}

// A refusal that counts only when it is repeated takes no results away either.
func TestAProvisionalRefusalKeepsTheResults(t *testing.T) {
	t.Parallel()
	no := refused(Failure{Verdict: Permanent, Code: InvalidRequest, Provisional: true, Message: "conflict"})
	w := newWorld(Generate)
	w.lookStrictly(t, saw(Streaming, song(idA)))
	for _, age := range []time.Duration{time.Minute, 3 * time.Minute, 9 * time.Minute} {
		require.Equal(t, Streaming, w.at(age).lookStrictly(t, no).Status)
	}
	d := w.at(DefaultTimeout).lookStrictly(t, no)
	require.Equal(t, Complete, d.Status)
	require.True(t, d.TimedOut)
	require.Equal(t, audioOf(idA), w.clip(t, idA).AudioURL)
}

// A provider that knows no task at all is in trouble, or is the wrong one.
func TestADoubtEndsNothingUnlessTheProviderIsVouchedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(Generate).at(0)
	look := func(vouch Vouch) Decision {
		seen := gone
		seen.AskedAt, seen.Vouch = w.now, vouch
		return w.policy.Decide(w.now, w.g, nil, seen)
	}
	w.commit(t, look(VouchUnasked))
	w.commit(t, w.at(30*time.Second).decide(gone))
	require.False(t, look(VouchUnasked).Vouch, "not before it would end the row")
	w.at(time.Minute)
	d := look(VouchUnasked)
	require.True(t, d.Vouch)
	require.False(t, d.Writes(w.g))
	d = look(NotVouched)
	require.Equal(t, Submitted, d.Status)
	require.Equal(t, ReasonKnowsNone, d.Reason)
	require.Equal(t, Failed, look(Vouched).Status)

	w.at(DefaultTimeout)
	w.commit(t, look(NotVouched))
	require.Equal(t, Submitted, w.g.Status, "not at the deadline either")
	w.at(DefaultTimeout + DefaultGrace)
	d = look(NotVouched)
	require.Equal(t, Failed, d.Status)
	require.Contains(t, d.ErrorMessage, ReasonKnowsNone)
}

// A code that may mean the end of the task, or trouble at the provider.
func TestProvisionalVerdicts(t *testing.T) {
	t.Parallel()
	refund := Failure{Verdict: TaskDead, Provisional: true, Message: "credits were refunded", Confirm: Confirmation{Answers: 2, Over: 10 * time.Second}}
	invalid := Failure{Verdict: Permanent, Provisional: true, Code: InvalidRequest, Message: "cannot fetch the audio"}
	for _, c := range []struct {
		f    Failure
		over time.Duration
		code Code
	}{{refund, 10 * time.Second, APIError}, {invalid, time.Minute, InvalidRequest}} {
		w := newWorld(Generate).at(0)
		require.Equal(t, Submitted, w.lookStrictly(t, refused(c.f)).Status)
		require.Equal(t, Submitted, w.at(c.over-1).lookStrictly(t, refused(c.f)).Status)
		require.Equal(t, Failed, w.at(c.over).lookStrictly(t, refused(c.f)).Status)
		require.Equal(t, c.code, w.g.ErrorCode)
		require.Equal(t, c.f.Message, w.g.ErrorMessage)
	}
}

// The provider calls the task complete and has no audio: after a minute the
// audio is looked for at the CDN, and only a URL that plays counts.
func TestCompleteWithoutAudio(t *testing.T) {
	t.Parallel()
	bare := saw(Complete, Item{ID: idA, Status: Complete, Title: "Song"}, song(idB))
	w := newWorld(Generate).at(time.Minute)
	d := w.lookStrictly(t, bare)
	require.Empty(t, d.Probe)
	require.Equal(t, Streaming, d.Status)
	w.now = w.now.Add(audioWait - 1)
	d = w.lookStrictly(t, bare)
	require.Empty(t, d.Probe)
	require.Equal(t, w.now.Add(1), d.Next, "the rule is due")
	w.now = w.now.Add(1)
	require.Equal(t, []string{CDNURL(idA)}, w.lookStrictly(t, bare).Probe)
	for _, found := range []Probe{ProbeRefused, ProbeNoAnswer} {
		bare.Probes = map[string]Probe{CDNURL(idA): found}
		require.Equal(t, Streaming, w.lookStrictly(t, bare).Status)
	}
	bare.Probes = map[string]Probe{CDNURL(idA): ProbePlayable}
	d = w.lookStrictly(t, bare)
	require.Equal(t, Complete, d.Status)
	require.False(t, d.TimedOut)
	require.Equal(t, CDNURL(idA), w.clip(t, idA).AudioURL)
}

// A value of tasksync's that the application has overwritten stays as the
// application wrote it, whichever text is the greater one.
func TestTheApplicationsOwnValuesStay(t *testing.T) {
	t.Parallel()
	for _, own := range []string{"https://aaa.example/copy.mp3", "https://zzz.example/copy.mp3"} {
		w := newWorld(Generate, rows("t-generate-0", "t-generate-1")...)
		w.lookStrictly(t, saw(Streaming, song(idA), Item{ID: idB, Status: Streaming, StreamAudioURL: streamOf(idB), Title: "B"}))
		for i := range w.clips {
			w.clips[i].Title = own
			if w.clips[i].ClipID == idA {
				w.clips[i].AudioURL, w.clips[i].Duration = own, 1
			}
		}
		w.lookStrictly(t, saw(Streaming, song(idA), Item{ID: idB, Status: Streaming, StreamAudioURL: streamOf(idB), Title: "C"}))
		d := w.lookStrictly(t, saw(Complete, song(idA), song(idB)))
		require.Equal(t, Complete, d.Status)
		require.Equal(t, own, w.clip(t, idA).AudioURL)
		require.InDelta(t, 1, w.clip(t, idA).Duration, 0)
		require.Equal(t, own, w.clip(t, idB).Title)
		require.Equal(t, audioOf(idB), w.clip(t, idB).AudioURL, "what it did not touch goes on")
	}
	w := newWorld(Generate)
	w.lookStrictly(t, saw(Streaming, song(idA)))
	w.clips[0].AudioURL = "" // emptied: filled again
	w.lookStrictly(t, saw(Streaming, song(idA)))
	require.Equal(t, audioOf(idA), w.clip(t, idA).AudioURL)
}

// drawSight returns anything that a look can bring, except a result or a
// refusal.
func drawSight(t *rapid.T, now time.Time) Seen {
	seen := rapid.SampledFrom([]Seen{{}, down, unsent, noMoney, paused, noCall, gone, saw(Processing), saw(Complete), saw("")}).Draw(t, "sight")
	seen.AskedAt = now.Add(-time.Duration(rapid.IntRange(0, 20).Draw(t, "took")) * time.Second)
	seen.Vouch = rapid.SampledFrom([]Vouch{VouchUnasked, Vouched, NotVouched}).Draw(t, "vouch")
	return seen
}

// A row that the provider never refused does not fail, whatever the sequence of
// answers, failures, pauses and steps of the clock, without an answer to a look
// at or after its deadline, or the end of its grace. Three doubts of a provider
// that is vouched for are such an answer at any time.
func TestARowEndsOnlyOnKnowledge(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(rapid.SampledFrom(lifeTypes).Draw(t, "type"), rows("t-clip-1")...).at(0)
		var firstSent time.Time
		doubts := 0
		for range rapid.IntRange(1, 60).Draw(t, "looks") {
			w.now = w.now.Add(time.Duration(rapid.IntRange(-60, 900).Draw(t, "step")) * time.Second)
			seen := drawSight(t, w.now)
			deadline := w.policy.Deadline(w.now, w.g)
			late := !w.now.Before(deadline) && !seen.AskedAt.Before(deadline)
			var f *Failure
			if seen.Observation != nil {
				f = seen.Observation.Failure
			}
			answered := seen.Observation != nil && f == nil
			sent := seen.Observation != nil && (f == nil || !f.Unsent)
			if late && sent && firstSent.IsZero() {
				firstSent = seen.AskedAt
			}
			switch {
			case answered:
				doubts = 0
			case f != nil && f.Verdict == UnknownTask:
				doubts++
			}
			d := w.lookStrictly(t, seen)
			if !d.Status.Terminal() {
				continue
			}
			byAnswer := late && answered
			byDoubts := doubts >= 3 && seen.Vouch != NotVouched
			byGrace := sent && !firstSent.IsZero() && w.now.Sub(firstSent) >= DefaultGrace
			require.True(t, byAnswer || byDoubts || byGrace, "ended by %+v at %s", seen, w.now.Sub(born))
			for _, c := range w.clips {
				require.True(t, c.Status.Terminal(), "an end with a clip under way")
			}
			return
		}
	})
}
