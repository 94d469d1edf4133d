package task

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const timedOut = "Task timed out after 10 minutes."

const nothingToPlay = timedOut + " No result had anything to play or to read."

func TestTimeoutWithoutResults(t *testing.T) {
	t.Parallel()
	withWords := rows("t-extend-0")
	withWords[0].Title, withWords[0].Lyrics, withWords[0].Tags = "Song", "la la", "pop" // the request's, by the application
	for name, c := range map[string]struct {
		typ  Type
		rows []Clip
		seen Seen
	}{
		"nothing there":              {Extend, nil, saw(Processing)},
		"placeholders only":          {Extend, rows("t-extend-0", "t-clip-2"), saw(Processing)},
		"placeholders with words":    {Extend, withWords, saw(Queued)},
		"lyrics":                     {Lyrics, rows("t-lyrics-0"), saw(Processing)},
		"still processing":           {Generate, rows("t-generate-0"), saw(Processing)},
		"SUCCESS without items":      {Generate, rows("t-generate-0"), saw(Complete)},
		"nameless items":             {Generate, rows("t-generate-0"), saw(Processing, Item{Status: Queued, Title: "Song"})},
		"no task_id until the end":   {Generate, rows("t-generate-0"), Seen{}},
		"number of nobody's, no uid": {Generate, rows("t-generate-99999999999999999999"), saw(Streaming)},
	} {
		w := newWorld(c.typ, c.rows...).at(DefaultTimeout)
		if c.seen.Observation == nil {
			w.g.TaskID = "" // there is nothing to ask for
		}
		w.policy.ProbeCDN = false
		d := w.lookStrictly(t, c.seen)
		require.Equal(t, OutcomeFailed, d.Outcome, name)
		require.Equal(t, Failed, d.Status, name)
		require.Equal(t, APIError, d.ErrorCode, name)
		require.Equal(t, timedOut, d.ErrorMessage, name)
		require.True(t, d.TimedOut, name)
		require.Zero(t, d.Next, name)
		for id, status := range w.statuses() {
			require.Equal(t, Failed, status, "%s: %s", name, id)
			require.Empty(t, w.clip(t, id).AudioURL, name)
		}
	}
}

func TestTimeoutIsAtTheDeadlineNotBefore(t *testing.T) {
	t.Parallel()
	w := newWorld(Extend, rows("t-extend-0")...).at(DefaultTimeout - 1)
	require.Equal(t, Processing, w.lookStrictly(t, saw(Processing)).Status)
	require.Equal(t, Failed, w.at(DefaultTimeout).lookStrictly(t, saw(Processing)).Status)
	require.Equal(t, born.Add(DefaultTimeout), w.policy.Deadline(w.now, w.g))

	w = newWorld(Extend)
	w.policy.Timeout = 90 * time.Second
	d := w.at(90*time.Second).lookStrictly(t, saw(Processing))
	require.Equal(t, "Task timed out after 1m30s.", d.ErrorMessage)
}

// The provider's last word counts more than the clock.
func TestTimeoutComesSecond(t *testing.T) {
	t.Parallel()
	w := newWorld(Extend, rows("t-extend-0", "t-extend-1")...).at(time.Hour)
	d := w.lookStrictly(t, saw(Complete, song(idA), song(idB)))
	require.Equal(t, Complete, d.Status)
	require.False(t, d.TimedOut)

	w = newWorld(Extend, rows("t-extend-0")...).at(time.Hour)
	d = w.lookStrictly(t, refused(Failure{Verdict: Permanent, Code: Copyrighted, Message: "no"}))
	require.Equal(t, Copyrighted, d.ErrorCode)
	require.False(t, d.TimedOut)
}

// cdnCase is one clip at the deadline: what was known, what the probe says,
// and how it ends.
type cdnCase struct {
	typ          Type
	item         Item
	blind        bool
	asked        bool
	answer       Probe
	status       Status // of the clip, and of the generation
	audio        string
	stream       string
	errorMessage string
}

