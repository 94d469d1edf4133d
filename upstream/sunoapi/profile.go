package sunoapi

import (
	"fmt"
	"time"

	"tasksync/task"
	"tasksync/upstream"
)

// Profile is one dialect: a provider and what its codes mean. The limits may be
// changed before use.
type Profile struct {
	Name     string // label of metrics and log lines, and TASKSYNC_PROVIDER
	BaseURL  string
	Requests int // calls in any span of Window; 0: no limit
	Window   time.Duration
	// MinInterval is the least time between two looks at one task.
	MinInterval time.Duration
	codes       map[int]callRule
}

// callRule is what a code means on a status call that brought no record.
type callRule struct {
	verdict task.Verdict
	reason  string
	sure    bool // the code says it all; else a text that is known says more
}

// Profiles finds a profile by its name.
func Profiles(name string) (p Profile, ok bool) {
	for _, p := range []Profile{SunoAPI(), Kie()} {
		if p.Name == name {
			return p, true
		}
	}
	return Profile{}, false
}

// SunoAPI is sunoapi.org: 429 means out of credits, 405 and 430 rate limited. It
// permits 20 requests in 10 s.
func SunoAPI() Profile {
	return Profile{
		Name:     "sunoapi",
		BaseURL:  "https://api.sunoapi.org",
		Requests: 20,
		Window:   10 * time.Second,
		codes: map[int]callRule{
			400: {verdict: task.UnknownTask, reason: reasonUnknownTask},
			401: {verdict: task.Account, reason: upstream.ReasonUnauthorized, sure: true},
			404: {verdict: task.UnknownTask, reason: reasonUnknownTask},
			405: {verdict: task.Transient, reason: upstream.ReasonRateLimited, sure: true},
			422: {verdict: task.UnknownTask, reason: reasonUnknownTask},
			429: {verdict: task.Account, reason: reasonCredits, sure: true},
			430: {verdict: task.Transient, reason: upstream.ReasonRateLimited, sure: true},
			455: {verdict: task.Transient, reason: reasonMaintenance, sure: true},
		},
	}
}

// Kie is kie.ai: 402 means out of credits, 429 rate limited. It publishes no
// limit of an account, only three queries a second and task; ten requests a
// second are a guess at what it bears.
func Kie() Profile {
	return Profile{
		Name:        "kie",
		BaseURL:     "https://api.kie.ai",
		Requests:    10,
		Window:      time.Second,
		MinInterval: time.Second / 3, // three queries a second and task
		codes: map[int]callRule{
			400: {verdict: task.UnknownTask, reason: reasonUnknownTask},
			401: {verdict: task.Account, reason: upstream.ReasonUnauthorized, sure: true},
			402: {verdict: task.Account, reason: reasonCredits, sure: true},
			404: {verdict: task.UnknownTask, reason: reasonUnknownTask},
			422: {verdict: task.UnknownTask, reason: reasonUnknownTask},
			429: {verdict: task.Transient, reason: upstream.ReasonRateLimited, sure: true},
			455: {verdict: task.Transient, reason: reasonMaintenance, sure: true},
		},
	}
}

// Reasons of failures beside those of package upstream.
const (
	reasonUnknownTask = "unknown_task"
	reasonCredits     = "credits"
	reasonAccount     = "account"
	reasonMaintenance = "maintenance"
	reasonBusy        = "busy"
	reasonUnknownCode = "unknown_code"
	reasonRefused     = "refused"
	reasonTaskFailed  = "task_failed"
)

// callFailure is the verdict on a call that brought no record: by the code,
// unless the code leaves it open and the text does not. It is permanent only for
// a text about the content: what else is wrong may be wrong with our call.
func (p Profile) callFailure(code int, text string) *task.Failure {
	rule := p.rule(code)
	f := &task.Failure{Verdict: rule.verdict, Code: task.APIError, Reason: rule.reason, Message: text}
	if text == "" {
		f.Message = fmt.Sprintf("The provider answered with code %d.", code)
	}
	class, verdict, known := task.Classify(text)
	if rule.sure || !known {
		return f
	}
	switch verdict {
	case task.Permanent:
		if upstream.AboutContent(class) {
			f.Verdict, f.Code, f.Reason = task.Permanent, class, reasonRefused
		}
	case task.Account:
		f.Verdict, f.Reason = task.Account, reasonAccount
	case task.UnknownTask:
		f.Verdict, f.Reason = task.UnknownTask, reasonUnknownTask
	case task.Transient:
		if rule.verdict != task.Transient {
			f.Verdict, f.Reason = task.Transient, reasonBusy
		}
	case task.TaskDead: // without a record there is no task that could be dead
	}
	return f
}

func (p Profile) rule(code int) callRule {
	if rule, ok := p.codes[code]; ok {
		return rule
	}
	if code >= 500 && code < 600 {
		return callRule{verdict: task.Transient, reason: upstream.ReasonHTTP5xx}
	}
	return callRule{verdict: task.Transient, reason: reasonUnknownCode}
}
