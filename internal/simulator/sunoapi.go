package simulator

import (
	"errors"
	"fmt"
	"net/http"
	"unicode/utf8"

	"tasksync/task"
)

// sunoapi is the wire format of sunoapi.org, as in live answers where they differ from
// the documentation: response null while pending, createTime in
// milliseconds, type the model's name. All answers are HTTP 200; the code is in
// the body.
type sunoapi struct{}

var _ wire = sunoapi{}

func (sunoapi) name() string { return "sunoapi" }

func (f sunoapi) routes() []route { return sunoapiRoutes(f) }

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
		{"GET /api/v1/generate/record-info", sunoapiTelling(f, false)},
		{"GET /api/v1/lyrics/record-info", sunoapiTelling(f, true)},
		{"/", func(*Simulator, *http.Request) reply { return f.errorReply(unknownRoute, "") }},
	}
}

func sunoapiTelling(f wire, lyrics bool) func(*Simulator, *http.Request) reply {
	return func(s *Simulator, r *http.Request) reply {
		taskID := r.URL.Query().Get("taskId")
		if taskID == "" {
			return f.errorReply(badRequest, "taskId is required")
		}
		return s.status(f, taskID, func(l *life) bool { return l.lyrics() == lyrics && l.made != madeAsJob })
	}
}

func sunoapiSubmitting(f wire, taskType task.Type) func(*Simulator, *http.Request) reply {
	return func(s *Simulator, r *http.Request) reply {
		var fields sunoapiSubmit
		o, err := readOrder(r, taskType, &fields)
		if errors.Is(err, errTooLong) {
			return f.errorReply(tooLong, "Prompt")
		}
		if err != nil {
			return f.errorReply(badRequest, err.Error())
		}
		if why, detail := fields.check(taskType); detail != "" {
			return f.errorReply(why, detail)
		}
		o.made = madeTheOld // kie has a newer model, too
		if taskType == task.Extend {
			o.parent = fields.AudioID
		}
		return envelope(http.StatusOK, "success", map[string]string{"taskId": s.submit(o)})
	}
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

// errorReply has codes and texts as the provider documents them. For unknownTask the
// provider documents none, so this is 404 of its table with the text that similar
// providers send.
func (sunoapi) errorReply(why problem, detail string) reply {
	switch why {
	case unauthorized:
		return envelope(401, "Unauthorized - Authentication credentials are missing or invalid", nil)
	case tooFrequent:
		return envelope(430, "Your call frequency is too high. Please try again later.", nil)
	case overLimit:
		return envelope(405, "Rate limit exceeded", nil)
	case noCredits:
		return envelope(429, "Insufficient credits", nil)
	case maintenance:
		return envelope(455, "System maintenance", nil)
	case unknownTask:
		return envelope(404, taskNotFound, nil)
	case unknownRoute:
		return envelope(404, "Not found", nil)
	case tooLong:
		return envelope(413, detail+" too long.", nil)
	case badRequest:
		return envelope(400, "Invalid parameters: "+detail, nil)
	default:
		panic(fmt.Sprintf("simulator: problem %d", why))
	}
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