func TestTimeoutFillsAudioByTheCDNRule(t *testing.T) {
	t.Parallel()
	bare := Item{ID: idA, Status: Processing, Title: "Song"}
	streaming := Item{ID: idA, Status: Streaming, StreamAudioURL: streamOf(idA)}
	forbidden := Item{ID: idA, Status: Complete, AudioURL: "https://studio-api.prod.suno.com/api/forbidden"}
	for name, c := range map[string]cdnCase{
		"playable":               {typ: Extend, item: bare, asked: true, answer: ProbePlayable, status: Complete, audio: CDNURL(idA)},
		"no answer":              {typ: Extend, item: bare, asked: true, answer: ProbeNoAnswer, status: Complete, audio: CDNURL(idA)},
		"refused":                {typ: Extend, item: bare, asked: true, answer: ProbeDead, status: Failed, errorMessage: nothingToPlay},
		"playable, with preview": {typ: Extend, item: streaming, asked: true, answer: ProbePlayable, status: Complete, audio: CDNURL(idA), stream: streamOf(idA)},
		"refused, with preview":  {typ: Extend, item: streaming, asked: true, answer: ProbeDead, status: Complete, stream: streamOf(idA)},
		"the sentinel":           {typ: Extend, item: forbidden, asked: true, answer: ProbeDead, status: Failed, errorMessage: nothingToPlay},
		"the blind rule":         {typ: Extend, item: bare, blind: true, status: Complete, audio: CDNURL(idA)},
		"the blind sentinel":     {typ: Merge, item: forbidden, blind: true, status: Complete, audio: CDNURL(idA)},
		"final audio is enough":  {typ: Extend, item: song(idA), status: Complete, audio: audioOf(idA)},
		"no UUID":                {typ: Extend, item: Item{ID: "None", Title: "Song"}, status: Failed, errorMessage: nothingToPlay},
		"no UUID, with preview":  {typ: Extend, item: Item{ID: "None", StreamAudioURL: streamOf(idA)}, blind: true, status: Complete, stream: streamOf(idA)},
		"a failed clip":          {typ: Extend, item: Item{ID: idA, Status: Failed}, status: Failed, errorMessage: nothingToPlay},
		"words":                  {typ: Lyrics, item: Item{ID: idA, Status: Processing, Lyrics: "la"}, status: Complete},
		"lyrics without words":   {typ: Lyrics, item: Item{ID: idA, Status: Processing, Title: "Song"}, status: Failed, errorMessage: nothingToPlay},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(c.typ).at(DefaultTimeout)
			w.policy.ProbeCDN = !c.blind
			seen := saw(Processing, c.item)
			d := w.lookStrictly(t, seen)
			if c.asked {
				require.Equal(t, Decision{Status: Submitted, Probe: []string{CDNURL(idA)}}, d)
				seen.Probes = map[string]Probe{CDNURL(idA): c.answer}
				d = w.lookStrictly(t, seen)
			}
			c.requireEnd(t, w, d)
		})
	}
}

func (c cdnCase) requireEnd(t *testing.T, w *world, d Decision) {
	require.Empty(t, d.Probe)
	require.True(t, d.TimedOut)
	require.Equal(t, c.status, d.Status)
	require.Equal(t, c.errorMessage, d.ErrorMessage)
	require.Len(t, w.clips, 1)
	require.Equal(t, c.status, w.clips[0].Status)
	require.Equal(t, c.audio, w.clips[0].AudioURL)
	require.Equal(t, c.stream, w.clips[0].StreamAudioURL)
	if c.status == Complete {
		require.Equal(t, OutcomeSynced, d.Outcome)
		require.Equal(t, ReasonTimeout, d.Reason)
	}
}

