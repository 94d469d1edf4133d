package sunoapi

import (
	"cmp"
	"net/url"
	"path"
	"slices"
	"strings"

	"tasksync/task"
	"tasksync/upstream"
)

// parseResults reads the results in the data of an envelope: in its response, beside
// the response, or in the resultJson of a job. data may also be the results alone.
func parseResults(raw upstream.Value, t task.Type) []upstream.Result {
	data := raw.Fields()
	response, job := data.Get("response"), data.Get("resultJson").Unquote()
	if !data.Given() {
		response = raw
	}
	for _, list := range []upstream.Value{
		response, data.Get("sunoData"), data.Get("data"), data.Get("tracks"), data.Get("clips"), data.Get("items"),
		job.Fields().Get("response"), job,
	} {
		if results := parseList(list, t); len(results) > 0 {
			return results
		}
	}
	if t == task.Lyrics {
		return nil
	}
	return resultsAt(job.Fields().Get("resultUrls"))
}

// parseList reads one list. This format differs from the others in three points:
// lyrics have no id, so they are known by their position; source URLs expire and are
// not for storage, by the provider's page, so they only serve as previews where
// there are no others; a state that no table has says nothing about a result.
func parseList(raw upstream.Value, t task.Type) []upstream.Result {
	results := upstream.Items{}.Parse(raw, t)
	for i := range results {
		r := &results[i]
		r.StreamAudioURL = cmp.Or(r.StreamAudioURL, r.SourceAudioURL)
		r.SourceAudioURL = ""
		if r.Unknown {
			r.Status, r.Unknown = "", false
		}
		if t == task.Lyrics {
			r.ID = ""
		}
	}
	return slices.DeleteFunc(results, func(r upstream.Result) bool { return r.Item == task.Item{} && !r.Err.Given() })
}

// resultsAt reads the results of a job that names only URLs.
func resultsAt(raw upstream.Value) (results []upstream.Result) {
	for _, element := range raw.Unquote().Elements(maxURLs) {
		it, ok := itemAt(element.Text())
		same := func(o upstream.Result) bool { return it.ID != "" && o.ID == it.ID }
		if ok && !slices.ContainsFunc(results, same) {
			results = append(results, upstream.Result{Item: it})
		}
	}
	return results
}

// maxURLs bounds how many URLs of a job are read.
const maxURLs = 64

// itemAt is the item whose audio is at that URL. A file name that is a UUID is the
// clip's id. ok is false for a file that is not audio.
func itemAt(raw string) (it task.Item, ok bool) {
	u, err := url.Parse(raw)
	if err != nil || !u.IsAbs() {
		return it, false
	}
	name := path.Base(u.Path)
	ext := path.Ext(name)
	if !slices.Contains([]string{"", ".mp3", ".m4a", ".wav", ".flac", ".ogg", ".opus", ".aac"}, strings.ToLower(ext)) {
		return it, false
	}
	it.AudioURL = raw
	if id := strings.TrimSuffix(name, ext); task.IsUUID(id) {
		it.ID = id
	}
	return it, true
}

// hasResults reports whether an item has what its task is to make: audio, or
// finished lyrics. The lyrics of an unfinished song do not count.
func hasResults(items []task.Item) bool {
	return slices.ContainsFunc(items, func(it task.Item) bool {
		return it.AudioURL != "" || it.StreamAudioURL != "" || it.Status == task.Complete
	})
}
