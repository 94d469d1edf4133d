package simulator

// The records of two dialects, as far as their servers were seen to differ from
// the documented answers.

type sunoproxyFlatClip struct {
	ID        string   `json:"id"`
	Status    string   `json:"status"`
	Title     *string  `json:"title"`
	AudioURL  string   `json:"audio_url"`
	VideoURL  string   `json:"video_url"`
	ImageURL  string   `json:"image_url"`
	ModelName string   `json:"model_name"`
	Tags      string   `json:"tags"`
	Prompt    string   `json:"prompt"`
	Duration  *float64 `json:"duration"`
}

// sunoproxyFlat returns a clip of the integer dialect.
func sunoproxyFlat(c sunoproxyClip) sunoproxyFlatClip {
	return sunoproxyFlatClip{
		ID: c.ID, Status: c.Status, Title: c.Title, AudioURL: c.AudioURL, VideoURL: c.VideoURL, ImageURL: c.ImageURL,
		ModelName: c.ModelName, Tags: c.Metadata.Tags, Prompt: c.Metadata.Prompt, Duration: c.Metadata.Duration,
	}
}

type sunoproxyResoldTask struct {
	TaskID     string `json:"taskId"`
	Status     int    `json:"status"`
	FailReason string `json:"failReason"`
	Response   any    `json:"response"`
}

type sunoproxyResoldClip struct {
	ClipID    string   `json:"clipId"`
	Status    int      `json:"status"`
	Title     *string  `json:"title"`
	AudioURL  string   `json:"cld2AudioUrl"`
	ImageURL  string   `json:"cld2ImageUrl"`
	VideoURL  string   `json:"videoUrl"`
	ModelName string   `json:"model"`
	Style     string   `json:"style"`
	Lyrics    string   `json:"lyrics"`
	Duration  *float64 `json:"duration"`
}

// resold returns a task of the reseller dialect.
func (f sunoproxy) resold(t *subject, p phase) sunoproxyResoldTask {
	r := sunoproxyResoldTask{TaskID: t.life.id, Status: sunoproxyNumber(f.status(p, false)), FailReason: p.trouble.said()}
	if tracks := f.data(t, p); tracks != nil {
		r.Response = map[string]any{"sunoData": nil, "tracks": tracks}
	}
	return r
}

func sunoproxyResold(c sunoproxyClip) sunoproxyResoldClip {
	return sunoproxyResoldClip{
		ClipID: c.ID, Status: sunoproxyNumber(c.Status), Title: c.Title, AudioURL: c.AudioURL, ImageURL: c.ImageURL, VideoURL: c.VideoURL,
		ModelName: c.ModelName, Style: c.Metadata.Tags, Lyrics: c.Metadata.Prompt, Duration: c.Metadata.Duration,
	}
}

// sunoproxyNumber returns the number of a status word: running, done or failed.
func sunoproxyNumber(word string) int {
	switch word {
	case "SUCCESS", "complete":
		return 30
	case "FAILURE", "error":
		return 40
	default:
		return 20
	}
}