// Earlier passes found results; since the deadline the upstream does not answer.
func TestTimeoutCompletesWhatIsStored(t *testing.T) {
	t.Parallel()
	for _, hanging := range []Seen{refused(Failure{Verdict: Transient, Reason: "timeout"}), refused(Failure{Verdict: Transient, Reason: "http_5xx"})} {
		w := newWorld(Extend, rows("t-extend-0", "t-extend-1", "t-extend-2")...)
		w.lookStrictly(t, saw(Streaming, song(idA), Item{ID: idB, Status: Streaming, StreamAudioURL: streamOf(idB)}))
		require.Equal(t, Streaming, w.at(DefaultTimeout).lookStrictly(t, hanging).Status, "an end without an answer")
		require.Equal(t, Streaming, w.at(DefaultTimeout+DefaultGrace-1).lookStrictly(t, hanging).Status, "an end in the grace")
		w.at(DefaultTimeout + DefaultGrace)

		require.Equal(t, []string{CDNURL(idB)}, w.lookStrictly(t, hanging).Probe, "only what is missing")
		hanging.Probes = map[string]Probe{CDNURL(idB): ProbeDead}
		require.Equal(t, Complete, w.lookStrictly(t, hanging).Status)
		require.Equal(t, map[string]Status{idA: Complete, idB: Complete, "t-extend-2": Failed}, w.statuses())
		require.Equal(t, audioOf(idA), w.clip(t, idA).AudioURL)
		require.Empty(t, w.clip(t, idB).AudioURL)
		require.Equal(t, streamOf(idB), w.clip(t, idB).StreamAudioURL)
	}
}

// Of two results one has nothing to play: it fails, the generation does not.
func TestTimeoutFailsTheClipThatHasNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(Extend).at(DefaultTimeout)
	seen := saw(Processing, Item{ID: idA}, Item{ID: idB})
	require.Equal(t, []string{CDNURL(idA), CDNURL(idB)}, w.lookStrictly(t, seen).Probe)

	// Some answers are not enough: it asks for the rest, and writes nothing.
	seen.Probes = map[string]Probe{CDNURL(idA): ProbeDead}
	require.Equal(t, []string{CDNURL(idB)}, w.lookStrictly(t, seen).Probe)

	seen.Probes[CDNURL(idB)] = ProbePlayable
	require.Equal(t, Complete, w.lookStrictly(t, seen).Status)
	require.Equal(t, map[string]Status{idA: Failed, idB: Complete}, w.statuses())
	require.Empty(t, w.clip(t, idA).AudioURL)
}

// Values that other programs wrote into the rows are judged like our own.
func TestTimeoutJudgesStoredURLs(t *testing.T) {
	t.Parallel()
	const sentinel = "https://studio-api.prod.suno.com/api/forbidden"
	const pipe = "https://audiopipe.suno.ai/?item_id=" + idA
	for _, c := range []struct {
		audio, stream string
		status        Status
	}{
		{sentinel, "", Failed},
		{"", sentinel, Failed},
		{pipe, "", Complete}, // a preview is better than nothing
		{sentinel, streamOf(idA), Complete},
	} {
		clips := rows(idA)
		clips[0].AudioURL, clips[0].StreamAudioURL = c.audio, c.stream
		w := newWorld(Extend, clips...).at(DefaultTimeout)
		seen := saw(Processing)
		seen.Probes = map[string]Probe{CDNURL(idA): ProbeDead}
		d := w.lookStrictly(t, seen)
		require.Equal(t, c.status, d.Status, "%+v", c)
		require.Equal(t, c.audio, w.clip(t, idA).AudioURL, "nothing is emptied")
	}
}

func TestTimeoutNeverMakesAPlaceholderALink(t *testing.T) {
	t.Parallel()
	w := newWorld(Extend, rows("t-extend-0", idA+"-clip-1", "t-clip-2")...).at(DefaultTimeout)
	w.policy.ProbeCDN = false
	w.lookStrictly(t, saw(Streaming, Item{StreamAudioURL: streamOf("x")}))
	require.Equal(t, Complete, w.g.Status, "a preview without an id is a result too")
	for _, c := range w.clips {
		require.Empty(t, c.AudioURL, c.ClipID)
	}
	require.Equal(t, streamOf("x"), w.clip(t, "t-extend-0").StreamAudioURL)
}
