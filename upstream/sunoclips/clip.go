package sunoclips

import (
	"bytes"
	"cmp"
	"encoding/json"
	"strings"

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
	ID                text `json:"id"`
	Status            text `json:"status"`
	Title             text `json:"title"`
	AudioURL          text `json:"audio_url"`
	VideoURL          text `json:"video_url"`
	ImageURL          text `json:"image_url"`
	ImageLargeURL     text `json:"image_large_url"`
	ModelName         text `json:"model_name"`
	MajorModelVersion text `json:"major_model_version"`
	Metadata          struct {
		Tags         text   `json:"tags"`
		Prompt       text   `json:"prompt"` // the lyrics
		Duration     number `json:"duration"`
		ErrorType    text   `json:"error_type"`
		ErrorMessage text   `json:"error_message"`
	} `json:"metadata"`
}

// readClips makes sense of the answer to a request for clips: those that have an
// id, by it, in lower case.
func readClips(ans upstream.Answer) (map[string]clip, *task.Failure) {
	list := listOf(ans.Body)
	if list == nil || ans.Status >= 300 {
		return nil, callFailure(ans, "list of clips")
	}
	clips := map[string]clip{}
	elements := json.NewDecoder(bytes.NewReader(list))
	_, err := elements.Token()
	for n := 0; err == nil && elements.More() && n < maxAnswered; n++ {
		var element json.RawMessage
		if err = elements.Decode(&element); err != nil {
			break
		}
		var c clip
		decode(element, &c)
		if c.ID != "" {
			key := strings.ToLower(string(c.ID))
			clips[key] = further(clips[key], c)
		}
	}
	return clips, nil
}

// listOf is the array of clips in a body, bare or in an object; nil: there is
// none.
func listOf(body []byte) []byte {
	list := bytes.TrimSpace(body)
	if len(list) > 0 && list[0] == '{' {
		var wrapper struct {
			Clips json.RawMessage `json:"clips"`
		}
		decode(list, &wrapper)
		list = bytes.TrimSpace(wrapper.Clips)
	}
	if len(list) == 0 || list[0] != '[' {
		return nil
	}
	return list
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
	return cmp.Or(statuses[strings.ToLower(string(c.Status))], task.Processing)
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
