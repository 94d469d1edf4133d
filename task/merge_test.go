package task

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Each case is a generation with rows, and the observations of its passes;
// want is which clip ids are there afterwards, and how they stand.
func TestResultsFindTheirClips(t *testing.T) {
	t.Parallel()
	preview := func(id string) Item { return Item{ID: id, Status: Streaming, StreamAudioURL: streamOf(id)} }
	failed := func(id string) Item { return Item{ID: id, Status: Failed} }
	for name, c := range map[string]struct {
		typ    Type
		rows   []Clip
		passes []Seen
		want   map[string]Status
	}{
		"V2 placeholders": {
			Extend, rows("t-extend-0", "t-extend-1"),
			[]Seen{saw(Complete, song(idA), song(idB))},
			map[string]Status{idA: Complete, idB: Complete},
		},
		"no rows at all": {
			Extend, nil,
			[]Seen{saw(Complete, song(idA), song(idB))},
			map[string]Status{idA: Complete, idB: Complete},
		},
		"real ids from the start": {
			Extend, rows(idB, idA),
			[]Seen{saw(Complete, song(idA), song(idB))},
			map[string]Status{idA: Complete, idB: Complete},
		},
		"a first pass of one clip leaves the second placeholder": {
			Extend, rows("t-extend-0", "t-extend-1"),
			[]Seen{saw(Streaming, song(idA))},
			map[string]Status{idA: Complete, "t-extend-1": Submitted},
		},
		"and a later one fills it": {
			Extend, rows("t-extend-0", "t-extend-1"),
			[]Seen{saw(Streaming, song(idA)), saw(Complete, song(idA), song(idB))},
			map[string]Status{idA: Complete, idB: Complete},
		},
		"even when the first to come was the second": {
			Extend, rows("t-extend-0", "t-extend-1"),
			[]Seen{saw(Streaming, song(idB)), saw(Complete, song(idA), song(idB))},
			map[string]Status{idA: Complete, idB: Complete},
		},
		"a placeholder that nothing filled is failed, not deleted": {
			Extend, rows("t-extend-0", "t-extend-1"),
			[]Seen{saw(Complete, song(idA))},
			map[string]Status{idA: Complete, "t-extend-1": Failed},
		},
		"merge with one clip and two placeholders": {
			Merge, rows("t-merge-0", "t-merge-1"),
			[]Seen{saw("", song(idA))},
			map[string]Status{idA: Complete, "t-merge-1": Failed},
		},
		"replace with one clip and two placeholders": {
			Replace, rows("t-clip-2", "t-clip-1"),
			[]Seen{saw(Complete, song(idA))},
			map[string]Status{idA: Complete, "t-clip-2": Failed},
		},
		"extra clips": {
			Extend, rows("t-extend-0"),
			[]Seen{saw(Complete, song(idA), song(idB), song(idC))},
			map[string]Status{idA: Complete, idB: Complete, idC: Complete},
		},
		"an extra clip of a later pass": {
			Extend, rows("t-extend-0", "t-extend-1"),
			[]Seen{saw(Processing, song(idA), preview(idB)), saw(Complete, song(idC), song(idA), song(idB))},
			map[string]Status{idA: Complete, idB: Complete, idC: Complete},
		},
		"one item twice in an answer": {
			Extend, rows("t-extend-0", "t-extend-1"),
			[]Seen{saw(Complete, song(idA), preview(idA), song(idA), song(idB))},
			map[string]Status{idA: Complete, idB: Complete},
		},
		"one item twice, no rows": {
			Extend, nil,
			[]Seen{saw(Complete, preview(idA), song(idA))},
			map[string]Status{idA: Complete},
		},
		"a complete and a failed item": {
			Generate, rows("t-generate-0", "t-generate-1"),
			[]Seen{saw(Complete, failed(idA), song(idB))},
			map[string]Status{idA: Failed, idB: Complete},
		},
		"ids change from placeholder to real": {
			Extend, nil,
			[]Seen{saw(Processing, Item{Title: "first"}, Item{Title: "second"}), saw(Complete, song(idA), song(idB))},
			map[string]Status{idA: Complete, idB: Complete},
		},
		"one id sooner than the other": {
			Extend, rows("t-extend-0", "t-extend-1"),
			[]Seen{saw(Processing, Item{}, preview(idB)), saw(Complete, song(idA), song(idB))},
			map[string]Status{idA: Complete, idB: Complete},
		},
		"an old view without ids makes no clip": {
			Extend, nil,
			[]Seen{saw(Processing, preview(idA), preview(idB)), saw(Processing, Item{}, Item{}), saw(Complete, song(idA), song(idB))},
			map[string]Status{idA: Complete, idB: Complete},
		},
		"a nameless view of one clip takes no other's place": {
			Extend, rows("t-extend-0", "t-extend-1"),
			[]Seen{saw(Processing, song(idB)), saw(Processing, preview(idA), Item{Status: Queued}), saw(Complete, song(idA), song(idB))},
			map[string]Status{idA: Complete, idB: Complete},
		},
		"a nameless result is not taken for its neighbour": {
			Extend, nil,
			[]Seen{saw(Complete, Item{Status: Complete, AudioURL: audioOf("x")}, song(idB))},
			map[string]Status{"t-extend-0": Complete, idB: Complete},
		},
		"placeholders counted from one, V2": {
			Extend, rows("t-extend-1", "t-extend-2"),
			[]Seen{saw(Complete, song(idA), song(idB))},
			map[string]Status{idA: Complete, idB: Complete},
		},
		"a placeholder number that is nobody's": {
			Extend, rows("t-clip-0", "t-extend-99999999999999999999"),
			[]Seen{saw(Complete, song(idA))},
			map[string]Status{idA: Complete, "t-clip-0": Failed, "t-extend-99999999999999999999": Failed},
		},
		"an ended placeholder is no place for a real id": {
			Extend,
			[]Clip{{ID: "r", ClipID: "t-extend-0", GenerationID: "g", Status: Failed}},
			[]Seen{saw(Complete, song(idA))},
			map[string]Status{idA: Complete, "t-extend-0": Failed},
		},
		"lyrics keep their placeholder ids": {
			Lyrics, rows("t-lyrics-0", "t-lyrics-1"),
			[]Seen{saw(Complete, Item{Lyrics: "la"}, Item{Lyrics: "lu"})},
			map[string]Status{"t-lyrics-0": Complete, "t-lyrics-1": Complete},
		},
		"lyrics in V1 placeholders": {
			Lyrics, rows("t-clip-2", "t-clip-1"),
			[]Seen{saw(Processing, Item{Lyrics: "la"}), saw(Complete, Item{Lyrics: "la"}, Item{Lyrics: "lu"})},
			map[string]Status{"t-clip-1": Complete, "t-clip-2": Complete},
		},
		"lyrics without rows": {
			Lyrics, nil,
			[]Seen{saw(Processing, Item{Lyrics: "la"}), saw(Complete, Item{Lyrics: "la"}, Item{Lyrics: "lu"})},
			map[string]Status{"t-lyrics-0": Complete, "t-lyrics-1": Complete},
		},
		"one lyric failed": {
			Lyrics, rows("t-lyrics-0", "t-lyrics-1"),
			[]Seen{saw(Complete, Item{Lyrics: "la"}, Item{Status: Failed})},
			map[string]Status{"t-lyrics-0": Complete, "t-lyrics-1": Failed},
		},
		"an item that no row could hold": {
			Extend, rows("t-extend-0"),
			[]Seen{saw(Complete, Item{ID: longText(300)}, song(idB))},
			map[string]Status{idB: Complete},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(c.typ, c.rows...)
			for _, seen := range c.passes {
				w.lookStrictly(t, seen)
			}
			require.Equal(t, c.want, w.statuses())
		})
	}
}

