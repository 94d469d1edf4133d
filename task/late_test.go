package task

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// lookLate decides and commits a look at an ended row, as syncer does.
func (w *world) lookLate(t require.TestingT, seen Seen) Decision {
	if seen.AskedAt.IsZero() && seen.Observation != nil {
		seen.AskedAt = w.now
	}
	d := w.policy.DecideLate(w.now, w.g, w.clips, seen)
	if d.Late && d.Status == Failed {
		w.g.Memory = d.Memory
		return d
	}
	w.commit(t, d)
	return d
}

func endedInVain(t *testing.T, mode LateMode) *world {
	t.Helper()
	w := newWorld(Generate, rows("t-generate-0", "t-generate-1")...).at(DefaultTimeout)
	w.policy.Late = mode
	w.lookStrictly(t, saw(Processing))
	require.Equal(t, Failed, w.g.Status)
	return w
}

func TestALateResultCompletesTheRow(t *testing.T) {
	t.Parallel()
	w := endedInVain(t, LateComplete)
	require.Equal(t, w.now.Add(2*time.Minute), w.g.Memory.LateAt)
	w.now = w.g.Memory.LateAt
	require.Equal(t, w.now.Add(8*time.Minute), w.lookLate(t, saw(Processing)).Next)
	w.now = w.g.Memory.LateAt
	d := w.lookLate(t, saw(Complete, song(idA), song(idB)))
	require.True(t, d.Late)
	require.Equal(t, Complete, w.g.Status)
	require.Equal(t, map[string]Status{idA: Complete, idB: Complete}, w.statuses())
	require.Equal(t, audioOf(idB), w.clip(t, idB).AudioURL)
	require.Zero(t, w.g.Memory)
}

func TestALateResultIsKeptBesideTheRow(t *testing.T) {
	t.Parallel()
	w := endedInVain(t, LateEvent)
	before := w.clone()
	d := w.lookLate(t, saw(Complete, song(idA), Item{ID: idB, Status: Failed}))
	require.True(t, d.Late)
	require.Equal(t, Failed, d.Status)
	require.Equal(t, before.clips, w.clips)
	require.Zero(t, d.Memory)
	require.Len(t, d.Clips, 2)
	require.Equal(t, idA, d.Clips[0].ClipID)
	require.Equal(t, audioOf(idA), d.Clips[0].AudioURL)
}

func TestLateLooksComeToAnEnd(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		seen  Seen
		looks int // at most
		least int
	}{
		"it goes on":  {saw(Processing), 5, 5},
		"unknown":     {gone, 5, 5},
		"no answer":   {down, 40, 10},
		"not sent":    {unsent, 40, 10},
		"it has died": {refused(Failure{Verdict: TaskDead}), 1, 1},
		"refused":     {refused(Failure{Verdict: Permanent, Code: Copyrighted}), 1, 1},
	} {
		w := endedInVain(t, LateComplete)
		looks := 0
		for !w.g.Memory.LateAt.IsZero() {
			require.True(t, w.g.Memory.LateAt.After(w.now), name)
			w.now = w.g.Memory.LateAt
			w.lookLate(t, c.seen)
			looks++
			require.LessOrEqual(t, looks, c.looks, name)
		}
		require.GreaterOrEqual(t, looks, c.least, name)
		require.LessOrEqual(t, w.now.Sub(born), DefaultTimeout+25*time.Hour+time.Hour, name)
		require.Equal(t, Failed, w.g.Status, name)
	}
}

func TestOnlyARowThatItsDeadlineEndedHasALateResult(t *testing.T) {
	t.Parallel()
	result := saw(Complete, song(idA), song(idB))
	for name, change := range map[string]func(*world){
		"off":                          func(w *world) { w.policy.Late = LateOff },
		"another code":                 func(w *world) { w.g.ErrorCode = Copyrighted },
		"a text of the application's":  func(w *world) { w.g.ErrorMessage = "Cancelled by the user" },
		"pending again":                func(w *world) { w.g.Status = Submitted },
		"a status of its own":          func(w *world) { w.g.Status = "refunded" },
		"nothing is remembered of it":  func(w *world) { w.g.Memory = Memory{} },
		"a type that is not there now": func(w *world) { w.g.Type = "cover" },
	} {
		w := endedInVain(t, LateComplete)
		change(w)
		before := w.clone()
		d := w.lookLate(t, result)
		require.False(t, d.Late, name)
		require.Zero(t, d.Memory, name)
		require.Equal(t, before.g.Status, w.g.Status, name)
		require.Equal(t, before.clips, w.clips, name)
	}
	w := newWorld(Generate).at(time.Minute)
	w.lookStrictly(t, refused(Failure{Verdict: Permanent, Code: Copyrighted}))
	require.Zero(t, w.g.Memory, "a refusal is no time-out")
	w = newWorld(Generate).at(DefaultTimeout)
	w.g.TaskID = ""
	w.lookStrictly(t, Seen{})
	require.Equal(t, Failed, w.g.Status)
	require.Zero(t, w.g.Memory, "there is nothing to ask for")
}

func TestAPreviewGetsItsFinalAudio(t *testing.T) {
	t.Parallel()
	preview := func(id string) Item { return Item{ID: id, Status: Streaming, StreamAudioURL: streamOf(id)} }
	for _, mode := range []LateMode{LateEvent, LateComplete} {
		w := newWorld(Generate).at(DefaultTimeout)
		w.policy.Late = mode
		seen := saw(Streaming, preview(idA), preview(idB))
		seen.Probes = map[string]Probe{CDNURL(idA): ProbeDead, CDNURL(idB): ProbeDead}
		require.Equal(t, Complete, w.lookStrictly(t, seen).Status)
		require.False(t, w.g.Memory.LateAt.IsZero())

		require.False(t, w.lookLate(t, seen).Late, "nothing new")
		w.clips[1].AudioURL = "https://own.example/b.mp3" // a copy of the application's
		w.clips[0].ImageURL = "https://own.example/a.jpg" // likewise
		d := w.lookLate(t, saw(Complete, song(idA), song(idB)))
		require.True(t, d.Late)
		require.Equal(t, Complete, w.g.Status)
		require.Equal(t, audioOf(idA), w.clip(t, idA).AudioURL)
		require.Equal(t, streamOf(idA), w.clip(t, idA).StreamAudioURL)
		require.InDelta(t, 61.5, w.clip(t, idA).Duration, 0, "what was not known before")
		require.Equal(t, "https://own.example/b.mp3", w.clip(t, idB).AudioURL)
		require.Equal(t, "https://own.example/a.jpg", w.clip(t, idA).ImageURL)
		require.Zero(t, w.g.Memory)
	}
	w := newWorld(Generate).at(DefaultTimeout)
	w.lookStrictly(t, saw(Streaming, song(idA)))
	require.Equal(t, Complete, w.g.Status)
	require.Zero(t, w.g.Memory, "it has all its audio")
}
