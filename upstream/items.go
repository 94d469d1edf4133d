package upstream

import (
	"cmp"
	"slices"
	"strings"

	"tasksync/task"
)

// maxItems bounds how many results of one task are read.
const maxItems = 64

// Items reads the results of tasks. The table of spellings is the same for all
// providers, since resellers of one format serve the spellings of another. A key is
// looked up at the top level of a result, then in its metadata. The zero value is
// the table alone; an adapter adds what only its provider has.
type Items struct {
	// Words are state words that only this provider has, in lower case.
	Words map[string]task.Status
	// NotLyrics are keys of the table that do not hold lyrics at this provider.
	NotLyrics []string
	// Max bounds how many results of one answer are read. Default 64.
	Max int
}

// Result is one result as its provider describes it.
type Result struct {
	task.Item        // without a failure; its Status is State in our words
	State     string // the provider's own word; "" without one
	Unknown   bool   // no table has State; it was taken for processing
	Err       ErrorField
}

// Bare reports whether a result says no more than its state.
func (r Result) Bare() bool { return r.Item == task.Item{Status: r.Status} && !r.Err.Given() }

// ItemFailure is the failure of a result that its provider calls failed: by its
// text, else by its code.
func (r Result) ItemFailure() *task.Failure {
	message, code := r.Err.Message, r.Err.Code
	if f := Refusal(message, code); f != nil {
		return f
	}
	return Dead(cmp.Or(message, code, "The provider could not make this item."))
}

// The keys of lists of results, and of the fields of one result, folded.
var (
	listKeys   = []string{"sunodata", "data", "tracks", "clips", "items"}
	lyricsKeys = []string{"text", "lyric", "lyrics"}           // of a task of type lyrics
	wordsKeys  = []string{"lyric", "lyrics", "prompt", "text"} // of a song
	audioKeys  = []string{"audiourl", "cld2audiourl"}
	streamKeys = []string{"streamaudiourl", "sourcestreamaudiourl"}
	imageKeys  = []string{"imageurl", "cld2imageurl", "sourceimageurl", "imagelargeurl"}
	videoKeys  = []string{"videourl", "cld2videourl", "sourcevideourl"}
	tagsKeys   = []string{"style", "tags"}
	modelKeys  = []string{"modelname", "model"}
)

// List finds the results in from: an array; or the first non-empty list that an
// object has under a key of the table, up to two objects deeper; or the object
// itself, if it has no list. Each of them may stand in a JSON string.
func (i Items) List(from Value) []Value {
	return listOf(from, cmp.Or(i.Max, maxItems), 3)
}

func listOf(from Value, limit, depth int) []Value {
	from = from.Unquote()
	if from.IsArray() {
		return from.Elements(limit)
	}
	f := from.Fields()
	if !f.Given() || depth == 0 {
		return nil
	}
	isList := false
	for _, key := range listKeys {
		value := f.Get(key)
		if value.Absent() {
			continue
		}
		isList = true
		if list := listOf(value, limit, depth-1); len(list) > 0 {
			return list
		}
	}
	if isList {
		return nil
	}
	return []Value{f.Value()}
}

// Parse reads the results that List finds, in their order. It leaves out what is
// not an object, or an empty one. Of results with the same id, the one that is
// further along stays, else the first, and takes from the others what it lacks.
func (i Items) Parse(from Value, t task.Type) []Result { return i.ParseAll(i.List(from), t) }

// ParseAll is like Parse for results that were found already.
func (i Items) ParseAll(list []Value, t task.Type) []Result {
	var results []Result
	for _, element := range list {
		r := i.result(element.Fields(), t)
		if r == (Result{}) {
			continue
		}
		same := func(o Result) bool { return r.ID != "" && strings.EqualFold(o.ID, r.ID) }
		if at := slices.IndexFunc(results, same); at >= 0 {
			results[at] = results[at].fill(r)
			continue
		}
		results = append(results, r)
	}
	return results
}

