package simulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"unicode/utf8"

	"tasksync/task"
)

// sunoapi is the wire format of sunoapi.org, as live answers have it where they
// differ from the documentation: response null while pending, createTime in
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

// sunoapiRoutes are the requests of f, which is sunoapi or refuses in its own
// way.
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
		{"/", func(*Simulator, *http.Request) reply { return f.refuse(unknownRoute, "") }},
	}
}

func sunoapiTelling(f wire, lyrics bool) func(*Simulator, *http.Request) reply {
	return func(s *Simulator, r *http.Request) reply {
		taskID := r.URL.Query().Get("taskId")
		if taskID == "" {
			return f.refuse(badRequest, "taskId is required")
		}
		return s.status(f, taskID, func(l *life) bool { return l.lyrics() == lyrics && l.made != madeAsJob })
	}
}

func sunoapiSubmitting(f wire, kind task.Type) func(*Simulator, *http.Request) reply {
	return func(s *Simulator, r *http.Request) reply {
		var fields sunoapiSubmit
		o, err := readOrder(r, kind, &fields)
		if errors.Is(err, errTooLong) {
			return f.refuse(tooLong, "Prompt")
		}
		if err != nil {
			return f.refuse(badRequest, err.Error())
		}
		if why, detail := fields.check(kind); detail != "" {
			return f.refuse(why, detail)
		}
		o.made = madeTheOld // where there is a newer model
		if kind == task.Extend {
			o.parent = fields.AudioID
		}
		return envelope(http.StatusOK, "success", map[string]string{"taskId": s.submit(o)})
	}
}

// sunoapiSubmit are the fields of all submits that are looked at.
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

// check finds the fault of a submit as far as the provider's pages state the
// rule; the detail is empty if there is none. It does not insist on model and
// callBackUrl, so that a submit by hand stays short.
func (b sunoapiSubmit) check(kind task.Type) (refusal, string) {
	switch {
	case utf8.RuneCountInString(b.Prompt) > 5000:
		return tooLong, "Prompt"
	case utf8.RuneCountInString(b.Title) > 100:
		return tooLong, "Title"
	}
	return badRequest, b.missing(kind)
}

func (b sunoapiSubmit) missing(kind task.Type) string {
	switch {
	case (kind == task.Generate || kind == task.Lyrics) && b.Prompt == "" && !(b.CustomMode && b.Instrumental):
		return "prompt is required"
	case (kind == task.Extend || kind == task.Replace) && b.AudioID == "":
		return "audioId is required"
	case kind == task.Extend && b.DefaultParamFlag && b.ContinueAt <= 0:
		return "continueAt must be a number greater than 0"
	case kind == task.Replace && b.TaskID == "":
		return "taskId is required"
	case kind == task.Replace && (b.InfillEndS-b.InfillStartS < 6 || b.InfillEndS-b.InfillStartS > 60):
		return "infillEndS - infillStartS must be between 6 and 60 seconds"
	case kind == task.Merge && len(b.UploadURLList) != 2:
		return "uploadUrlList must be a list of exactly 2 URLs"
	default:
		return ""
	}
}

// refuse gives codes and texts as the provider documents them, but for
// unknownTask: it documents none, so this is 404 of its table with the text
// that its like are known to send.
func (sunoapi) refuse(why refusal, detail string) reply {
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
		panic(fmt.Sprintf("simulator: refusal %d", why))
	}
}

func (sunoapi) tell(t *subject, p phase) []byte {
	if t.life.lyrics() {
		return envelope(http.StatusOK, "success", sunoapiLyrics(t, p)).body
	}
	return envelope(http.StatusOK, "success", sunoapiMusic(t, p)).body
}

// envelope is around every answer.
func envelope(code int, msg string, data any) reply {
	body, err := json.Marshal(struct {
		Code int    `json:"code"`
		Msg  string `json:"msg"`
		Data any    `json:"data"`
	}{code, msg, data})
	if err != nil {
		panic(fmt.Sprintf("simulator: encode: %v", err)) // own types only
	}
	return reply{code: code, body: body}
}
