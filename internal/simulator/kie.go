package simulator

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"tasksync/task"
)

// kie is the wire format of kie.ai. It has two models of calls, and only the model in
// which a task was made knows the task: jobs, the present model, and the old one, which
// has the requests and records of sunoapi.org. Both models have codes of kie's own: 429
// of sunoapi.org is 402 here.
//
// Dialects: "" makes tasks without a request as jobs, "old" by the old model.
type kie struct {
	sunoapi
	dialect string
}

var _ wire = kie{}

// The models in which a task can be made at kie.
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

// fit makes a life a job, unless a request has made it by the old model. A job tells
// its results when it has ended. It does not tell whether its callback was accepted,
// nor, without a text, that it was refused for its content.
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

// kieModels are the operations of jobs for our task types.
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
	taskType, known := kieModels[strings.TrimSpace(fields.Model)]
	switch {
	case errors.Is(err, errTooLong):
		return f.errorReply(tooLong, "Prompt")
	case err != nil:
		return f.errorReply(badRequest, err.Error())
	case !known:
		return f.errorReply(badRequest, "model is required and must be one that makes music or lyrics")
	}
	if why, detail := fields.Input.check(taskType); detail != "" {
		return f.errorReply(why, detail)
	}
	o.taskType, o.made = taskType, madeAsJob
	return envelope(http.StatusOK, "success", map[string]string{"taskId": s.submit(o)})
}

func (f kie) job(s *Simulator, r *http.Request) reply {
	taskID := r.URL.Query().Get("taskId")
	if taskID == "" {
		return f.errorReply(badRequest, "taskId is required")
	}
	return s.status(f, taskID, func(l *life) bool { return l.made == madeAsJob })
}

func (f kie) tell(t *subject, p phase) []byte {
	if t.life.made != madeAsJob {
		return f.sunoapi.tell(t, p)
	}
	return envelope(http.StatusOK, "success", kieJobOf(t, p)).body
}

// errorReply has codes and texts as the provider documents them; of its two rate limits
// only kie has 433. It documents nothing for an unknown task: that is 422 with the text
// that similar providers send.
func (kie) errorReply(why problem, detail string) reply {
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
		panic(fmt.Sprintf("simulator: problem %d", why))
	}
}
