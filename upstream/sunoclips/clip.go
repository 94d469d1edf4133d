package sunoclips

import (
	"cmp"
	"encoding/json"

	"tasksync/task"
	"tasksync/upstream"
)

// maxAnswered bounds how many clips of one answer are looked at.
const maxAnswered = 256

// statuses are the words of the field `status`, of clips and of lyrics. The page
// names the first five; the others were seen by clients.
var statuses = map[string]task.Status{
	"submitted":  task.Submitted,
	"queued":     task.Queued,
	"streaming":  task.Streaming,
	"complete":   task.Complete,
	"error":      task.Failed,
	"generating": task.Processing,
	"running":    task.Processing,
}

// clip is a clip as the provider tells it, as far as a row can hold it.
type clip struct {
	ID                upstream.Text `json:"id"`
	Status            upstream.Text `json:"status"`
	Title             upstream.Text `json:"title"`
	AudioURL          upstream.Text `json:"audio_url"`
	VideoURL          upstream.Text `json:"video_url"`
	ImageURL          upstream.Text `json:"image_url"`
	ImageLargeURL     upstream.Text `json:"image_large_url"`
	ModelName         upstream.Text `json:"model_name"`
	MajorModelVersion upstream.Text `json:"major_model_version"`
	Metadata          struct {
		Tags         upstream.Text    `json:"tags"`
		Prompt       upstream.Text    `json:"prompt"` // the lyrics
		Duration     upstream.Seconds `json:"duration"`
		ErrorType    upstream.Text    `json:"error_type"`
		ErrorMessage upstream.Text    `json:"error_message"`
	} `json:"metadata"`
}

// readClips makes sense of the answer to a request for clips: those that have an
// id, by it, in lower case.
func readClips(ans upstream.Answer) (map[string]clip, *task.Failure) {
	list, ok := listOf(ans.Body)
	if !ok || ans.Status >= 300 {
		return nil, callFailure(ans, "list of clips")
	}
	clips := map[string]clip{}
	for _, c := range list {
		if c.ID != "" {
			key := c.ID.Word()
			clips[key] = further(clips[key], c)
		}
	}
	return clips, nil
}

// listOf are the clips of a body, an array bare or in an object; ok is false if
// there is none.
func listOf(body []byte) (clips []clip, ok bool) {
	if wrapper, ok := upstream.Object[struct {
		Clips json.RawMessage `json:"clips"`
	}](body); ok {
		body = wrapper.Clips
	}
	return upstream.Objects[clip](body, maxAnswered)
}

// further is the one of two descriptions of a clip that is further along. The
// zero clip is not.
func further(a, b clip) clip {
	if a.ID != "" && a.status().Join(b.status()) == a.status() {
		return a
	}
	return b
}

// status is where the clip stands; "" if the provider does not say. A word that
// no table knows means that it goes on.
func (c clip) status() task.Status {
	if c.Status == "" {
		return ""
	}
	return cmp.Or(statuses[c.Status.Word()], task.Processing)
}

// item is the clip in the words of package task, under the provider's id.
func (c clip) item() task.Item {
	m := c.Metadata
	it := task.Item{
		ID:        string(c.ID),
		Status:    c.status(),
		Title:     string(c.Title),
		AudioURL:  string(c.AudioURL),
		VideoURL:  string(c.VideoURL),
		ImageURL:  string(cmp.Or(c.ImageURL, c.ImageLargeURL)),
		Lyrics:    string(m.Prompt),
		Tags:      string(m.Tags),
		ModelName: string(cmp.Or(c.ModelName, c.MajorModelVersion)),
		Duration:  float64(m.Duration),
	}
	refused := refusal(string(m.ErrorType), string(m.ErrorMessage))
	switch {
	case it.Status == task.Failed:
		it.Failure = cmp.Or(refused, dead(cmp.Or(string(m.ErrorMessage), string(m.ErrorType), "The provider could not make this clip.")))
	case it.Status != task.Complete && it.AudioURL == "" && refused != nil: // there is nothing to lose by it
		it.Status, it.Failure = task.Failed, refused
	}
	return it
}
