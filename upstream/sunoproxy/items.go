package sunoproxy

import (
	"cmp"
	"encoding/json"

	"tasksync/task"
	"tasksync/upstream"
)

// clipStatuses are Suno's words for a clip or a lyric, in lower case.
var clipStatuses = map[string]task.Status{
	"submitted":  task.Submitted,
	"queued":     task.Queued,
	"pending":    task.Queued,
	"running":    task.Processing,
	"processing": task.Processing,
	"generating": task.Processing,
	"streaming":  task.Streaming,
	"complete":   task.Complete,
	"success":    task.Complete,
	"error":      task.Failed,
	"failed":     task.Failed,
}

// maxClips bounds how many clips of one task are looked at.
const maxClips = 64

// clip is a song in Suno's own shape, or a lyric.
type clip struct {
	ID         upstream.Text `json:"id"`
	Status     upstream.Text `json:"status"`
	Title      upstream.Text `json:"title"`
	AudioURL   upstream.Text `json:"audio_url"` // a preview until the status is complete
	VideoURL   upstream.Text `json:"video_url"`
	ImageURL   upstream.Text `json:"image_url"`
	ImageLarge upstream.Text `json:"image_large_url"`
	ModelName  upstream.Text `json:"model_name"`
	Metadata   struct {      // where a clip keeps the half of its values
		Tags         upstream.Text    `json:"tags"`
		Prompt       upstream.Text    `json:"prompt"`
		Duration     upstream.Seconds `json:"duration"`
		ErrorType    upstream.Text    `json:"error_type"`
		ErrorMessage upstream.Text    `json:"error_message"`
	} `json:"metadata"`
	Text         upstream.Text `json:"text"` // of a lyric
	ErrorMessage upstream.Text `json:"error_message"`
}

// items reads results in their order: an array of them, or one. One without any
// value is left out.
func (a *Adapter) items(data json.RawMessage, t task.Type) []task.Item {
	clips, _ := upstream.Objects[clip](data, maxClips)
	var items []task.Item
	for _, c := range clips {
		it := c.song()
		if t == task.Lyrics {
			it = c.lyric()
		}
		it.Status = a.clipStatus(c.Status)
		if it.Status == task.Failed {
			it.Failure = itemEnding(string(cmp.Or(c.Metadata.ErrorMessage, c.ErrorMessage, c.Metadata.ErrorType)))
		}
		if it != (task.Item{Status: it.Status}) { // else it says no more than the task does
			items = append(items, it)
		}
	}
	return items
}

// clipStatus is empty where a clip has none; what it carries says it then.
func (a *Adapter) clipStatus(word upstream.Text) task.Status {
	if word == "" {
		return ""
	}
	status, known := clipStatuses[word.Word()]
	if !known {
		a.client.UnknownStatus(string(word))
		return task.Processing
	}
	return status
}

func (c clip) song() task.Item {
	return task.Item{
		ID:        string(c.ID),
		Title:     string(c.Title),
		AudioURL:  string(c.AudioURL),
		VideoURL:  string(c.VideoURL),
		ImageURL:  string(cmp.Or(c.ImageURL, c.ImageLarge)),
		Lyrics:    string(c.Metadata.Prompt),
		Tags:      string(c.Metadata.Tags),
		ModelName: string(c.ModelName),
		Duration:  float64(c.Metadata.Duration),
	}
}

func (c clip) lyric() task.Item {
	return task.Item{ID: string(c.ID), Title: string(c.Title), Lyrics: string(c.Text)}
}