// result reads one result.
func (i Items) result(f Fields, t task.Type) Result {
	meta := f.Object("metadata")
	text := func(keys ...string) string { return cmp.Or(f.Text(keys...), meta.Text(keys...)) }
	it := task.Item{
		ID:             f.Text("id", "_id", "clipid"),
		Title:          text("title"),
		AudioURL:       text(audioKeys...),
		SourceAudioURL: text("sourceaudiourl"),
		StreamAudioURL: text(streamKeys...),
		ImageURL:       text(imageKeys...),
		VideoURL:       text(videoKeys...),
		Lyrics:         text(i.lyricsKeys(t)...),
		Tags:           cmp.Or(f.Texts(tagsKeys...), meta.Texts(tagsKeys...)),
		ModelName:      text(modelKeys...),
	}
	if strings.EqualFold(it.Title, it.ID) { // the provider had no title
		it.Title = ""
	}
	for _, from := range []Fields{f, meta} {
		if seconds, ok := from.Number("duration"); ok && seconds > 0 && it.Duration == 0 {
			it.Duration = seconds
		}
	}
	r := Result{Item: it, State: f.Text("state", "status"), Err: errorOf(f, meta)}
	if r.State != "" {
		var known bool
		r.Status, known = i.State(r.State)
		r.Unknown = !known
	}
	if r.Status == task.Complete { // before that, the better name may still come, and would not replace this one
		r.ModelName = cmp.Or(r.ModelName, text("majormodelversion"))
	}
	return r
}

// HasAudioURL reports whether an object has an audio URL: results have one, tasks do
// not.
func (Items) HasAudioURL(f Fields) bool {
	return f.Text(audioKeys...) != "" || f.Text(streamKeys...) != ""
}

func (i Items) lyricsKeys(t task.Type) []string {
	keys := wordsKeys
	if t == task.Lyrics {
		keys = lyricsKeys
	}
	return slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return slices.Contains(i.NotLyrics, key) })
}

// errorOf is the error of a result, in any form that a provider uses.
func errorOf(f, meta Fields) ErrorField {
	err := f.Error("error")
	text := func(keys ...string) string { return cmp.Or(f.Text(keys...), meta.Text(keys...)) }
	err.Message = cmp.Or(err.Message, text("errormessage", "failreason", "failmsg"))
	err.Code = cmp.Or(err.Code, text("errorcode", "failcode", "errortype"))
	return err
}

// fill returns the result that is further along, completed from the other.
func (r Result) fill(o Result) Result {
	if r.Status != o.Status && r.Status.Join(o.Status) == o.Status {
		r, o = o, r
	}
	r.Title = cmp.Or(r.Title, o.Title)
	r.AudioURL = cmp.Or(r.AudioURL, o.AudioURL)
	r.SourceAudioURL = cmp.Or(r.SourceAudioURL, o.SourceAudioURL)
	r.StreamAudioURL = cmp.Or(r.StreamAudioURL, o.StreamAudioURL)
	r.VideoURL = cmp.Or(r.VideoURL, o.VideoURL)
	r.ImageURL = cmp.Or(r.ImageURL, o.ImageURL)
	r.Lyrics = cmp.Or(r.Lyrics, o.Lyrics)
	r.Tags = cmp.Or(r.Tags, o.Tags)
	r.ModelName = cmp.Or(r.ModelName, o.ModelName)
	r.Duration = cmp.Or(r.Duration, o.Duration)
	if r.State == "" {
		r.State, r.Status, r.Unknown = o.State, o.Status, o.Unknown
	}
	if !r.Err.Given() {
		r.Err = o.Err
	}
	return r
}

// stateWords are the providers' words for the status of a task or a result. Some
// resellers of /suno/fetch use the numbers.
var stateWords = map[string]task.Status{
	"not_start":   task.Submitted,
	"submitted":   task.Submitted,
	"waiting":     task.Queued,
	"queuing":     task.Queued,
	"queued":      task.Queued,
	"pending":     task.Queued,
	"unknown":     task.Processing,
	"in_progress": task.Processing,
	"processing":  task.Processing,
	"running":     task.Processing,
	"generating":  task.Processing,
	"20":          task.Processing,
	"streaming":   task.Streaming,
	"success":     task.Complete,
	"succeeded":   task.Complete,
	"complete":    task.Complete,
	"completed":   task.Complete,
	"30":          task.Complete,
	"fail":        task.Failed,
	"failure":     task.Failed,
	"failed":      task.Failed,
	"error":       task.Failed,
	"cancelled":   task.Failed,
	"canceled":    task.Failed,
	"40":          task.Failed,
}

// State returns the status that a provider's word means, in upper or lower case.
// known is false for a word that no table has, which counts as processing.
func (i Items) State(word string) (status task.Status, known bool) {
	word = strings.ToLower(word)
	if status, known = i.Words[word]; known {
		return status, true
	}
	if status, known = stateWords[word]; known {
		return status, true
	}
	return task.Processing, false
}

// Items turns results into items, failed ones with their failure, and notes the
// states that no table knows.
func (c *Client) Items(results []Result) []task.Item {
	var items []task.Item
	for _, r := range results {
		if r.Unknown {
			c.UnknownStatus(r.State)
		}
		if r.Status == task.Failed {
			r.Failure = r.ItemFailure()
		}
		items = append(items, r.Item)
	}
	return items
}
