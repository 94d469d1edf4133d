package simulator

import (
	"tasksync/task"
)

// The records of the /suno/fetch proxies, field by field in the order of the
// documented answers.

type sunoproxyTask struct {
	TaskID     string `json:"task_id"`
	NotifyHook string `json:"notify_hook"`
	Action     string `json:"action"`
	Status     string `json:"status"`
	FailReason string `json:"fail_reason"`
	SubmitTime int64  `json:"submit_time"` // seconds; 0: not yet
	StartTime  int64  `json:"start_time"`
	FinishTime int64  `json:"finish_time"`
	Progress   string `json:"progress"`
	Data       any    `json:"data"` // an array of clips, or one lyric
}

type sunoproxyClip struct {
	ID                string            `json:"id"`
	VideoURL          string            `json:"video_url"`
	AudioURL          string            `json:"audio_url"`
	ImageURL          string            `json:"image_url"`
	ImageLargeURL     string            `json:"image_large_url"`
	IsVideoPending    bool              `json:"is_video_pending"`
	MajorModelVersion string            `json:"major_model_version"`
	ModelName         string            `json:"model_name"`
	CreatedAt         string            `json:"created_at"`
	Status            string            `json:"status"`
	Title             *string           `json:"title"`
	Metadata          sunoproxyMetadata `json:"metadata"`
}

type sunoproxyMetadata struct {
	Tags                 string   `json:"tags"`
	Prompt               string   `json:"prompt"`
	GPTDescriptionPrompt *string  `json:"gpt_description_prompt"`
	AudioPromptID        *string  `json:"audio_prompt_id"`
	History              any      `json:"history"`
	ConcatHistory        any      `json:"concat_history"`
	Type                 string   `json:"type"`
	Duration             *float64 `json:"duration"`
	RefundCredits        *bool    `json:"refund_credits"`
	Stream               bool     `json:"stream"`
	ErrorType            *string  `json:"error_type"`
	ErrorMessage         *string  `json:"error_message"`
}

type sunoproxyLyric struct {
	ID     string  `json:"id"`
	Text   string  `json:"text"`
	Title  *string `json:"title"`
	Status string  `json:"status"`
}

func sunoproxyAction(l *life) string {
	if l.lyrics() {
		return "LYRICS"
	}
	return "MUSIC"
}

func (f sunoproxy) task(t *subject, p phase) sunoproxyTask {
	submitted := t.submittedAt.Unix()
	r := sunoproxyTask{
		TaskID: t.life.id, Action: sunoproxyAction(t.life), Status: f.status(p, p.from == t.life.phases[0].from),
		FailReason: p.trouble.said(), SubmitTime: submitted, Progress: "0%", Data: f.data(t, p),
	}
	if p.state != waiting {
		r.StartTime, r.Progress = submitted+1, "60%"
	}
	if p.state.over() {
		r.FinishTime, r.Progress = t.submittedAt.Add(p.from).Unix(), "100%"
	}
	return r
}

func (f sunoproxy) status(p phase, first bool) string {
	words := [...]string{"NOT_START", "QUEUED", "IN_PROGRESS", "SUCCESS", "FAILURE"}
	if f.dialect == sunoproxyInteger {
		words = [...]string{"submitted", "submitted", "processing", "complete", "error"}
	}
	switch {
	case p.state == waiting && first && p.trouble == nil:
		return words[0]
	case p.state == waiting:
		return words[1]
	case p.state == strange:
		return "AWAITING_MASTERING" // no page names it
	case p.state == done:
		return words[3]
	case p.state.over():
		return words[4]
	default:
		return words[2]
	}
}

// data returns the results: an array of clips, one lyric, or null.
func (f sunoproxy) data(t *subject, p phase) any {
	switch {
	case p.state.over() && p.state != done && f.dialect == sunoproxyDataOnly && !t.life.lyrics():
		return sunoproxyFailedClips(t, p)
	case p.state != written && p.state != firstDone && p.state != done:
		return f.noData(t, p)
	case t.life.lyrics():
		return f.lyric(t, p)
	}
	clips := []any{}
	for _, item := range t.life.told(p) {
		clip := sunoproxyClipOf(t, item)
		switch f.dialect {
		case sunoproxyInteger:
			clips = append(clips, sunoproxyFlat(clip))
		case sunoproxyReseller:
			clips = append(clips, sunoproxyResold(clip))
		default:
			clips = append(clips, clip)
		}
	}
	return clips
}

// noData returns null, or a lyric with a status where there is no task around it.
func (f sunoproxy) noData(t *subject, p phase) any {
	if f.dialect != sunoproxyDataOnly || !p.state.over() {
		return nil
	}
	return struct {
		sunoproxyLyric
		ErrorMessage string `json:"error_message"`
	}{sunoproxyLyric{ID: t.life.items[0].ID, Status: "error"}, p.trouble.said()}
}

func (sunoproxy) lyric(t *subject, p phase) any {
	for _, item := range t.life.told(p) {
		return sunoproxyLyric{ID: item.ID, Text: item.Lyrics, Title: sunoapiTitle(item), Status: "complete"}
	}
	return nil
}

// sunoproxyFailedClips has the failure in the clips, where there is no task around them.
func sunoproxyFailedClips(t *subject, p phase) []sunoproxyClip {
	var clips []sunoproxyClip
	for _, item := range t.life.items {
		clip := sunoproxyClipOf(t, Item{ID: item.ID, Status: task.Failed})
		if p.trouble.said() != "" {
			errorType := sunoclipsErrorType(t.life.code)
			clip.Metadata.ErrorType, clip.Metadata.ErrorMessage = &errorType, &p.trouble.text
		}
		clips = append(clips, clip)
	}
	return clips
}

func sunoproxyClipOf(t *subject, item Item) sunoproxyClip {
	clip := sunoproxyClip{
		ID: item.ID, VideoURL: item.VideoURL, AudioURL: item.AudioURL,
		ImageURL: item.ImageURL, ImageLargeURL: item.ImageURL,
		IsVideoPending: item.VideoURL == "", MajorModelVersion: "v4", ModelName: item.ModelName,
		CreatedAt: t.submittedAt.UTC().Format("2006-01-02T15:04:05.000Z"), Title: sunoapiTitle(item),
		Metadata: sunoproxyMetadata{Tags: item.Tags, Prompt: item.Lyrics, Type: "gen", Duration: sunoapiDuration(item), Stream: true},
	}
	switch item.Status {
	case task.Complete:
		clip.Status = "complete"
	case task.Failed:
		clip.Status = "error"
	case task.Streaming:
		clip.Status, clip.AudioURL = "streaming", item.StreamAudioURL
	default:
		clip.Status = "queued"
	}
	return clip
}
