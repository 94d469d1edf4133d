package simulator

import (
	"encoding/json"
	"net/http"
	"slices"

	"tasksync/task"
)

// sunoproxy is the wire format of the /suno/fetch proxies: Suno-API, new-api and
// their resellers. Its dialects are:
//
//	""         a batch call and a single one, both with the task around its results
//	single     the batch call is answered with HTTP 405
//	data-only  no batch call (404); the single one has the results alone
//	integer    code 1 for success, and statuses in words of its own; a clip has no
//	           metadata, but its values beside the others
//	reseller   no code for success, numbers for statuses, and names of its own for
//	           the values of a clip, which are in response.tracks
type sunoproxy struct{ dialect string }

// The dialects beside the usual one.
const (
	sunoproxySingle   = "single"
	sunoproxyDataOnly = "data-only"
	sunoproxyInteger  = "integer"
	sunoproxyReseller = "reseller"
)

func (sunoproxy) name() string { return "sunoproxy" }

func (f sunoproxy) routes() []route {
	return []route{
		{"POST /suno/submit/music", f.submit(task.Generate)},
		{"POST /suno/submit/concat", f.submit(task.Merge)},
		{"POST /suno/submit/lyrics", f.submit(task.Lyrics)},
		{"POST /suno/fetch", f.many},
		{"GET /suno/fetch/{id}", f.one},
	}
}

// fit: errors are texts, clips have Suno's own form, and unknown tasks are missing from
// the batch call's answer. A lyrics task has one result.
func (f sunoproxy) fit(l *life) {
	l.withOneURL()
	l.withOneLyric()
	l.withoutCodes()
	l.withoutDelivery()
	l.lostText = "task not exist"
	l.leftOut = f.dialect == "" || f.dialect == sunoproxyInteger || f.dialect == sunoproxyReseller
	l.itemsOnly = f.dialect == sunoproxyDataOnly
	if l.lyrics() {
		l.items[0].ID = dashed(l.id)
	}
}

// many answers the batch call. Music and lyrics are asked for separately.
func (f sunoproxy) many(s *Simulator, r *http.Request) reply {
	switch f.dialect {
	case sunoproxySingle:
		return reply{code: http.StatusMethodNotAllowed, http: http.StatusMethodNotAllowed, body: []byte("Method Not Allowed")}
	case sunoproxyDataOnly:
		return f.errorReply(unknownRoute, "")
	}
	var fields struct {
		IDs    []string `json:"ids"`
		Action string   `json:"action"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody)).Decode(&fields); err != nil {
		return f.errorReply(badRequest, "body is not the JSON object that is expected")
	}
	told, fault := s.statuses(f, fields.IDs, func(l *life) bool { return fields.Action == "" || fields.Action == sunoproxyAction(l) })
	return f.success(told, fault)
}

func (f sunoproxy) one(s *Simulator, r *http.Request) reply {
	rep := s.status(f, r.PathValue("id"), anyLife)
	if rep.code == http.StatusOK {
		return f.success(json.RawMessage(rep.body), rep.fault)
	}
	return rep
}

func (f sunoproxy) submit(taskType task.Type) handler {
	return submitting(f, taskType, "Prompt", func(s *Simulator, o order, fields sunoproxySubmit) reply {
		if o.taskType = fields.taskType(taskType); o.taskType == task.Extend {
			o.parent = fields.ContinueClipID
		}
		if detail := fields.missing(o.taskType); detail != "" {
			return f.errorReply(badRequest, detail)
		}
		return f.success(s.submit(o), NoFault)
	})
}

// sunoproxySubmit has the fields of all submits that are read.
type sunoproxySubmit struct {
	Prompt               string   `json:"prompt"`
	GPTDescriptionPrompt string   `json:"gpt_description_prompt"`
	MakeInstrumental     bool     `json:"make_instrumental"`
	TaskID               string   `json:"task_id"`
	ContinueClipID       string   `json:"continue_clip_id"`
	ClipID               string   `json:"clip_id"`
	InfillStartS         *float64 `json:"infill_start_s"`
}

// taskType returns the type of a submit: all submits of music have one path.
func (b sunoproxySubmit) taskType(taskType task.Type) task.Type {
	switch {
	case taskType == task.Generate && b.InfillStartS != nil:
		return task.Replace
	case taskType == task.Generate && b.ContinueClipID != "":
		return task.Extend
	default:
		return taskType
	}
}

func (b sunoproxySubmit) missing(taskType task.Type) string {
	switch {
	case (taskType == task.Generate || taskType == task.Lyrics) && b.Prompt == "" && b.GPTDescriptionPrompt == "" && !b.MakeInstrumental:
		return "prompt is required"
	case taskType == task.Extend && b.TaskID == "":
		return "task_id is required"
	case taskType == task.Merge && b.ClipID == "":
		return "clip_id is required"
	default:
		return ""
	}
}

// sunoproxyRefusals has the error for unknownTask from the source of such a proxy; the other
// errors are written in the same manner, with the HTTP status of the same meaning.
var sunoproxyRefusals = refusals{
	unauthorized: {http.StatusUnauthorized, "unauthorized", "Invalid token"},
	tooFrequent:  {http.StatusTooManyRequests, "too_many_requests", "Too many requests, please try again later"},
	overLimit:    {http.StatusTooManyRequests, "rate_limit_exceeded", "Rate limit exceeded"},
	noCredits:    {http.StatusForbidden, "insufficient_user_quota", "The remaining credits are not enough."},
	maintenance:  {http.StatusServiceUnavailable, "service_unavailable", "service under maintenance, generation paused"},
	unknownTask:  {http.StatusBadRequest, "invalid_request", "task not exist"},
	unknownRoute: {http.StatusNotFound, "invalid_request", "Invalid URL"},
	tooLong:      {http.StatusBadRequest, "invalid_request", "%s too long."},
	badRequest:   {http.StatusBadRequest, "invalid_request", "%s"},
}

func (f sunoproxy) errorReply(why problem, detail string) reply {
	r := sunoproxyRefusals.of(why, detail)
	rep := f.encode(r.name, r.text, nil)
	rep.code, rep.http = r.code, r.code
	return rep
}

// success makes an answer without an error.
func (f sunoproxy) success(data any, fault Fault) reply {
	rep := f.encode("success", "", data)
	rep.code, rep.fault = http.StatusOK, fault
	return rep
}

func (f sunoproxy) encode(code, message string, data any) reply {
	var told any = code
	switch {
	case f.dialect == sunoproxyInteger:
		told = slices.Index([]string{"", "success"}, code) // 1, or -1
	case f.dialect == sunoproxyReseller && code == "success":
		told = nil
	}
	return reply{body: encode(struct {
		Code    any    `json:"code,omitempty"`
		Message string `json:"message"`
		Data    any    `json:"data"`
	}{told, message, data})}
}

// tell encodes a task without the envelope.
func (f sunoproxy) tell(t *subject, p phase) []byte {
	var told any = f.task(t, p)
	switch f.dialect {
	case sunoproxyDataOnly:
		told = f.data(t, p)
	case sunoproxyReseller:
		told = f.resold(t, p)
	}
	return encode(told)
}
