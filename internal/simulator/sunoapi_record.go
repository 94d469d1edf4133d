package simulator

import "tasksync/task"

// The records of sunoapi.org, field by field in the order of live answers.

type sunoapiMusicRecord struct {
	TaskID        string            `json:"taskId"`
	ParentMusicID string            `json:"parentMusicId"`
	Param         string            `json:"param"` // JSON in a string
	Response      *sunoapiMusicList `json:"response"`
	Status        string            `json:"status"`
	Type          string            `json:"type"`
	OperationType string            `json:"operationType"`
	sunoapiError
	CreateTime int64 `json:"createTime"` // milliseconds
}

type sunoapiMusicList struct {
	TaskID   string         `json:"taskId"`
	SunoData []sunoapiTrack `json:"sunoData"`
}

type sunoapiTrack struct {
	ID                   string   `json:"id"`
	AudioURL             string   `json:"audioUrl"`
	SourceAudioURL       *string  `json:"sourceAudioUrl,omitempty"` // absent while only the text is there
	StreamAudioURL       string   `json:"streamAudioUrl"`
	SourceStreamAudioURL *string  `json:"sourceStreamAudioUrl,omitempty"`
	ImageURL             string   `json:"imageUrl"`
	SourceImageURL       *string  `json:"sourceImageUrl,omitempty"`
	Prompt               string   `json:"prompt"`
	ModelName            string   `json:"modelName"`
	Title                *string  `json:"title"`
	Tags                 string   `json:"tags"`
	CreateTime           int64    `json:"createTime"`
	Duration             *float64 `json:"duration"`
}

type sunoapiLyricsRecord struct {
	TaskID   string             `json:"taskId"`
	Param    string             `json:"param"`
	Response *sunoapiLyricsList `json:"response"`
	Status   string             `json:"status"`
	Type     string             `json:"type"`
	sunoapiError
}

type sunoapiLyricsList struct {
	TaskID string         `json:"taskId"`
	Data   []sunoapiLyric `json:"data"`
}

type sunoapiLyric struct {
	Text         string  `json:"text"`
	Title        *string `json:"title"`
	Status       string  `json:"status"`
	ErrorMessage string  `json:"errorMessage"`
}

type sunoapiError struct {
	ErrorCode    *int    `json:"errorCode"`
	ErrorMessage *string `json:"errorMessage"`
}

func sunoapiMusic(t *subject, p phase) sunoapiMusicRecord {
	r := sunoapiMusicRecord{
		TaskID: t.life.id, ParentMusicID: t.life.parent, Param: t.param,
		Status: sunoapiStatus(p.state, "GENERATE_AUDIO_FAILED"),
		Type:   t.life.items[0].ModelName, OperationType: sunoapiOperation(t.life.taskType),
		sunoapiError: sunoapiTrouble(p.trouble), CreateTime: t.submittedAt.UnixMilli(),
	}
	if !sunoapiResponds(p.state) {
		return r
	}
	r.Response = &sunoapiMusicList{TaskID: t.life.id, SunoData: []sunoapiTrack{}}
	for i, item := range t.life.told(p) {
		track := sunoapiTrackOf(item, p.shows[i].depth)
		track.CreateTime = r.CreateTime
		r.Response.SunoData = append(r.Response.SunoData, track)
	}
	return r
}

func sunoapiTrackOf(item Item, d depth) sunoapiTrack {
	track := sunoapiTrack{
		ID: item.ID, AudioURL: item.AudioURL, StreamAudioURL: item.StreamAudioURL, ImageURL: item.ImageURL,
		Prompt: item.Lyrics, ModelName: item.ModelName, Title: sunoapiTitle(item), Tags: item.Tags,
		Duration: sunoapiDuration(item),
	}
	if d != depthText {
		track.SourceAudioURL = &item.SourceAudioURL
		track.SourceStreamAudioURL = &item.SourceStreamAudioURL
		track.SourceImageURL = &item.SourceImageURL
	}
	return track
}

func sunoapiLyrics(t *subject, p phase) sunoapiLyricsRecord {
	r := sunoapiLyricsRecord{
		TaskID: t.life.id, Param: t.param, Type: "LYRICS",
		Status:       sunoapiStatus(p.state, "GENERATE_LYRICS_FAILED"),
		sunoapiError: sunoapiTrouble(p.trouble),
	}
	if !sunoapiResponds(p.state) {
		return r
	}
	r.Response = &sunoapiLyricsList{TaskID: t.life.id, Data: []sunoapiLyric{}}
	for _, item := range t.life.told(p) {
		r.Response.Data = append(r.Response.Data, sunoapiLyric{
			Text: item.Lyrics, Title: sunoapiTitle(item), Status: string(item.Status), ErrorMessage: item.ErrorText,
		})
	}
	return r
}

// sunoapiResponds reports whether response is an object, not null.
func sunoapiResponds(s state) bool {
	return s == written || s == firstDone || s == done || s == undelivered
}

func sunoapiStatus(s state, failure string) string {
	return map[state]string{
		waiting:     "PENDING",
		strange:     "AWAITING_MASTERING", // no page names it
		written:     "TEXT_SUCCESS",
		firstDone:   "FIRST_SUCCESS",
		done:        "SUCCESS",
		undelivered: "CALLBACK_EXCEPTION",
		notCreated:  "CREATE_TASK_FAILED",
		failed:      failure,
		refused:     "SENSITIVE_WORD_ERROR",
	}[s]
}

// sunoapiOperation is documented for generate and extend only; for the other types it
// is the last part of their path.
func sunoapiOperation(taskType task.Type) string {
	switch taskType {
	case task.Replace:
		return "replace_section"
	case task.Merge:
		return "mashup"
	default:
		return string(taskType)
	}
}

func sunoapiTrouble(t *trouble) (e sunoapiError) {
	if t == nil {
		return e
	}
	e.ErrorCode = t.code
	if t.text != "" {
		e.ErrorMessage = &t.text
	}
	return e
}

func sunoapiTitle(item Item) *string {
	if item.NullTitle {
		return nil
	}
	return &item.Title
}

func sunoapiDuration(item Item) *float64 {
	if item.Duration <= 0 {
		return nil
	}
	return &item.Duration
}