func TestAResultTakesThePlaceOfItsNumberNotOfTheRow(t *testing.T) {
	t.Parallel()
	for _, placeholders := range [][]string{{"t-extend-1", "t-extend-0"}, {"t-clip-2", "t-clip-1"}} {
		w := newWorld(Extend, rows(placeholders...)...)
		w.lookStrictly(t, saw(Complete, song(idA), song(idB)))
		require.Equal(t, "row1", w.clip(t, idA).ID)
		require.Equal(t, "row0", w.clip(t, idB).ID)
	}
	// Nor does the order of a later answer move what has its id.
	w := newWorld(Extend, rows("t-extend-0", "t-extend-1")...)
	w.lookStrictly(t, saw(Processing, Item{ID: idA}, Item{ID: idB}))
	w.lookStrictly(t, saw(Complete, song(idB), song(idA)))
	require.Equal(t, "row0", w.clip(t, idA).ID)
	require.Equal(t, audioOf(idA), w.clip(t, idA).AudioURL)
	require.Equal(t, audioOf(idB), w.clip(t, idB).AudioURL)
}

// A decision names rows by their key, and new clips have none.
func TestDecisionNamesRows(t *testing.T) {
	t.Parallel()
	w := newWorld(Extend, rows("t-extend-0")...)
	d := w.decide(saw(Complete, song(idA), song(idB)))
	require.Len(t, d.Clips, 2)
	require.Equal(t, "row0", d.Clips[0].ID)
	require.Empty(t, d.Clips[1].ID)
	require.Equal(t, "g", d.Clips[1].GenerationID)
	require.Equal(t, idB, d.Clips[1].ClipID)
}

