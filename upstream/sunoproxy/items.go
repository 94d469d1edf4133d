package sunoproxy

import (
	"cmp"
	"encoding/json"

	"tasksync/task"
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

// clip is a song in Suno's own shape, or a lyric.
type clip struct {
	ID           text     `json:"id"`
	Status       text     `json:"status"`
	Title        text     `json:"title"`
	AudioURL     text     `json:"audio_url"` // a preview until the status is complete
	VideoURL     text     `json:"video_url"`
	ImageURL     text     `json:"image_url"`
	ImageLarge   text     `json:"image_large_url"`
	ModelName    text     `json:"model_name"`
	Metadata     metadata `json:"metadata"`
	Text         text     `json:"text"` // of a lyric
	ErrorMessage text     `json:"error_message"`
}

// items reads results in their order: an array of them, or one. One without any
// value is left out.
func (a *Adapter) items(data json.RawMessage, t task.Type) []task.Item {
	clips, _ := objects[clip](data, maxClips)
	var items []task.Item
	for _, c := range clips {
		it := c.song()
		if t == task.Lyrics {
			it = c.lyric()
		}
		it.Status = a.clipStatus(c.Status)
		if it.Status == task.Failed {
			it.Failure = itemEnding(cmp.Or(c.Metadata.ErrorMessage, c.ErrorMessage, c.Metadata.ErrorType).String())
		}
		if it != (task.Item{Status: it.Status}) { // else it says no more than the task does
			items = append(items, it)
		}
	}
	return items
}

// clipStatus is empty where a clip has none; what it carries says it then.
func (a *Adapter) clipStatus(word text) task.Status {
	if word == "" {
		return ""
	}
	status, known := clipStatuses[word.word()]
	if !known {
		a.unknown.note(a.client.Redact(shorten(word.String())))
		return task.Processing
	}
	return status
}

func (c clip) song() task.Item {
	return task.Item{
		ID:        c.ID.String(),
		Title:     c.Title.String(),
		AudioURL:  c.AudioURL.String(),
		VideoURL:  c.VideoURL.String(),
		ImageURL:  cmp.Or(c.ImageURL, c.ImageLarge).String(),
		Lyrics:    c.Metadata.Prompt.String(),
		Tags:      c.Metadata.Tags.String(),
		ModelName: c.ModelName.String(),
		Duration:  float64(c.Metadata.Duration),
	}
}

func (c clip) lyric() task.Item {
	return task.Item{ID: c.ID.String(), Title: c.Title.String(), Lyrics: c.Text.String()}
}
