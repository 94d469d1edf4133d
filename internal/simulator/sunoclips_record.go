package simulator

import (
	"encoding/json"
	"fmt"
	"strings"

	"tasksync/task"
)

// The records of Suno's own API, field by field in the order of its page.

type sunoclipsClip struct {
	ID            string            `json:"id"`
	RequestID     string            `json:"request_id"`
	Status        string            `json:"status"`
	Title         *string           `json:"title"`
	CreatedAt     string            `json:"created_at"`
	Metadata      sunoclipsMetadata `json:"metadata"`
	AudioURL      *string           `json:"audio_url,omitempty"` // absent before the stream
	ImageURL      string            `json:"image_url,omitempty"`
	ImageLargeURL string            `json:"image_large_url,omitempty"` // only of a final clip
}

type sunoclipsMetadata struct {
	Tags                 string `json:"tags"`
	Prompt               string `json:"prompt"`
	GPTDescriptionPrompt string `json:"gpt_description_prompt"`
	Type                 string `json:"type"`
	Duration             any    `json:"duration,omitempty"` // absent before the end; null, a json.RawMessage, after an error
	ErrorType            string `json:"error_type,omitempty"`
	ErrorMessage         string `json:"error_message,omitempty"`
}

type sunoclipsLyric struct {
	Text         string  `json:"text"`
	Title        *string `json:"title"`
	Status       string  `json:"status"`
	ErrorMessage string  `json:"error_message,omitempty"`
}

// sunoclipsOf returns the clips of a task. All of them fail with the task; a clip that is
// complete before anything is told has the sentinel as its audio.
func sunoclipsOf(t *subject, p phase) []sunoclipsClip {
	items := t.life.told(p)
	if len(items) == 0 {
		for _, item := range t.life.items {
			items = append(items, Item{ID: item.ID, Status: task.Complete, AudioURL: sentinel})
		}
	}
	clips := []sunoclipsClip{}
	for _, item := range items {
		clips = append(clips, sunoclipsClipOf(t, p, item))
	}
	return clips
}

func sunoclipsClipOf(t *subject, p phase, item Item) sunoclipsClip {
	clip := sunoclipsClip{
		ID: item.ID, RequestID: fmt.Sprintf("%08x", t.number) + item.ID[8:],
		Status: sunoclipsStatus(t, p, item), Title: sunoapiTitle(item),
		CreatedAt: t.submittedAt.UTC().Format("2006-01-02T15:04:05.000Z"),
		Metadata:  sunoclipsMetadata{Tags: item.Tags, Prompt: item.Lyrics, GPTDescriptionPrompt: "a song of rivers", Type: "gen"},
		ImageURL:  item.ImageURL,
	}
	if p.trouble.said() != "" {
		clip.Metadata.ErrorType, clip.Metadata.ErrorMessage = sunoclipsErrorType(t.life.code), p.trouble.text
	}
	switch clip.Status {
	case "streaming":
		clip.AudioURL = &item.StreamAudioURL
	case "complete":
		clip.AudioURL, clip.ImageLargeURL = &item.AudioURL, strings.Replace(item.ImageURL, "image_", "image_large_", 1)
		if item.Duration > 0 {
			clip.Metadata.Duration = item.Duration
		}
	case "error":
		none := ""
		clip.AudioURL, clip.Metadata.Duration = &none, json.RawMessage("null")
	}
	return clip
}

func sunoclipsStatus(t *subject, p phase, item Item) string {
	switch {
	case p.state == done:
		return "complete"
	case p.state.over():
		return "error"
	case p.state == strange:
		return "mastering" // no page names it
	case item.Status == task.Complete:
		return "complete"
	case item.Status == task.Streaming:
		return "streaming"
	case p.from == t.life.phases[0].from:
		return "submitted"
	default:
		return "queued"
	}
}

// sunoclipsErrorType is the type of an error. Only the first was ever seen.
func sunoclipsErrorType(code task.Code) string {
	switch code {
	case task.APIError:
		return "generation_failure"
	case task.InvalidRequest:
		return "invalid_request"
	default:
		return "moderation_failure"
	}
}

func sunoclipsLyricOf(t *subject, p phase) sunoclipsLyric {
	none := ""
	r := sunoclipsLyric{Title: &none, Status: "running", ErrorMessage: p.trouble.said()}
	switch {
	case p.state == done:
		r.Status = "complete"
	case p.state == strange:
		r.Status = "mastering"
	case p.state.over():
		r.Status = "error"
	}
	for _, item := range t.life.told(p) {
		r.Text, r.Title = item.Lyrics, sunoapiTitle(item)
	}
	return r
}
