package acedata

import (
	"cmp"
	"strings"

	"tasksync/task"
	"tasksync/upstream"
)

// clip is a song, or a lyric.
type clip struct {
	ID           upstream.Text    `json:"id"`
	State        upstream.Text    `json:"state"`
	Status       upstream.Text    `json:"status"` // of a lyric
	Title        upstream.Text    `json:"title"`
	AudioURL     upstream.Text    `json:"audio_url"` // a preview until the state is succeeded
	VideoURL     upstream.Text    `json:"video_url"`
	ImageURL     upstream.Text    `json:"image_url"`
	Lyric        upstream.Text    `json:"lyric"`
	Text         upstream.Text    `json:"text"` // of a lyric
	Style        texts            `json:"style"`
	Tags         texts            `json:"tags"` // of a lyric: an array
	Model        upstream.Text    `json:"model"`
	Duration     upstream.Seconds `json:"duration"`
	Error        upstream.Trouble `json:"error"`
	ErrorMessage upstream.Text    `json:"error_message"`
}

func (c *clip) state() upstream.Text { return cmp.Or(c.State, c.Status) }

// items reads results in their order. An empty one is left out.
func (a *Adapter) items(clips []clip, t task.Type) []task.Item {
	var items []task.Item
	for _, c := range clips {
		if c == (clip{}) {
			continue
		}
		it := c.song()
		if t == task.Lyrics {
			it = c.lyric()
		}
		if it.Status = a.status(c.state()); it.Status == task.Failed {
			it.Failure = itemEnding(upstream.Trouble{Code: c.Error.Code, Message: cmp.Or(c.Error.Message, c.ErrorMessage)})
		}
		items = append(items, it)
	}
	return items
}

func (c *clip) song() task.Item {
	it := task.Item{
		ID:        string(c.ID),
		Title:     string(c.Title),
		AudioURL:  string(c.AudioURL),
		VideoURL:  string(c.VideoURL),
		ImageURL:  string(c.ImageURL),
		Lyrics:    string(c.Lyric),
		Tags:      string(cmp.Or(c.Style, c.Tags)),
		ModelName: string(c.Model),
		Duration:  float64(c.Duration),
	}
	if strings.EqualFold(it.Title, it.ID) { // the provider had none
		it.Title = ""
	}
	return it
}

// lyric has no id at the provider: its position is all that it is known by.
func (c *clip) lyric() task.Item {
	return task.Item{Title: string(c.Title), Lyrics: string(c.Text), Tags: string(c.Tags)}
}

func isPending(it task.Item) bool { return it.Status.Pending() }

func hasAudio(it task.Item) bool { return it.AudioURL != "" || it.Status == task.Complete }
