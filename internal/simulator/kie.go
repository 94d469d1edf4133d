package simulator

import (
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

// The models in which a task can be made at kie.
const (
	madeAsJob  = "jobs"
	madeTheOld = "old"
)

// The requests of jobs.
const (
	kieCreate = "POST /api/v1/jobs/createTask"
	kieRecord = "GET /api/v1/jobs/recordInfo"
	// kieCredits tells the credits left, whatever the model.
	kieCredits = "GET /api/v1/chat/credit"
)

func (kie) name() string { return "kie" }

func (f kie) routes() []route {
	return append(sunoapiRoutes(f),
		route{kieCredits, sunoapiCredits},
		route{kieCreate, submitting(f, "", "Prompt", f.create)},
		route{kieRecord, telling(f, func(l *life) bool { return l.made == madeAsJob })})
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

type kieSubmit struct {
	Model string        `json:"model"`
	Input sunoapiSubmit `json:"input"`
}

func (f kie) create(s *Simulator, o order, fields kieSubmit) reply {
	taskType, known := kieModels[strings.TrimSpace(fields.Model)]
	if !known {
		return f.errorReply(badRequest, "model is required and must be one that makes music or lyrics")
	}
	if why, detail := fields.Input.check(taskType); detail != "" {
		return f.errorReply(why, detail)
	}
	o.taskType, o.made = taskType, madeAsJob
	return envelope(http.StatusOK, "success", map[string]string{"taskId": s.submit(o)})
}

func (f kie) tell(t *subject, p phase) []byte {
	if t.life.made != madeAsJob {
		return f.sunoapi.tell(t, p)
	}
	return envelope(http.StatusOK, "success", kieJobOf(t, p)).body
}

// kieRefusals has codes and texts as the provider documents them; of its two rate limits
// only kie has 433. It documents nothing for an unknown task: that is 422 with the text
// that similar providers send.
var kieRefusals = refusals{
	unauthorized: {code: 401, text: "Unauthorized - Authentication credentials are missing or invalid"},
	tooFrequent:  {code: 429, text: "Rate Limited - Request limit has been exceeded for this resource"},
	overLimit:    {code: 433, text: "Request Limit - Sub-key usage exceeds the limit"},
	noCredits:    {code: 402, text: "Insufficient Credits - Account does not have enough credits to perform the operation"},
	maintenance:  {code: 455, text: "Service Unavailable - System is currently undergoing maintenance"},
	unknownTask:  {code: 422, text: taskNotFound},
	unknownRoute: {code: 404, text: "Not Found - The requested resource or endpoint does not exist"},
	tooLong:      {code: 413, text: "%s too long."},
	badRequest:   {code: 422, text: "Validation Error - %s"},
}

func (kie) errorReply(why problem, detail string) reply {
	r := kieRefusals.of(why, detail)
	return envelope(r.code, r.text, nil)
}
