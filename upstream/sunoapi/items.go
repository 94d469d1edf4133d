package sunoapi

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"tasksync/task"
)

// itemsOf finds the array of results: in the response, under its name for audio
// or for lyrics; next to it in kie's newer records; or in their resultJson.
func itemsOf(data object) []json.RawMessage {
	response, result := parseObject(data["response"]), parseObject(data["resultjson"])
	for _, raw := range []json.RawMessage{
		response["sunodata"], response["data"], data["response"],
		data["sunodata"],
		result["sunodata"], result["data"], data["resultjson"],
	} {
		if items := parseArray(raw); len(items) > 0 {
			return items
		}
	}
	return nil
}

// parseItems reads results in their order. What is no object, or an empty one,
// is left out. Of those with the same id the first stays, and takes from the
// others what it lacks.
func parseItems(raws []json.RawMessage, t task.Type) []task.Item {
	var items []task.Item
	for _, raw := range raws {
		it := parseItem(parseObject(raw), t)
		if it == (task.Item{}) {
			continue
		}
		same := func(o task.Item) bool { return it.ID != "" && o.ID == it.ID }
		if at := slices.IndexFunc(items, same); at >= 0 {
			items[at] = fill(items[at], it)
			continue
		}
		items = append(items, it)
	}
	return items
}

func parseItem(o object, t task.Type) task.Item {
	if t == task.Lyrics {
		return parseLyrics(o)
	}
	it := task.Item{
		ID:             o.text("id"),
		Title:          o.text("title"),
		AudioURL:       o.text("audioUrl"),
		SourceAudioURL: o.text("sourceAudioUrl"),
		StreamAudioURL: o.text("streamAudioUrl", "sourceStreamAudioUrl"),
		ImageURL:       o.text("imageUrl", "sourceImageUrl"),
		VideoURL:       o.text("videoUrl", "sourceVideoUrl"),
		Lyrics:         o.text("prompt"),
		Tags:           o.text("tags"),
		ModelName:      o.text("modelName"),
	}
	if strings.EqualFold(it.Title, it.ID) { // the provider had none
		it.Title = ""
	}
	if seconds, ok := o.number("duration"); ok && seconds > 0 {
		it.Duration = seconds
	}
	return it
}

// parseLyrics reads a lyric. It has no id at the provider: its position is all
// that it is known by. Only lyrics have a status of their own.
func parseLyrics(o object) task.Item {
	it := task.Item{Title: o.text("title"), Lyrics: o.text("text"), Tags: o.text("tags")}
	switch strings.ToLower(o.text("status")) {
	case "complete":
		it.Status = task.Complete
	case "failed":
		it.Status, it.Failure = task.Failed, itemEnding(o.text("errorMessage"))
	}
	return it
}

// fill gives a what it lacks and b has.
func fill(a, b task.Item) task.Item {
	a.Title = cmp.Or(a.Title, b.Title)
	a.AudioURL = cmp.Or(a.AudioURL, b.AudioURL)
	a.SourceAudioURL = cmp.Or(a.SourceAudioURL, b.SourceAudioURL)
	a.StreamAudioURL = cmp.Or(a.StreamAudioURL, b.StreamAudioURL)
	a.VideoURL = cmp.Or(a.VideoURL, b.VideoURL)
	a.ImageURL = cmp.Or(a.ImageURL, b.ImageURL)
	a.Lyrics = cmp.Or(a.Lyrics, b.Lyrics)
	a.Tags = cmp.Or(a.Tags, b.Tags)
	a.ModelName = cmp.Or(a.ModelName, b.ModelName)
	a.Duration = cmp.Or(a.Duration, b.Duration)
	return a
}

// hasResults reports whether an item carries what its task was for: audio, or
// finished lyrics. The lyrics of a song that is still being made are no result.
func hasResults(items []task.Item) bool {
	return slices.ContainsFunc(items, func(it task.Item) bool {
		return it.AudioURL != "" || it.SourceAudioURL != "" || it.StreamAudioURL != "" || it.Status == task.Complete
	})
}
