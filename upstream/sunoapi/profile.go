package sunoapi

import (
	"time"

	"tasksync/task"
	"tasksync/upstream"
)

// profile is one dialect: a provider, where its tasks are asked for, and what its
// codes mean.
type profile struct {
	upstream.Provider
	// confirm is what confirms a provisional verdict of this provider; zero: the
	// policy's own.
	confirm task.Confirmation
	// models are where a task may be asked for, the present one first.
	models []model
	codes  map[int]callRule
}

// provider is the profile as others see it.
func (p profile) provider() upstream.Provider {
	p.New = func(cfg upstream.Config) (upstream.Adapter, error) { return open(p, cfg) }
	return p.Provider
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

// SunoAPI is sunoapi.org. It permits 20 requests in 10 s.
func SunoAPI() upstream.Provider { return sunoAPI().provider() }

// Kie is kie.ai. It publishes no limit of an account, only three queries a second
// and task; ten requests a second are a guess at what it bears. It signs its
// callbacks: see [VerifyCallback].
func Kie() upstream.Provider { return kie().provider() }

// sunoAPI: 429 means out of credits, 405 and 430 rate limited.
func sunoAPI() profile {
	return profile{
		Provider: upstream.Provider{
			Name: "sunoapi", BaseURL: "https://api.sunoapi.org", Paths: paths(),
			Limits: upstream.Limits{Batch: 1, Requests: 20, Window: 10 * time.Second},
		},
		models: []model{recordInfo},
		codes: map[int]callRule{
			401: unauthorized,
			405: rateLimited,
			429: outOfCredits,
			430: rateLimited,
			455: maintenance,
		},
	}
}

// kie: 402 means out of credits, 429 and 433 rate limited. Its tasks are jobs now;
// those that an application still makes by the calls of the old model are known
// only there.
func kie() profile {
	return profile{
		Provider: upstream.Provider{
			Name: "kie", BaseURL: "https://api.kie.ai", Paths: paths(),
			Limits:         upstream.Limits{Batch: 1, Requests: 10, Window: time.Second, MinInterval: time.Second / 3},
			VerifyCallback: VerifyCallback,
		},
		models: []model{jobsRecordInfo, recordInfo},
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
func (p profile) rule(code int) callRule {
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
func (p profile) concernsAll(code int) bool {
	rule := p.rule(code)
	return rule.verdict == task.Account || rule == rateLimited
}
