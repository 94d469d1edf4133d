package simulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"tasksync/task"
)

// acedata is the wire format of api.acedata.cloud. Tasks are submitted at two
// places and asked for at a third, alone or many at once; errors have words for
// codes and the HTTP status that says the same.
type acedata struct{}

var (
	_ wire   = acedata{}
	_ fitter = acedata{}
)

func (acedata) name() string { return "acedata" }

func (f acedata) routes() []route {
	return []route{
		{"POST /suno/audios", f.submit(task.Generate)},
		{"POST /suno/lyrics", f.submit(task.Lyrics)},
		{"POST /suno/tasks", f.tasks},
	}
}

// fit: ids are UUIDs, clips are Suno's own, errors are texts, and what is
// unknown is missing from the answer.
func (acedata) fit(l *life) {
	l.id = dashed(l.id)
	l.withOneURL()
	l.withoutCodes()
	l.withoutDelivery()
	l.leftOut = true
}

// dashed is 32 hexadecimal digits as a UUID.
func dashed(h string) string {
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// tasks tells how tasks stand. How the provider answers for a single one that
// it does not know is on no page; an empty object says as little as a batch that
// leaves it out.
func (f acedata) tasks(s *Simulator, r *http.Request) reply {
	var fields struct {
		Action string   `json:"action"`
		ID     string   `json:"id"`
		IDs    []string `json:"ids"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody)).Decode(&fields); err != nil {
		return f.refuse(badRequest, "body is not the JSON object that is expected")
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
		if items == nil {
			items = []json.RawMessage{}
		}
		rep := acedataReply(http.StatusOK, struct {
			Items []json.RawMessage `json:"items"`
			Count int               `json:"count"`
		}{items, len(items)})
		rep.fault = fault
		return rep
	default:
		return f.refuse(badRequest, "action must be retrieve with id, or retrieve_batch with ids")
	}
}

func anyLife(*life) bool { return true }

// submit always acknowledges at once, as the provider does for a submit with
// async or callback_url.
func (f acedata) submit(kind task.Type) func(*Simulator, *http.Request) reply {
	return func(s *Simulator, r *http.Request) reply {
		var fields acedataSubmit
		o, err := readOrder(r, kind, &fields)
		if errors.Is(err, errTooLong) {
			return f.refuse(tooLong, "Prompt")
		}
		if err != nil {
			return f.refuse(badRequest, err.Error())
		}
		if kind != task.Lyrics {
			o.kind = acedataActions[fields.Action]
		}
		if detail := fields.missing(o.kind); detail != "" {
			return f.refuse(badRequest, detail)
		}
		if o.kind == task.Extend {
			o.parent = fields.AudioID
		}
		return acedataReply(http.StatusOK, struct {
			TaskID string `json:"task_id"`
		}{s.submit(o)})
	}
}

// acedataActions are the actions of a submit of music whose tasks are of a type
// that there is.
var acedataActions = map[string]task.Type{
	"":                task.Generate,
	"generate":        task.Generate,
	"extend":          task.Extend,
	"upload_extend":   task.Extend,
	"replace_section": task.Replace,
	"concat":          task.Merge,
}

// acedataSubmit are the fields of all submits that are looked at.
type acedataSubmit struct {
	Action       string  `json:"action"`
	Prompt       string  `json:"prompt"`
	Lyric        string  `json:"lyric"`
	Custom       bool    `json:"custom"`
	AudioID      string  `json:"audio_id"`
	ContinueAt   float64 `json:"continue_at"`
	Instrumental bool    `json:"instrumental"`
}

func (b acedataSubmit) missing(kind task.Type) string {
	switch {
	case kind == "":
		return fmt.Sprintf("action %q is not simulated", b.Action)
	case kind == task.Lyrics && b.Prompt == "", kind == task.Generate && b.Prompt == "" && !b.Custom:
		return "prompt is required"
	case kind == task.Generate && b.Custom && b.Lyric == "" && !b.Instrumental:
		return "lyric is required"
	case (kind == task.Extend || kind == task.Replace || kind == task.Merge) && b.AudioID == "":
		return "audio_id is required"
	case kind == task.Extend && b.ContinueAt <= 0:
		return "continue_at must be a number greater than 0"
	default:
		return ""
	}
}

// refuse gives the codes that the provider documents. It documents none for
// want of credits, for maintenance and for an unknown task: those are the nearest
// ones with the texts that its like are known to send.
func (acedata) refuse(why refusal, detail string) reply {
	switch why {
	case unauthorized:
		return acedataError(http.StatusUnauthorized, "invalid_token", "The token is invalid or missing.")
	case tooFrequent:
		return acedataError(http.StatusTooManyRequests, "too_many_requests", "Too many requests")
	case overLimit:
		return acedataError(http.StatusTooManyRequests, "too_many_requests", "Rate limit exceeded")
	case noCredits:
		return acedataError(http.StatusForbidden, "forbidden", "The remaining credits are not enough.")
	case maintenance:
		return acedataError(http.StatusInternalServerError, "api_error", "service under maintenance, generation paused")
	case unknownTask:
		return acedataError(http.StatusBadRequest, "bad_request", taskNotFound)
	case unknownRoute:
		return acedataError(http.StatusBadRequest, "api_not_implemented", "The API is not implemented.")
	case tooLong:
		return acedataError(http.StatusBadRequest, "bad_request", detail+" too long.")
	case badRequest:
		return acedataError(http.StatusBadRequest, "bad_request", detail)
	default:
		panic(fmt.Sprintf("simulator: refusal %d", why))
	}
}

func acedataError(status int, code, message string) reply {
	return acedataReply(status, acedataResponse{Error: &acedataTrouble{code, message}, TraceID: acedataTrace})
}

func acedataReply(status int, v any) reply {
	body, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("simulator: encode: %v", err)) // own types only
	}
	return reply{code: status, http: status, body: body}
}

func (acedata) tell(t *subject, p phase) []byte {
	return acedataReply(http.StatusOK, acedataRecordOf(t, p)).body
}
