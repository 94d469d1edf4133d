package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"

	"tasksync/task"
)

// acedata is the wire format of api.acedata.cloud. Tasks are submitted by two requests
// and asked for by a third, alone or many at once; errors have words for codes and the
// HTTP status of the same meaning.
type acedata struct{}

func (acedata) name() string { return "acedata" }

func (f acedata) routes() []route {
	return []route{
		{"POST /suno/audios", f.submit(task.Generate)},
		{"POST /suno/lyrics", f.submit(task.Lyrics)},
		{"POST /suno/tasks", f.tasks},
	}
}

// fit: ids are UUIDs, clips have Suno's own form, errors are texts, and unknown tasks
// are missing from the answer.
func (acedata) fit(l *life) {
	l.id = dashed(l.id)
	l.withOneURL()
	l.withoutCodes()
	l.withoutDelivery()
	l.leftOut = true
}

// dashed returns 32 hexadecimal digits as a UUID.
func dashed(h string) string {
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// tasks answers a request for tasks. The provider's pages do not say what the answer
// for a single unknown task is; an empty object says as little as a batch without it.
func (f acedata) tasks(s *Simulator, r *http.Request) reply {
	var fields struct {
		Action string   `json:"action"`
		ID     string   `json:"id"`
		IDs    []string `json:"ids"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody)).Decode(&fields); err != nil {
		return f.errorReply(badRequest, "body is not the JSON object that is expected")
	}
	switch {
	case fields.Action == "retrieve" && fields.ID != "":
		told, fault := s.statuses(f, []string{fields.ID}, anyLife)
		if len(told) == 0 {
			told = []json.RawMessage{[]byte("{}")}
		}
		return reply{code: http.StatusOK, body: told[0], fault: fault}
	case fields.Action == "retrieve_batch" && len(fields.IDs) > 0:
		items, fault := s.statuses(f, fields.IDs, anyLife)
		rep := acedataReply(http.StatusOK, struct {
			Items []json.RawMessage `json:"items"`
			Count int               `json:"count"`
		}{items, len(items)})
		rep.fault = fault
		return rep
	default:
		return f.errorReply(badRequest, "action must be retrieve with id, or retrieve_batch with ids")
	}
}

func anyLife(*life) bool { return true }

// submit always answers at once, as the provider does for a submit with async or
// callback_url.
func (f acedata) submit(taskType task.Type) handler {
	return submitting(f, taskType, "Prompt", func(s *Simulator, o order, fields acedataSubmit) reply {
		if taskType != task.Lyrics {
			o.taskType = acedataActions[fields.Action]
		}
		if detail := fields.missing(o.taskType); detail != "" {
			return f.errorReply(badRequest, detail)
		}
		if o.taskType == task.Extend {
			o.parent = fields.AudioID
		}
		return acedataReply(http.StatusOK, struct {
			TaskID string `json:"task_id"`
		}{s.submit(o)})
	})
}

// acedataActions are the actions of a submit of music, with their task types.
var acedataActions = map[string]task.Type{
	"":                task.Generate,
	"generate":        task.Generate,
	"extend":          task.Extend,
	"upload_extend":   task.Extend,
	"replace_section": task.Replace,
	"concat":          task.Merge,
}

// acedataSubmit has the fields of all submits that are read.
type acedataSubmit struct {
	Action       string  `json:"action"`
	Prompt       string  `json:"prompt"`
	Lyric        string  `json:"lyric"`
	Custom       bool    `json:"custom"`
	AudioID      string  `json:"audio_id"`
	ContinueAt   float64 `json:"continue_at"`
	Instrumental bool    `json:"instrumental"`
}

func (b acedataSubmit) missing(taskType task.Type) string {
	switch {
	case taskType == "":
		return fmt.Sprintf("action %q is not simulated", b.Action)
	case taskType == task.Lyrics && b.Prompt == "", taskType == task.Generate && b.Prompt == "" && !b.Custom:
		return "prompt is required"
	case taskType == task.Generate && b.Custom && b.Lyric == "" && !b.Instrumental:
		return "lyric is required"
	case (taskType == task.Extend || taskType == task.Replace || taskType == task.Merge) && b.AudioID == "":
		return "audio_id is required"
	case taskType == task.Extend && b.ContinueAt <= 0:
		return "continue_at must be a number greater than 0"
	default:
		return ""
	}
}

// acedataRefusals has the codes that the provider documents. It documents none for an
// account without credits, for maintenance and for an unknown task: those have the
// nearest code and the text that similar providers send.
var acedataRefusals = refusals{
	unauthorized: {http.StatusUnauthorized, "invalid_token", "The token is invalid or missing."},
	tooFrequent:  {http.StatusTooManyRequests, "too_many_requests", "Too many requests"},
	overLimit:    {http.StatusTooManyRequests, "too_many_requests", "Rate limit exceeded"},
	noCredits:    {http.StatusForbidden, "forbidden", "The remaining credits are not enough."},
	maintenance:  {http.StatusInternalServerError, "api_error", "service under maintenance, generation paused"},
	unknownTask:  {http.StatusBadRequest, "bad_request", taskNotFound},
	unknownRoute: {http.StatusBadRequest, "api_not_implemented", "The API is not implemented."},
	tooLong:      {http.StatusBadRequest, "bad_request", "%s too long."},
	badRequest:   {http.StatusBadRequest, "bad_request", "%s"},
}

func (acedata) errorReply(why problem, detail string) reply {
	r := acedataRefusals.of(why, detail)
	return acedataReply(r.code, acedataResponse{Error: &acedataTrouble{r.name, r.text}, TraceID: acedataTrace})
}

func acedataReply(status int, v any) reply {
	return reply{code: status, http: status, body: encode(v)}
}

func (acedata) tell(t *subject, p phase) []byte {
	return acedataReply(http.StatusOK, acedataRecordOf(t, p)).body
}
