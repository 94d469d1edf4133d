package simulator

import (
	"encoding/json"
	"strings"
	"time"

	"tasksync/task"
)

// The records of api.acedata.cloud, field by field in the order of the
// documented answers. Every second task has a state, as the provider's newer records
// have.

type acedataRecord struct {
	InnerID       string           `json:"_id"`
	ID            string           `json:"id"`
	APIID         string           `json:"api_id"`
	ApplicationID string           `json:"application_id"`
	CreatedAt     float64          `json:"created_at"` // seconds
	CredentialID  string           `json:"credential_id"`
	Request       json.RawMessage  `json:"request"`
	TraceID       string           `json:"trace_id"`
	UserID        string           `json:"user_id"`
	State         string           `json:"state,omitempty"`
	Response      *acedataResponse `json:"response,omitempty"` // not before there is something to tell
	StartedAt     float64          `json:"started_at,omitempty"`
	FinishedAt    float64          `json:"finished_at,omitempty"`
	Elapsed       float64          `json:"elapsed,omitempty"`
}

// acedataResponse says success from the first clip on, whatever its state.
type acedataResponse struct {
	Success bool            `json:"success"`
	TaskID  string          `json:"task_id,omitempty"`
	Error   *acedataTrouble `json:"error,omitempty"`
	TraceID string          `json:"trace_id,omitempty"`
	Data    any             `json:"data,omitempty"` // clips, lyrics, or one lyric
}

type acedataTrouble struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

type acedataClip struct {
	ID            string           `json:"id"`
	Title         *string          `json:"title"`
	ImageURL      string           `json:"image_url"`
	Lyric         string           `json:"lyric"`
	AudioURL      string           `json:"audio_url"` // a preview before the state is succeeded
	VideoURL      string           `json:"video_url"`
	CreatedAt     string           `json:"created_at"`
	Model         string           `json:"model"`
	State         string           `json:"state"`
	Prompt        string           `json:"prompt"`
	Style         string           `json:"style"`
	Duration      *float64         `json:"duration"`
	ConcatHistory []map[string]any `json:"concat_history,omitempty"`
}

type acedataLyric struct {
	Text         string   `json:"text"`
	Title        *string  `json:"title"`
	Status       string   `json:"status"`
	Tags         []string `json:"tags"`
	ErrorMessage string   `json:"error_message,omitempty"`
}

const acedataTrace = "44444444-4444-4444-8444-444444444404"

func acedataRecordOf(t *subject, p phase) acedataRecord {
	r := acedataRecord{
		InnerID: strings.ReplaceAll(t.life.id, "-", "")[:24], ID: t.life.id,
		APIID:         "44444444-4444-4444-8444-444444444401",
		ApplicationID: "44444444-4444-4444-8444-444444444402",
		CredentialID:  "44444444-4444-4444-8444-444444444403",
		TraceID:       acedataTrace,
		UserID:        "44444444-4444-4444-8444-444444444405",
		CreatedAt:     unixSeconds(t.submittedAt), Request: json.RawMessage(t.param),
		Response: acedataResponseOf(t, p),
	}
	if p.state == strange || t.number%2 == 1 {
		r.State = acedataState(p.state)
	}
	if p.state.over() {
		r.StartedAt = r.CreatedAt + 1
		r.FinishedAt = max(unixSeconds(t.submittedAt.Add(p.from)), r.StartedAt+1)
		r.Elapsed = r.FinishedAt - r.StartedAt
	}
	return r
}

func unixSeconds(at time.Time) float64 { return float64(at.UnixMilli()) / 1000 }

func acedataState(s state) string {
	switch s {
	case waiting, written:
		return "pending"
	case firstDone:
		return "processing"
	case strange:
		return "awaiting_mastering" // no page names it
	case done:
		return "complete"
	default:
		return "failed"
	}
}

// acedataResponseOf returns nil while there is nothing to tell. A task that is refused
// and still pending has its error only in a record with a state.
func acedataResponseOf(t *subject, p phase) *acedataResponse {
	r := &acedataResponse{TaskID: t.life.id, TraceID: acedataTrace}
	switch {
	case p.state == written || p.state == firstDone || p.state == done:
		r.Success, r.Data = true, acedataData(t, p)
		if t.life.taskType != task.Merge && t.life.taskType != task.Replace {
			r.TraceID = ""
		}
	case p.state.over(), p.trouble != nil && t.number%2 == 1:
		r.Error = acedataTroubleOf(t.life, p)
	default:
		return nil
	}
	return r
}

// acedataTroubleOf returns the error with the nearest code.
func acedataTroubleOf(l *life, p phase) *acedataTrouble {
	e := &acedataTrouble{Code: "bad_request", Message: p.trouble.said()}
	switch {
	case p.state == refused:
		e.Code = "forbidden"
	case l.code == task.APIError:
		e.Code = "api_error"
	}
	return e
}

// acedataData returns an array, or an object for a single lyric, as the provider once
// did for all lyrics.
func acedataData(t *subject, p phase) any {
	items := t.life.told(p)
	if !t.life.lyrics() {
		clips := []acedataClip{}
		for _, item := range items {
			clips = append(clips, acedataClipOf(t, item))
		}
		return clips
	}
	lyrics := []acedataLyric{}
	for _, item := range items {
		lyrics = append(lyrics, acedataLyricOf(item))
	}
	if len(lyrics) == 1 {
		return lyrics[0]
	}
	return lyrics
}

func acedataLyricOf(item Item) acedataLyric {
	l := acedataLyric{Text: item.Lyrics, Title: sunoapiTitle(item), Status: "complete", Tags: []string{}}
	if item.Status == task.Failed {
		l.Status, l.ErrorMessage = "error", item.ErrorText
	}
	return l
}

func acedataClipOf(t *subject, item Item) acedataClip {
	clip := acedataClip{
		ID: item.ID, Title: sunoapiTitle(item), ImageURL: item.ImageURL, Lyric: item.Lyrics,
		AudioURL: item.AudioURL, VideoURL: item.VideoURL,
		CreatedAt: t.submittedAt.UTC().Format("2006-01-02T15:04:05.000Z"),
		Model:     item.ModelName, Prompt: "placeholder", Style: item.Tags, Duration: sunoapiDuration(item),
		ConcatHistory: acedataHistory(t.life.taskType),
	}
	switch item.Status {
	case task.Complete:
		clip.State = "succeeded"
	case task.Streaming:
		clip.State, clip.AudioURL = "running", item.StreamAudioURL
	default:
		clip.State = "pending"
	}
	return clip
}

// acedataHistory returns the history of a clip that was made from others.
func acedataHistory(taskType task.Type) []map[string]any {
	first := map[string]any{"id": "22222222-2222-4222-8222-222222222201", "type": "gen"}
	switch taskType {
	case task.Merge:
		first["source"], first["infill"], first["continue_at"] = "web", false, 2
	case task.Replace:
		first["source"], first["infill"], first["infill_lyrics"] = "ios", true, "placeholder"
		for _, name := range []string{
			"infill_start_s", "infill_end_s", "infill_dur_s", "infill_context_start_s", "infill_context_end_s",
			"include_future_s", "include_history_s",
		} {
			first[name] = 2
		}
	default:
		return nil
	}
	return []map[string]any{first, {"id": "22222222-2222-4222-8222-222222222202"}}
}