func TestJoin(t *testing.T) {
	t.Parallel()
	const sentinel = "https://studio-api.prod.suno.com/api/forbidden"
	const pipe = "https://audiopipe.suno.ai/?item_id=" + idA
	for name, c := range map[string]struct{ have, seen, want Clip }{
		"empty gives way": {Clip{Status: Processing}, Clip{Status: Processing, Title: "Song", Duration: 3}, Clip{Status: Processing, Title: "Song", Duration: 3}},
		"a value never gives way to none": {
			Clip{Status: Streaming, Title: "a", StreamAudioURL: "b", VideoURL: "c", ImageURL: "d", Lyrics: "e", Tags: "f", ModelName: "g", Duration: 3},
			Clip{Status: Complete},
			Clip{Status: Complete, Title: "a", StreamAudioURL: "b", VideoURL: "c", ImageURL: "d", Lyrics: "e", Tags: "f", ModelName: "g", Duration: 3},
		},
		"the further one is right":             {Clip{Status: Processing, Title: "zzz", Duration: 99}, Clip{Status: Streaming, Title: "aaa", Duration: 3}, Clip{Status: Streaming, Title: "aaa", Duration: 3}},
		"even when it comes first":             {Clip{Status: Streaming, Title: "aaa", Duration: 3}, Clip{Status: Processing, Title: "zzz", Duration: 99, Tags: "new"}, Clip{Status: Streaming, Title: "aaa", Duration: 3, Tags: "new"}},
		"of equals the greater one":            {Clip{Status: Processing, Title: "Song", Duration: 3}, Clip{Status: Processing, Title: "Song of songs", Duration: 2}, Clip{Status: Processing, Title: "Song of songs", Duration: 3}},
		"a streaming URL gives way to a final": {Clip{Status: Streaming, AudioURL: pipe}, Clip{Status: Complete, AudioURL: audioOf("a")}, Clip{Status: Complete, AudioURL: audioOf("a")}},
		"so does the sentinel":                 {Clip{Status: Complete, AudioURL: sentinel}, Clip{Status: Complete, AudioURL: audioOf("a")}, Clip{Status: Complete, AudioURL: audioOf("a")}},
		"a final one stays":                    {Clip{Status: Processing, AudioURL: audioOf("a")}, Clip{Status: Streaming, StreamAudioURL: pipe}, Clip{Status: Streaming, AudioURL: audioOf("a"), StreamAudioURL: pipe}},
		"a preview stays without a better one": {Clip{Status: Streaming, AudioURL: pipe}, Clip{Status: Complete}, Clip{Status: Complete, AudioURL: pipe}},
		"complete stays complete":              {Clip{Status: Complete}, Clip{Status: Failed}, Clip{Status: Complete}},
		"failed stays failed":                  {Clip{Status: Failed}, Clip{Status: Complete}, Clip{Status: Failed}},
		"an unknown status gives way":          {Clip{Status: "dancing"}, Clip{Status: Queued}, Clip{Status: Queued}},
		"a real id replaces a placeholder":     {Clip{ID: "r", ClipID: "t-extend-0"}, Clip{ClipID: idA}, Clip{ID: "r", ClipID: idA}},
		"a placeholder never a real id":        {Clip{ID: "r", ClipID: idA}, Clip{ClipID: "t-extend-0"}, Clip{ID: "r", ClipID: idA}},
	} {
		m := &merged{handlers: DefaultHandlers()}
		got := m.joinNamed(c.have, c.seen)
		require.Equal(t, c.want, got, name)
		require.Equal(t, got, m.joinNamed(got, c.seen), name)
	}
}

// AceData has been seen to show a video_url in one message and "" in the next.
func TestAnItemThatRegressesStays(t *testing.T) {
	t.Parallel()
	w := newWorld(Extend, rows("t-extend-0", "t-extend-1")...)
	full := Item{ID: idA, Status: Streaming, Title: "Song", StreamAudioURL: streamOf(idA), VideoURL: "https://v.example/a", ImageURL: "https://i.example/a", Duration: 3}
	w.lookStrictly(t, saw(Streaming, full))
	before := w.clip(t, idA)
	d := w.lookStrictly(t, saw(Processing, Item{ID: idA, Status: Queued}))
	require.Equal(t, OutcomeSkipped, d.Outcome)
	require.Equal(t, ReasonUnchanged, d.Reason)
	require.Equal(t, before, w.clip(t, idA))
	require.Equal(t, Streaming, w.g.Status)
}

func TestAStreamingURLGivesWayToTheFinalOne(t *testing.T) {
	t.Parallel()
	const pipe = "https://audiopipe.suno.ai/?item_id=" + idA
	w := newWorld(Extend, rows("t-extend-0")...)
	w.lookStrictly(t, saw(Streaming, Item{ID: idA, Status: Streaming, AudioURL: pipe}))
	require.Empty(t, w.clip(t, idA).AudioURL)
	require.Equal(t, pipe, w.clip(t, idA).StreamAudioURL)
	w.lookStrictly(t, saw(Complete, song(idA)))
	require.Equal(t, audioOf(idA), w.clip(t, idA).AudioURL)
}
