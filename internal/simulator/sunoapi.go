package simulator

import (
	"net/http"
	"unicode/utf8"

	"tasksync/task"
)

// sunoapi is the wire format of sunoapi.org, as in live answers where they differ from
// the documentation: response null while pending, createTime in
// milliseconds, type the model's name. All answers are HTTP 200; the code is in
// the body.
type sunoapi struct{}

func (sunoapi) name() string { return "sunoapi" }

func (f sunoapi) routes() []route {
	return append(sunoapiRoutes(f), route{"GET /api/v1/generate/credit", sunoapiCredits},
		route{recoveryStart, startRecovery}, route{recoveryRecord, tellRecovery})
}

// sunoapiCredits answers that the account has credits left.
func sunoapiCredits(*Simulator, *http.Request) reply {
	return envelope(http.StatusOK, "success", simulatedCredits)
}

// simulatedCredits are the credits of every account here: nothing spends them.
const simulatedCredits = 1000

func (sunoapi) fit(l *life) {
	l.withoutVideo()
	l.sourceExpires = true
}

// sunoapiRoutes returns the requests of f, which is sunoapi, or a format with errors of
// its own.
func sunoapiRoutes(f wire) []route {
	return []route{
		{"POST /api/v1/generate", sunoapiSubmitting(f, task.Generate)},
		{"POST /api/v1/generate/extend", sunoapiSubmitting(f, task.Extend)},
		{"POST /api/v1/generate/replace-section", sunoapiSubmitting(f, task.Replace)},
		// The provider has no endpoint for a merge (concatenation). Its mashup
		// is the nearest one: it too makes music of two clips.
		{"POST /api/v1/generate/mashup", sunoapiSubmitting(f, task.Merge)},
		{"POST /api/v1/lyrics", sunoapiSubmitting(f, task.Lyrics)},
		{"GET /api/v1/generate/record-info", telling(f, func(l *life) bool { return !l.lyrics() && l.made != madeAsJob })},
		{"GET /api/v1/lyrics/record-info", telling(f, func(l *life) bool { return l.lyrics() && l.made != madeAsJob })},
		{"/", func(*Simulator, *http.Request) reply { return f.errorReply(unknownRoute, "") }},
	}
}

// telling answers a request for one task, by the query parameter taskId.
func telling(f wire, known func(*life) bool) handler {
	return func(s *Simulator, r *http.Request) reply {
		taskID := r.URL.Query().Get("taskId")
		if taskID == "" {
			return f.errorReply(badRequest, "taskId is required")
		}
		return s.status(f, taskID, known)
	}
}

func sunoapiSubmitting(f wire, taskType task.Type) handler {
	return submitting(f, taskType, "Prompt", func(s *Simulator, o order, fields sunoapiSubmit) reply {
		if why, detail := fields.check(taskType); detail != "" {
			return f.errorReply(why, detail)
		}
		o.made = madeTheOld // kie has a newer model, too
		if taskType == task.Extend {
			o.parent = fields.AudioID
		}
		return envelope(http.StatusOK, "success", map[string]string{"taskId": s.submit(o)})
	})
}

// sunoapiSubmit has the fields of all submits that are read.
type sunoapiSubmit struct {
	Prompt           string   `json:"prompt"`
	Title            string   `json:"title"`
	CustomMode       bool     `json:"customMode"`
	Instrumental     bool     `json:"instrumental"`
	DefaultParamFlag bool     `json:"defaultParamFlag"`
	ContinueAt       float64  `json:"continueAt"`
	TaskID           string   `json:"taskId"`
	AudioID          string   `json:"audioId"`
	InfillStartS     float64  `json:"infillStartS"`
	InfillEndS       float64  `json:"infillEndS"`
	UploadURLList    []string `json:"uploadUrlList"`
}

// check returns what is wrong with a submit by the provider's pages; the detail is empty
// if nothing is. model and callBackUrl are not required, so that a submit by hand stays
// short.
func (b sunoapiSubmit) check(taskType task.Type) (problem, string) {
	switch {
	case utf8.RuneCountInString(b.Prompt) > 5000:
		return tooLong, "Prompt"
	case utf8.RuneCountInString(b.Title) > 100:
		return tooLong, "Title"
	}
	return badRequest, b.missing(taskType)
}

func (b sunoapiSubmit) missing(taskType task.Type) string {
	switch {
	case (taskType == task.Generate || taskType == task.Lyrics) && b.Prompt == "" && !(b.CustomMode && b.Instrumental):
		return "prompt is required"
	case (taskType == task.Extend || taskType == task.Replace) && b.AudioID == "":
		return "audioId is required"
	case taskType == task.Extend && b.DefaultParamFlag && b.ContinueAt <= 0:
		return "continueAt must be a number greater than 0"
	case taskType == task.Replace && b.TaskID == "":
		return "taskId is required"
	case taskType == task.Replace && (b.InfillEndS-b.InfillStartS < 6 || b.InfillEndS-b.InfillStartS > 60):
		return "infillEndS - infillStartS must be between 6 and 60 seconds"
	case taskType == task.Merge && len(b.UploadURLList) != 2:
		return "uploadUrlList must be a list of exactly 2 URLs"
	default:
		return ""
	}
}

// sunoapiRefusals has codes and texts as the provider documents them. For unknownTask the
// provider documents none, so this is 404 of its table with the text that similar
// providers send.
var sunoapiRefusals = refusals{
	unauthorized: {code: 401, text: "Unauthorized - Authentication credentials are missing or invalid"},
	tooFrequent:  {code: 430, text: "Your call frequency is too high. Please try again later."},
	overLimit:    {code: 405, text: "Rate limit exceeded"},
	noCredits:    {code: 429, text: "Insufficient credits"},
	maintenance:  {code: 455, text: "System maintenance"},
	unknownTask:  {code: 404, text: taskNotFound},
	unknownRoute: {code: 404, text: "Not found"},
	tooLong:      {code: 413, text: "%s too long."},
	badRequest:   {code: 400, text: "Invalid parameters: %s"},
}

func (sunoapi) errorReply(why problem, detail string) reply {
	r := sunoapiRefusals.of(why, detail)
	return envelope(r.code, r.text, nil)
}

func (sunoapi) tell(t *subject, p phase) []byte {
	if t.life.lyrics() {
		return envelope(http.StatusOK, "success", sunoapiLyrics(t, p)).body
	}
	return envelope(http.StatusOK, "success", sunoapiMusic(t, p)).body
}

// envelope makes an answer: all of them have this form.
func envelope(code int, msg string, data any) reply {
	return reply{code: code, body: encode(struct {
		Code int    `json:"code"`
		Msg  string `json:"msg"`
		Data any    `json:"data"`
	}{code, msg, data})}
}
