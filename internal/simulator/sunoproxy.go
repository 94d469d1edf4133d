package simulator

import (
	"encoding/json"
	"errors"
	"fmt"
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

var (
	_ wire   = sunoproxy{}
	_ fitter = sunoproxy{}
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
		l.items[0].ID = l.id[:8] + "-" + l.id[8:12] + "-" + l.id[12:16] + "-" + l.id[16:20] + "-" + l.id[20:]
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
	if told == nil {
		told = []json.RawMessage{}
	}
	return f.success(told, fault)
}

func (f sunoproxy) one(s *Simulator, r *http.Request) reply {
	told, fault := s.statuses(f, []string{r.PathValue("id")}, func(*life) bool { return true })
	switch {
	case fault.swallows():
		return reply{fault: fault}
	case len(told) == 0:
		rep := f.errorReply(unknownTask, "")
		rep.fault = fault
		return rep
	default:
		return f.success(told[0], fault)
	}
}

func (f sunoproxy) submit(taskType task.Type) func(*Simulator, *http.Request) reply {
	return func(s *Simulator, r *http.Request) reply {
		var fields sunoproxySubmit
		o, err := readOrder(r, taskType, &fields)
		if errors.Is(err, errTooLong) {
			return f.errorReply(tooLong, "Prompt")
		}
		if err != nil {
			return f.errorReply(badRequest, err.Error())
		}
		if o.taskType = fields.taskType(taskType); o.taskType == task.Extend {
			o.parent = fields.ContinueClipID
		}
		if detail := fields.missing(o.taskType); detail != "" {
			return f.errorReply(badRequest, detail)
		}
		return f.success(s.submit(o), NoFault)
	}
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

// errorReply has the error for unknownTask from the source of such a proxy; the other
// errors are written in the same manner, with the HTTP status of the same meaning.
func (f sunoproxy) errorReply(why problem, detail string) reply {
	say := func(status int, code, message string) reply {
		rep := f.encode(code, message, nil)
		rep.code, rep.http = status, status
		return rep
	}
	switch why {
	case unauthorized:
		return say(http.StatusUnauthorized, "unauthorized", "Invalid token")
	case tooFrequent:
		return say(http.StatusTooManyRequests, "too_many_requests", "Too many requests, please try again later")
	case overLimit:
		return say(http.StatusTooManyRequests, "rate_limit_exceeded", "Rate limit exceeded")
	case noCredits:
		return say(http.StatusForbidden, "insufficient_user_quota", "The remaining credits are not enough.")
	case maintenance:
		return say(http.StatusServiceUnavailable, "service_unavailable", "service under maintenance, generation paused")
	case unknownTask:
		return say(http.StatusBadRequest, "invalid_request", "task not exist")
	case unknownRoute:
		return say(http.StatusNotFound, "invalid_request", "Invalid URL")
	case tooLong:
		return say(http.StatusBadRequest, "invalid_request", detail+" too long.")
	case badRequest:
		return say(http.StatusBadRequest, "invalid_request", detail)
	default:
		panic(fmt.Sprintf("simulator: problem %d", why))
	}
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
