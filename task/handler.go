package task

import "cmp"

// Handler is what tasksync knows of one task type. A new type is one entry in
// the map that [DefaultHandlers] returns.
type Handler struct {
	// Clips is how many clips a task of this type gives at most. It tells when
	// an upstream that reports only items is done.
	Clips int
	// Text marks a type whose results are words: audio_url stays null and there
	// is no CDN fallback.
	Text bool
	// Schedule spaces the looks; empty: every 15 s.
	Schedule Schedule
}

// Handlers finds the handler of a task type.
type Handlers map[Type]Handler

// DefaultHandlers are the handlers of the five task types of the
// specification. The map is the caller's to extend before it is used.
func DefaultHandlers() Handlers {
	return Handlers{
		Extend:   {Clips: 2, Schedule: audioSchedule},
		Generate: {Clips: 2, Schedule: audioSchedule},
		Replace:  {Clips: 1, Schedule: audioSchedule},
		Merge:    {Clips: 1, Schedule: audioSchedule},
		Lyrics:   {Clips: 2, Schedule: lyricsSchedule, Text: true},
	}
}

// maxItems bounds how many results of one observation are looked at.
const maxItems = 64

// MapToClips gives the clip that each item describes, in the items' order. An
// item without an id gets the placeholder id of its position; one whose id no
// row could hold is left out (its entry has an empty ClipID).
func (h Handler) MapToClips(g Generation, items []Item) []Clip {
	items = items[:min(len(items), maxItems)]
	clips := make([]Clip, len(items))
	for i, it := range items {
		clips[i] = h.mapItem(g, it, i)
	}
	return clips
}

func (h Handler) mapItem(g Generation, it Item, position int) Clip {
	id := clean(it.ID, maxURL) // not at maxClipID: an id that was cut would be another's
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

// audio picks the final and the preview URL of an item. An audio URL of an item
// that its provider calls unfinished is a preview, whatever its host.
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

// itemStatus judges an item by what it carries: complete needs the words of a
// lyric or the final audio of a song, whatever the provider calls it.
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

// DeriveStatus is the status of a generation whose upstream reports the task as
// reported (empty: it only reports items) and whose results stand as clips.
// Complete means that every result has ended and at least one is complete; a
// reported completion without results, or with unfinished ones, is not one yet.
// A word that is none of ours says nothing.
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

// SupportsTimeoutFallback reports whether results without audio may be filled
// by the CDN rule when the time is up.
func (h Handler) SupportsTimeoutFallback() bool { return !h.Text }
