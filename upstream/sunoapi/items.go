package sunoapi

import (
	"cmp"
	"encoding/json"
	"net/url"
	"path"
	"slices"
	"strings"

	"tasksync/task"
	"tasksync/upstream"
)

// listKeys are the names under which the array of results is found, and of the
// objects that hold it: in the response, next to it, or in a job's resultJson.
var listKeys = []string{"response", "resultjson", "sunodata", "data", "tracks", "clips", "items"}

// maxNesting is how many objects, one in another, may hold the array.
const maxNesting = 3

// itemsOf finds the array of results in the data of an envelope: the first one
// that holds an object.
func itemsOf(raw json.RawMessage, nesting int) []json.RawMessage {
	isObject := func(raw json.RawMessage) bool { return len(parseObject(raw)) > 0 }
	if items := parseArray(raw); slices.ContainsFunc(items, isObject) {
		return items
	}
	o := parseObject(raw)
	if nesting == 0 {
		return nil
	}
	for _, key := range listKeys {
		if items := itemsOf(o[key], nesting-1); items != nil {
			return items
		}
	}
	return nil
}

// parseItems reads results in their order. What is no object, or an empty one,
// is left out. Of those with the same id the first stays, and takes from the
// others what it lacks.
func parseItems(data json.RawMessage, t task.Type) (items []task.Item) {
	for _, raw := range itemsOf(data, maxNesting) {
		items = with(items, parseItem(parseObject(raw), t))
	}
	if len(items) > 0 || t == task.Lyrics {
		return items
	}
	for _, raw := range parseArray(parseObject(parseObject(data)["resultjson"])["resulturls"]) {
		var u upstream.Text
		_ = u.UnmarshalJSON(raw) // refuses nothing
		items = with(items, itemAt(string(u)))
	}
	return items
}

func with(items []task.Item, it task.Item) []task.Item {
	if it == (task.Item{}) {
		return items
	}
	same := func(o task.Item) bool { return it.ID != "" && o.ID == it.ID }
	if at := slices.IndexFunc(items, same); at >= 0 {
		items[at] = fill(items[at], it)
		return items
	}
	return append(items, it)
}

// itemAt is the result whose audio is at that URL: some jobs tell no more. A file
// whose name is a UUID is named by the clip's id. A file of another kind is no
// result.
func itemAt(raw string) (it task.Item) {
	u, err := url.Parse(raw)
	if err != nil || !u.IsAbs() {
		return it
	}
	name := path.Base(u.Path)
	ext := path.Ext(name)
	if !slices.Contains([]string{"", ".mp3", ".m4a", ".wav", ".flac", ".ogg", ".opus", ".aac"}, strings.ToLower(ext)) {
		return it
	}
	it.AudioURL = raw
	if id := strings.TrimSuffix(name, ext); task.IsUUID(id) {
		it.ID = id
	}
	return it
}

func parseItem(o object, t task.Type) task.Item {
	if t == task.Lyrics {
		return parseLyrics(o)
	}
	it := task.Item{
		ID:       o.text("id"),
		Title:    o.text("title"),
		AudioURL: o.text("audioUrl"),
		// The source's URLs expire, and are not for storage by the provider's
		// page: sourceAudioUrl is a preview, where there is no other.
		StreamAudioURL: o.text("streamAudioUrl", "sourceStreamAudioUrl", "sourceAudioUrl"),
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
		return it.AudioURL != "" || it.StreamAudioURL != "" || it.Status == task.Complete
	})
}
