package task

import (
	"slices"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// lookStrictly is look under every invariant that holds whatever is seen. It
// needs a store that is possible: clip ids are unique, values are storable.
func (w *world) lookStrictly(t require.TestingT, seen Seen) Decision {
	before, rowsBefore := w.clone(), slices.Clone(w.clips)
	d := w.decide(seen)
	require.Equal(t, rowsBefore, w.clips, "Decide changed its arguments")
	require.Equal(t, d, w.decide(seen), "the same arguments, another decision")

	if o := seen.Observation; o != nil && o.Failure != nil && o.Failure.Verdict == Account && !d.Status.Terminal() {
		require.Empty(t, d.Clips, "an account failure touched a row")
		require.Equal(t, w.g.Status, d.Status, "an account failure touched a row")
	}
	requireSchedule(t, w, d)
	w.commit(t, d)
	requireForward(t, before, w)
	requireBounded(t, before, w)
	requireRest(t, w, seen, d)
	return d
}

// requireSchedule: pending rows are looked at again, after now, and at the
// deadline; probes are asked for only when the time is up, or a task is complete
// without its audio.
func requireSchedule(t require.TestingT, w *world, d Decision) {
	deadline := w.policy.Deadline(w.now, w.g)
	switch {
	case len(d.Probe) > 0:
		done := w.g.Memory.DoneAt
		require.True(t, !w.now.Before(deadline) || !done.IsZero() && w.now.Sub(done) >= audioWait)
		require.False(t, d.Writes(w.g))
		for _, url := range d.Probe {
			require.Regexp(t, `^https://cdn1\.suno\.ai/[0-9a-f-]{36}\.mp3$`, url)
		}
	case !w.g.Status.Pending(), w.g.Type == "", d.Reason == ReasonUnknownType, d.Status.Terminal():
		require.Zero(t, d.Next)
	default:
		require.True(t, d.Next.After(w.now), "a look in the past")
		if w.now.Before(deadline) {
			require.False(t, d.Next.After(deadline.Add(deadlineMargin)), "the deadline would be slept through")
		}
		require.False(t, d.Next.After(w.now.Add(max(longestWait, w.policy.Timeout+clockSkew+deadlineMargin))), "a row is forgotten")
	}
}

// requireForward: applying is a join.
func requireForward(t require.TestingT, before, after *world) {
	requireStatusForward(t, before.g.Status, after.g.Status)
	if !before.g.Status.Pending() || before.g.Type == "" {
		require.Equal(t, before.clips, after.clips, "wrote into an ended or a foreign generation")
		require.Equal(t, before.g, after.g)
	}
	require.GreaterOrEqual(t, len(after.clips), len(before.clips))
	for i, was := range before.clips {
		is := after.clips[i]
		require.Equal(t, was.ID, is.ID)
		requireStatusForward(t, was.Status, is.Status)
		if !after.policy.Handlers.isPlaceholder(was.ClipID) {
			require.Equal(t, was.ClipID, is.ClipID, "a real clip id changed")
		}
		for f, value := range texts(was) {
			require.False(t, value != "" && texts(is)[f] == "", "%s was emptied", f)
		}
		require.False(t, was.Duration != 0 && is.Duration == 0, "duration was emptied")
		if finalURL(was.AudioURL) != "" {
			require.NotEmpty(t, finalURL(is.AudioURL), "a final URL gave way to a preview")
		}
	}
}

func requireStatusForward(t require.TestingT, was, is Status) {
	if was.Terminal() {
		require.Equal(t, was, is, "an end was changed")
	}
	require.GreaterOrEqual(t, is.rank(), was.rank(), "%s went back to %s", was, is)
}

// requireBounded: what Decide wrote can be stored, and is not unbounded.
func requireBounded(t require.TestingT, before, after *world) {
	limits := map[string]int{"lyrics": maxLyrics, "clip_id": maxClipID, "audio_url": maxURL, "stream_audio_url": maxURL, "video_url": maxURL, "image_url": maxURL}
	for i, is := range after.clips {
		was := Clip{}
		if i < len(before.clips) {
			was = before.clips[i]
		}
		for f, value := range texts(is) {
			if value == texts(was)[f] {
				continue
			}
			limit := limits[f]
			if limit == 0 {
				limit = maxShort
			}
			require.LessOrEqual(t, len(value), limit, f)
			requireStorable(t, value)
		}
		require.Equal(t, after.g.ID, is.GenerationID)
	}
	require.LessOrEqual(t, len(after.g.ErrorMessage), maxMessage)
	requireStorable(t, after.g.ErrorMessage)
}

func requireStorable(t require.TestingT, value string) {
	require.True(t, utf8.ValidString(value), "invalid UTF-8: %q", value)
	require.NotContains(t, value, "\x00")
}

// requireRest: the rows that d left are consistent, and the same observation
// has nothing to add to them.
func requireRest(t require.TestingT, w *world, seen Seen, d Decision) {
	ids := map[string]bool{}
	for _, c := range w.clips {
		require.NotEmpty(t, c.ClipID)
		require.False(t, ids[c.ClipID], "two clips %s", c.ClipID)
		ids[c.ClipID] = true
		if d.Status.Terminal() && len(d.Clips) > 0 {
			require.True(t, c.Status.Terminal(), "%s is %s in an ended generation", c.ClipID, c.Status)
		}
	}
	if w.g.Status == Failed && d.Status == Failed && d.Outcome == OutcomeFailed {
		require.NotEmpty(t, d.ErrorCode)
		require.NotEmpty(t, d.ErrorMessage)
	}
	again := w.decide(seen)
	if o := seen.Observation; o != nil && o.Failure != nil && o.Failure.provisional() {
		return // to say it again may confirm it
	}
	require.False(t, again.Status != w.g.Status || len(again.Clips) > 0, "the same observation twice writes twice: %+v", again)
	if o := seen.Observation; o != nil && o.Failure == nil && !again.Open() {
		require.Equal(t, w.g.Memory, again.Memory, "an answer twice is remembered twice")
	}
}

func texts(c Clip) map[string]string {
	return map[string]string{
		"clip_id": c.ClipID, "title": c.Title, "audio_url": c.AudioURL, "stream_audio_url": c.StreamAudioURL,
		"video_url": c.VideoURL, "image_url": c.ImageURL, "lyrics": c.Lyrics, "tags": c.Tags, "model_name": c.ModelName,
	}
}
