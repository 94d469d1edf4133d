package task

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDefaultHandlersAnswerTheThreeQuestions(t *testing.T) {
	t.Parallel()
	handlers := DefaultHandlers()
	require.Len(t, handlers, 5)
	for typ, clips := range map[Type]int{Extend: 2, Generate: 2, Lyrics: 2, Replace: 1, Merge: 1} {
		require.Equal(t, clips, handlers[typ].Clips, typ)
		require.Equal(t, typ != Lyrics, handlers[typ].SupportsTimeoutFallback(), typ)
	}
	delete(handlers, Extend)
	require.Contains(t, DefaultHandlers(), Extend, "the map is the caller's own")
}

func TestMapToClips(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", maxLyrics)
	for name, c := range map[string]struct {
		typ  Type
		item Item
		want Clip
	}{
		"every value": {
			Extend,
			Item{ID: idA, Status: Complete, Title: "Song", AudioURL: audioOf("a"), SourceAudioURL: audioOf("s"), StreamAudioURL: streamOf("a"), VideoURL: "https://v.example/a", ImageURL: "https://i.example/a", Lyrics: "la", Tags: "pop", ModelName: "v5", Duration: 12.5},
			Clip{ClipID: idA, Status: Complete, Title: "Song", AudioURL: audioOf("a"), StreamAudioURL: streamOf("a"), VideoURL: "https://v.example/a", ImageURL: "https://i.example/a", Lyrics: "la", Tags: "pop", ModelName: "v5", Duration: 12.5},
		},
		"nothing":                          {Extend, Item{}, Clip{ClipID: "t-extend-0", Status: Processing}},
		"queued":                           {Extend, Item{ID: idA, Status: Queued}, Clip{ClipID: idA, Status: Queued}},
		"an unknown status":                {Extend, Item{ID: idA, Status: "dancing"}, Clip{ClipID: idA, Status: Processing}},
		"no status but final audio":        {Extend, Item{ID: idA, AudioURL: audioOf("a")}, Clip{ClipID: idA, Status: Complete, AudioURL: audioOf("a")}},
		"the source URL is second choice":  {Extend, Item{ID: idA, SourceAudioURL: audioOf("s")}, Clip{ClipID: idA, Status: Complete, AudioURL: audioOf("s")}},
		"the sentinel counts as no URL":    {Extend, Item{ID: idA, Status: Complete, AudioURL: "https://studio-api.prod.suno.com/api/forbidden", SourceAudioURL: audioOf("s")}, Clip{ClipID: idA, Status: Complete, AudioURL: audioOf("s")}},
		"complete with the sentinel only":  {Extend, Item{ID: idA, Status: Complete, AudioURL: "https://studio-api.prod.suno.com/api/forbidden"}, Clip{ClipID: idA, Status: Processing}},
		"complete with an audiopipe URL":   {Extend, Item{ID: idA, Status: Complete, AudioURL: "https://audiopipe.suno.ai/?item_id=a"}, Clip{ClipID: idA, Status: Streaming, StreamAudioURL: "https://audiopipe.suno.ai/?item_id=a"}},
		"audio of an unfinished item":      {Extend, Item{ID: idA, Status: Processing, AudioURL: audioOf("a")}, Clip{ClipID: idA, Status: Streaming, StreamAudioURL: audioOf("a")}},
		"a preview has its own place":      {Extend, Item{ID: idA, Status: Streaming, AudioURL: audioOf("a"), StreamAudioURL: streamOf("a")}, Clip{ClipID: idA, Status: Streaming, StreamAudioURL: streamOf("a")}},
		"queued with a preview":            {Extend, Item{ID: idA, Status: Queued, StreamAudioURL: streamOf("a")}, Clip{ClipID: idA, Status: Streaming, StreamAudioURL: streamOf("a")}},
		"failed by status":                 {Extend, Item{ID: idA, Status: Failed}, Clip{ClipID: idA, Status: Failed}},
		"failed by failure":                {Extend, Item{ID: idA, Status: Complete, AudioURL: audioOf("a"), Failure: &Failure{}}, Clip{ClipID: idA, Status: Failed, AudioURL: audioOf("a")}},
		"a UUID is no title":               {Extend, Item{ID: idA, Title: " " + strings.ToUpper(idB)}, Clip{ClipID: idA, Status: Processing}},
		"other URLs are judged too":        {Extend, Item{ID: idA, VideoURL: "https://u:p@v.example", ImageURL: "data:image/png;base64,AA"}, Clip{ClipID: idA, Status: Processing}},
		"bytes that Postgres refuses":      {Extend, Item{ID: " a\x00b ", Title: "a\x00b\xff", Tags: "\x00"}, Clip{ClipID: "ab", Title: "ab\uFFFD", Status: Processing}},
		"a negative duration":              {Extend, Item{ID: idA, Duration: -1}, Clip{ClipID: idA, Status: Processing}},
		"no number":                        {Extend, Item{ID: idA, Duration: math.NaN()}, Clip{ClipID: idA, Status: Processing}},
		"a song of two days":               {Extend, Item{ID: idA, Duration: 2 * maxDuration}, Clip{ClipID: idA, Status: Processing}},
		"an id that no row could hold":     {Extend, Item{ID: strings.Repeat("x", maxClipID+1), Title: "Song"}, Clip{}},
		"the longest id":                   {Extend, Item{ID: strings.Repeat("x", maxClipID)}, Clip{ClipID: strings.Repeat("x", maxClipID), Status: Processing}},
		"an id is never cut into another":  {Extend, Item{ID: strings.Repeat("x", maxClipID-2) + "😀😀"}, Clip{}},
		"lyrics carry no audio":            {Lyrics, Item{Status: Complete, Title: "Words", Lyrics: "la", AudioURL: audioOf("a"), StreamAudioURL: streamOf("a"), VideoURL: "https://v.example/a"}, Clip{ClipID: "t-lyrics-0", Status: Complete, Title: "Words", Lyrics: "la"}},
		"lyrics without a status":          {Lyrics, Item{Lyrics: "la"}, Clip{ClipID: "t-lyrics-0", Status: Complete, Lyrics: "la"}},
		"lyrics under way":                 {Lyrics, Item{Status: Processing, Lyrics: "l"}, Clip{ClipID: "t-lyrics-0", Status: Processing, Lyrics: "l"}},
		"lyrics without words":             {Lyrics, Item{Status: Complete}, Clip{ClipID: "t-lyrics-0", Status: Processing}},
		"lyrics with an id":                {Lyrics, Item{ID: idA, Lyrics: "la"}, Clip{ClipID: idA, Status: Complete, Lyrics: "la"}},
		"lyrics longer than a row may be":  {Lyrics, Item{Lyrics: long}, Clip{ClipID: "t-lyrics-0", Status: Complete, Lyrics: long[:maxLyrics]}},
		"a title longer than a row may be": {Extend, Item{ID: idA, Title: long}, Clip{ClipID: idA, Status: Processing, Title: long[:maxShort]}},
	} {
		g := generation(c.typ)
		if c.want.ClipID != "" {
			c.want.GenerationID = g.ID
		}
		require.Equal(t, []Clip{c.want}, DefaultHandlers()[c.typ].MapToClips(g, []Item{c.item}), name)
	}
}

