package sunoapi

import (
	"time"

	"tasksync/task"
	"tasksync/upstream"
)

// Profile is one dialect: a provider, where its tasks are asked for, and what its
// codes mean. The limits may be changed before use.
type Profile struct {
	Name     string // label of metrics and log lines, and TASKSYNC_PROVIDER
	BaseURL  string
	Requests int // calls in any span of Window; 0: no limit
	Window   time.Duration
	// MinInterval is the least time between two looks at one task.
	MinInterval time.Duration
	// Confirm is what confirms a provisional verdict of this provider; zero: the
	// policy's own.
	Confirm task.Confirmation
	// models are where a task may be asked for, the present one first.
	models []model
	codes  map[int]callRule
}

// model is a generation of a provider's calls: the path of the status call of a
// task type. A task is known only to the model that it was made in.
type model func(task.Type) string

// recordInfo has a call for audio and one for lyrics. A type that is new to
// tasksync is asked for like all those that give audio.
func recordInfo(t task.Type) string {
	if t == task.Lyrics {
		return "/api/v1/lyrics/record-info"
	}
	return "/api/v1/generate/record-info"
}

// jobsRecordInfo has one call for all types.
func jobsRecordInfo(task.Type) string { return "/api/v1/jobs/recordInfo" }

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
		models:   []model{recordInfo},
		codes: map[int]callRule{
			401: unauthorized,
			405: rateLimited,
			429: outOfCredits,
			430: rateLimited,
			455: maintenance,
		},
	}
}

// Kie is kie.ai: 402 means out of credits, 429 and 433 rate limited. Its tasks
// are jobs now; those that an application still makes by the calls of the old
// model are known only there. It publishes no limit of an account, only three
// queries a second and task; ten requests a second are a guess at what it bears.
func Kie() Profile {
	return Profile{
		Name:        "kie",
		BaseURL:     "https://api.kie.ai",
		Requests:    10,
		Window:      time.Second,
		MinInterval: time.Second / 3, // three queries a second and task
		models:      []model{jobsRecordInfo, recordInfo},
		codes: map[int]callRule{
			401: unauthorized,
			402: outOfCredits,
			429: rateLimited,
			433: rateLimited,
			455: maintenance,
		},
	}
}

// callRule is what a code means on a status call that brought no record.
type callRule struct {
	verdict task.Verdict
	reason  string
}

// The rules that both providers have, under numbers of their own.
var (
	unauthorized = callRule{task.Account, upstream.ReasonUnauthorized}
	outOfCredits = callRule{task.Account, upstream.ReasonCredits}
	rateLimited  = callRule{task.Transient, upstream.ReasonRateLimited}
	maintenance  = callRule{task.Transient, reasonMaintenance}
)

// rule finds what a code means: by the provider's own table, else by what both
// agree on. Status calls are about one task, so that 400, 404 and 422 say that
// there is no such task, and what a task can end with is said of that task.
func (p Profile) rule(code int) callRule {
	if rule, ok := p.codes[code]; ok {
		return rule
	}
	switch code {
	case 400, 404, 422:
		return callRule{task.UnknownTask, upstream.ReasonUnknownTask}
	case 408, 501, 531:
		return callRule{task.TaskDead, upstream.ReasonTaskFailed}
	case 409, 413, 451, 505:
		return callRule{task.Permanent, upstream.ReasonRefused}
	}
	if code >= 500 && code < 600 {
		return callRule{task.Transient, reasonProvider}
	}
	return callRule{task.Transient, upstream.ReasonUnknownCode}
}

// concernsAll reports whether a code says the same of every call: it is the
// account's, or asks for fewer calls.
func (p Profile) concernsAll(code int) bool {
	rule := p.rule(code)
	return rule.verdict == task.Account || rule == rateLimited
}
