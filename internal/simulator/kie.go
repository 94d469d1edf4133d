package simulator

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"tasksync/task"
)

// kie is the wire format of kie.ai. It has two models of calls, and a task is
// known only to the one that it was made in: jobs, the present one, and the old
// one, whose requests and records are those of sunoapi.org. The codes are its own
// in both. What 429 means at the one provider is 402 at the other.
//
// Dialects: "" makes tasks without a request as jobs, "old" by the old model.
type kie struct {
	sunoapi
	dialect string
}

var _ wire = kie{}

// The models that a task of kie's can be made in.
const (
	madeAsJob  = "jobs"
	madeTheOld = "old"
)

// The requests of jobs.
const (
	kieCreate = "POST /api/v1/jobs/createTask"
	kieRecord = "GET /api/v1/jobs/recordInfo"
)

func (kie) name() string { return "kie" }

func (f kie) routes() []route {
	return append(sunoapiRoutes(f),
		route{kieCreate, f.create},
		route{kieRecord, f.job})
}

// fit makes a job of a life that no request has made otherwise. A job tells its
// results when it has ended, and neither whether its callback was accepted nor,
// without a text, that it was refused for its content.
func (f kie) fit(l *life) {
	l.withoutVideo()
	l.sourceExpires = true
	switch {
	case l.made != "":
	case f.dialect == madeTheOld:
		l.made = madeTheOld
	default:
		l.made = madeAsJob
	}
	if l.made != madeAsJob {
		return
	}
	l.withoutDelivery()
	l.withoutEarlyItems()
	if last := l.last(); last.state == refused && last.trouble == nil {
		l.code = task.APIError
	}
}

// kieModels are the operations of jobs that make a task of one of our types.
var kieModels = map[string]task.Type{
	"ai-music-api/generate":        task.Generate,
	"ai-music-api/extend":          task.Extend,
	"ai-music-api/replace-section": task.Replace,
	"ai-music-api/mashup":          task.Merge,
	"ai-music-api/generate-lyrics": task.Lyrics,
}

func (f kie) create(s *Simulator, r *http.Request) reply {
	var fields struct {
		Model string        `json:"model"`
		Input sunoapiSubmit `json:"input"`
	}
	o, err := readOrder(r, "", &fields)
	kind, known := kieModels[strings.TrimSpace(fields.Model)]
	switch {
	case errors.Is(err, errTooLong):
		return f.refuse(tooLong, "Prompt")
	case err != nil:
		return f.refuse(badRequest, err.Error())
	case !known:
		return f.refuse(badRequest, "model is required and must be one that makes music or lyrics")
	}
	if why, detail := fields.Input.check(kind); detail != "" {
		return f.refuse(why, detail)
	}
	o.kind, o.made = kind, madeAsJob
	return envelope(http.StatusOK, "success", map[string]string{"taskId": s.submit(o)})
}

func (f kie) job(s *Simulator, r *http.Request) reply {
	taskID := r.URL.Query().Get("taskId")
	if taskID == "" {
		return f.refuse(badRequest, "taskId is required")
	}
	return s.status(f, taskID, func(l *life) bool { return l.made == madeAsJob })
}

func (f kie) tell(t *subject, p phase) []byte {
	if t.life.made != madeAsJob {
		return f.sunoapi.tell(t, p)
	}
	return envelope(http.StatusOK, "success", kieJobOf(t, p)).body
}

// refuse gives codes and texts as the provider documents them; of its two rate
// limits 433 is its own. It documents nothing for an unknown task: that is 422
// with the text that its like are known to send.
func (kie) refuse(why refusal, detail string) reply {
	switch why {
	case unauthorized:
		return envelope(401, "Unauthorized - Authentication credentials are missing or invalid", nil)
	case tooFrequent:
		return envelope(429, "Rate Limited - Request limit has been exceeded for this resource", nil)
	case overLimit:
		return envelope(433, "Request Limit - Sub-key usage exceeds the limit", nil)
	case noCredits:
		return envelope(402, "Insufficient Credits - Account does not have enough credits to perform the operation", nil)
	case maintenance:
		return envelope(455, "Service Unavailable - System is currently undergoing maintenance", nil)
	case unknownTask:
		return envelope(422, taskNotFound, nil)
	case unknownRoute:
		return envelope(404, "Not Found - The requested resource or endpoint does not exist", nil)
	case tooLong:
		return envelope(413, detail+" too long.", nil)
	case badRequest:
		return envelope(422, "Validation Error - "+detail, nil)
	default:
		panic(fmt.Sprintf("simulator: refusal %d", why))
	}
}
