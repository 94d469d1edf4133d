package task

import (
	"cmp"
	"time"
)

// Handler is what tasksync knows about one task type. A new type is one more
// entry in the map that [DefaultHandlers] returns.
type Handler struct {
	// Clips is how many clips a task of this type gives at most. If an upstream
	// reports only items, the task is done when it has that many.
	Clips int
	// Text marks a type whose results are words: audio_url stays null, and the CDN
	// rule does not apply.
	Text bool
	// Schedule spaces the looks; empty: one every 15 s.
	Schedule Schedule
	// Usual is how long such a task usually takes; 0: not known. Plans of looks begin
	// with it, until they have learnt better.
	Usual time.Duration
}

// Handlers holds the handler of each task type.
type Handlers map[Type]Handler

// DefaultHandlers returns the handlers of the five task types of the
// specification. The caller may change the map before it is used.
func DefaultHandlers() Handlers {
	return Handlers{
		Extend:   {Clips: 2, Schedule: audioSchedule, Usual: usualSong},
		Generate: {Clips: 2, Schedule: audioSchedule, Usual: usualSong},
		Replace:  {Clips: 1, Schedule: audioSchedule, Usual: usualSong},
		Merge:    {Clips: 1, Schedule: audioSchedule, Usual: usualSong},
		Lyrics:   {Clips: 2, Schedule: lyricsSchedule, Usual: usualLyric, Text: true},
	}
}

// Names returns the task types, in no order.
func (hs Handlers) Names() []string {
	names := make([]string, 0, len(hs))
	for t := range hs {
		names = append(names, string(t))
	}
	return names
}

// maxItems bounds how many items of one observation are used.
const maxItems = 64

// MapToClips returns the clip that each item describes, in the order of the
// items. An item without an id gets the placeholder id of its position. An item
// whose id does not fit into a row becomes a clip with an empty ClipID, which
// merge leaves out.
func (h Handler) MapToClips(g Generation, items []Item) []Clip {
	items = items[:min(len(items), maxItems)]
	clips := make([]Clip, len(items))
	for i, it := range items {
		clips[i] = h.mapItem(g, it, i)
	}
	return clips
}

func (h Handler) mapItem(g Generation, it Item, position int) Clip {
	id := clean(it.ID, maxURL) // not at maxClipID: a shortened id could be the id of another clip
	switch {
	case len(id) > maxClipID:
		return Clip{}
	case id == "":
		id = PlaceholderID(g.TaskID, g.Type, position)
	}
	c := Clip{
		GenerationID: g.ID,
		ClipID:       id,
		Title:        clean(it.Title, maxShort),
		Lyrics:       clean(it.Lyrics, maxLyrics),
		ImageURL:     usableURL(it.ImageURL),
		Tags:         clean(it.Tags, maxShort),
		ModelName:    clean(it.ModelName, maxShort),
	}
	if it.Duration > 0 && it.Duration <= maxDuration {
		c.Duration = it.Duration
	}
	if IsUUID(c.Title) { // some providers put the clip's id there
		c.Title = ""
	}
	if !h.Text {
		c.AudioURL, c.StreamAudioURL = audio(it)
		c.VideoURL = usableURL(it.VideoURL)
	}
	c.Status = h.itemStatus(it, c)
	return c
}

// audio returns the final and the preview URL of an item. While the provider
// calls the item unfinished, its audio URL is a preview, whatever the host.
func audio(it Item) (final, preview string) {
	preview = usableURL(it.StreamAudioURL)
	if it.Status == "" || it.Status == Complete {
		final = cmp.Or(finalURL(it.AudioURL), finalURL(it.SourceAudioURL))
	}
	if final == "" && preview == "" {
		preview = usableURL(it.AudioURL)
	}
	return final, preview
}

// itemStatus derives the status of an item from what it carries, which is in c.
// Unless the provider calls the item unfinished, a lyric is complete when it has
// its words, and a song when it has its final audio: see audio.
func (h Handler) itemStatus(it Item, c Clip) Status {
	switch {
	case it.Failure != nil || it.Status == Failed:
		return Failed
	case h.Text && c.Lyrics != "" && (it.Status == "" || it.Status == Complete):
		return Complete
	case !h.Text && c.AudioURL != "":
		return Complete
	case !h.Text && c.StreamAudioURL != "":
		return Streaming
	case it.Status.Pending():
		return it.Status
	default:
		return Processing
	}
}

// DeriveStatus returns the status of a generation. reported is the provider's
// status of the task, empty if the provider reports only items; clips are the
// results. A generation is complete when the provider calls it complete, or has
// reported as many items as the type gives, and when every result has ended and at
// least one is complete. While reported is a pending status, or an unknown word,
// the generation stays pending.
func (h Handler) DeriveStatus(reported Status, clips []Clip) Status {
	var furthest Status
	ended, complete := 0, 0
	for _, c := range clips {
		switch c.Status {
		case Complete:
			complete++
			ended++
		case Failed:
			ended++
		default:
			furthest = furthest.Join(c.Status)
		}
	}
	if complete > 0 {
		furthest = Streaming
	}
	unfinished := ended < len(clips) || len(clips) == 0
	switch {
	case reported == Failed:
		return Failed
	case reported != "" && reported != Complete:
		return reported.Join(furthest)
	case unfinished, reported == "" && len(clips) < h.Clips:
		return cmp.Or(furthest, Processing)
	case complete > 0:
		return Complete
	default:
		return Failed
	}
}

// SupportsTimeoutFallback reports whether the CDN rule may fill in audio that
// results lack: see [Policy.Decide].
func (h Handler) SupportsTimeoutFallback() bool { return !h.Text }