func TestMapToClipsKeepsPositionsAndBounds(t *testing.T) {
	t.Parallel()
	h := DefaultHandlers()[Lyrics]
	clips := h.MapToClips(generation(Lyrics), make([]Item, 1000))
	require.Len(t, clips, maxItems)
	require.Equal(t, "t-lyrics-1", clips[1].ClipID)
	require.Empty(t, h.MapToClips(generation(Lyrics), nil))
}

func TestDeriveStatus(t *testing.T) {
	t.Parallel()
	of := func(statuses ...Status) []Clip {
		clips := make([]Clip, len(statuses))
		for i, s := range statuses {
			clips[i].Status = s
		}
		return clips
	}
	for _, c := range []struct {
		typ      Type
		reported Status
		clips    []Clip
		want     Status
	}{
		// The upstream says how the task stands.
		{Extend, Submitted, nil, Submitted},
		{Extend, Queued, of(Queued, Queued), Queued},
		{Extend, Queued, of(Queued, Processing), Processing},
		{Extend, Processing, of(Streaming, Processing), Streaming},
		{Extend, Processing, of(Complete, Processing), Streaming},
		{Extend, Processing, of(Complete, Complete), Streaming}, // it is not done yet by its own word
		{Extend, Processing, of(Failed, Failed), Processing},
		{Extend, Streaming, nil, Streaming},
		{Extend, Complete, nil, Processing}, // SUCCESS without items: poll again
		{Extend, Complete, of(Complete, Complete), Complete},
		{Extend, Complete, of(Complete), Complete},
		{Extend, Complete, of(Complete, Failed), Complete},
		{Extend, Complete, of(Failed, Failed), Failed},
		{Extend, Complete, of(Complete, Streaming), Streaming},
		{Extend, Complete, of(Streaming), Streaming},
		{Extend, Complete, of(Complete, Complete, Complete), Complete},
		{Extend, Failed, nil, Failed},
		{Extend, Failed, of(Streaming), Failed},
		{Replace, Complete, of(Complete), Complete},
		// It reports items only.
		{Extend, "", nil, Processing},
		{Extend, "", of(Queued, Queued), Queued},
		{Extend, "", of(Submitted, Streaming), Streaming},
		{Extend, "", of(Complete), Streaming}, // the second is still missing
		{Extend, "", of(Failed), Processing},
		{Extend, "", of(Complete, Complete), Complete},
		{Extend, "", of(Complete, Failed), Complete},
		{Extend, "", of(Failed, Failed), Failed},
		{Extend, "", of(Failed, Processing), Processing},
		{Replace, "", of(Complete), Complete},
		{Merge, "", of(Failed), Failed},
		// A word that is none of ours is never an end.
		{Extend, "dancing", of(Complete, Complete), Streaming},
		{Extend, "dancing", of(Failed, Failed), "dancing"}, // which Join ignores
	} {
		require.Equal(t, c.want, DefaultHandlers()[c.typ].DeriveStatus(c.reported, c.clips), "%s %q %v", c.typ, c.reported, c.clips)
	}
}

func TestStatusJoin(t *testing.T) {
	t.Parallel()
	order := []Status{"", Submitted, Queued, Processing, Streaming, Complete}
	for i, a := range order {
		for j, b := range order {
			require.Equal(t, order[max(i, j)], a.Join(b))
		}
	}
	require.Equal(t, Complete, Complete.Join(Failed))
	require.Equal(t, Failed, Failed.Join(Complete))
	require.Equal(t, Queued, Queued.Join("dancing"))
	require.False(t, Status("dancing").Pending())
	require.False(t, Status("dancing").Terminal())
}
