package simulator

import (
	"strconv"
	"time"
)

// kieJob is the record of a job, field by field as the provider's page has it.
type kieJob struct {
	TaskID       string  `json:"taskId"`
	Model        string  `json:"model"`
	State        string  `json:"state"`
	Param        string  `json:"param"`      // JSON in a string
	ResultJSON   string  `json:"resultJson"` // JSON in a string; empty until the job has ended
	FailCode     *string `json:"failCode"`
	FailMsg      *string `json:"failMsg"`
	Progress     int     `json:"progress"` // percent
	CostTime     int64   `json:"costTime"` // milliseconds
	CreateTime   int64   `json:"createTime"`
	CompleteTime *int64  `json:"completeTime"`
}

// kieTrack is a song in resultJson. The provider's page names only the URLs; the other
// names are from the provider's callbacks.
type kieTrack struct {
	ID                   string   `json:"id"`
	AudioURL             string   `json:"audio_url"`
	SourceAudioURL       string   `json:"source_audio_url"`
	StreamAudioURL       string   `json:"stream_audio_url"`
	SourceStreamAudioURL string   `json:"source_stream_audio_url"`
	ImageURL             string   `json:"image_url"`
	SourceImageURL       string   `json:"source_image_url"`
	Prompt               string   `json:"prompt"`
	ModelName            string   `json:"model_name"`
	Title                *string  `json:"title"`
	Tags                 string   `json:"tags"`
	CreateTime           int64    `json:"createTime"`
	Duration             *float64 `json:"duration"`
}

type kieLyric struct {
	Text         string  `json:"text"`
	Title        *string `json:"title"`
	Status       string  `json:"status"`
	ErrorMessage string  `json:"error_message"`
}

func kieJobOf(t *subject, p phase) kieJob {
	j := kieJob{
		TaskID: t.life.id, Model: kieModelOf(t.life), State: kieState(p.state), Param: t.param,
		Progress: kieProgress(p.state), CreateTime: t.submittedAt.UnixMilli(),
	}
	if p.trouble != nil {
		j.FailMsg = &p.trouble.text
		if p.trouble.code != nil {
			code := strconv.Itoa(*p.trouble.code)
			j.FailCode = &code
		}
	}
	if p.state.over() {
		ended := t.submittedAt.Add(p.from).UnixMilli()
		j.CompleteTime, j.CostTime = &ended, int64(p.from/time.Millisecond)
	}
	if p.state == done {
		j.ResultJSON = kieResult(t, p, j.CreateTime)
	}
	return j
}

// kieResult returns the JSON of a job's results.
func kieResult(t *subject, p phase, created int64) string {
	results := []any{}
	for _, item := range t.life.told(p) {
		if t.life.lyrics() {
			results = append(results, kieLyric{item.Lyrics, sunoapiTitle(item), string(item.Status), item.ErrorText})
			continue
		}
		results = append(results, kieTrackOf(item, created))
	}
	return string(encode(map[string]any{"data": results}))
}

func kieTrackOf(item Item, created int64) kieTrack {
	return kieTrack{
		ID: item.ID, AudioURL: item.AudioURL, SourceAudioURL: item.SourceAudioURL,
		StreamAudioURL: item.StreamAudioURL, SourceStreamAudioURL: item.SourceStreamAudioURL,
		ImageURL: item.ImageURL, SourceImageURL: item.SourceImageURL,
		Prompt: item.Lyrics, ModelName: item.ModelName, Title: sunoapiTitle(item), Tags: item.Tags, CreateTime: created,
		Duration: sunoapiDuration(item),
	}
}

func kieModelOf(l *life) string {
	for name, taskType := range kieModels {
		if taskType == l.taskType {
			return name
		}
	}
	return "ai-music-api/" + string(l.taskType)
}

func kieState(s state) string {
	switch s {
	case waiting:
		return "waiting"
	case written, firstDone:
		return "generating"
	case done:
		return "success"
	case notCreated, failed, refused:
		return "fail"
	default:
		return "mastering" // no page names it
	}
}

func kieProgress(s state) int {
	switch s {
	case waiting:
		return 0
	case done:
		return 100
	default:
		return 50
	}
}
