package sunoapi

import (
	"time"

	"tasksync/task"
	"tasksync/upstream"
)

// profile is one dialect: a provider, its endpoints, and what its codes mean.
type profile struct {
	upstream.Provider
	// confirm is what confirms a provisional verdict of this provider; zero: the
	// policy's own.
	confirm task.Confirmation
	// endpoints are where a task may be asked for, the present one first.
	endpoints []endpoint
	codes     map[int]meaning
	credits   string // the path of the call that tells the credits left
	recovery  string // the path of the call that makes files anew; "": there is none
}

// provider returns the profile as an upstream.Provider.
func (p profile) provider() upstream.Provider {
	p.New = func(cfg upstream.Config) (upstream.Adapter, error) { return open(p, cfg) }
	return p.Provider
}

// endpoint is the path of a status call, by task type. Each endpoint knows only the
// tasks that were made by its own family of calls.
type endpoint func(task.Type) string

// recordInfo has a path for audio and one for lyrics. A task type that tasksync does
// not know is taken for one that gives audio.
func recordInfo(t task.Type) string {
	if t == task.Lyrics {
		return "/api/v1/lyrics/record-info"
	}
	return "/api/v1/generate/record-info"
}

// jobsRecordInfo has one path for all types.
func jobsRecordInfo(task.Type) string { return "/api/v1/jobs/recordInfo" }

// SunoAPI is sunoapi.org. It permits 20 requests in 10 s.
func SunoAPI() upstream.Provider { return sunoAPI().provider() }

// Kie is kie.ai. It publishes no limit per account, only three queries a second per
// task; ten requests a second are a guess. It signs its callbacks: see
// [VerifyCallback].
func Kie() upstream.Provider { return kie().provider() }

// sunoAPI: 429 means out of credits, 405 and 430 rate limited.
func sunoAPI() profile {
	return profile{
		Provider: upstream.Provider{
			Name: "sunoapi", BaseURL: "https://api.sunoapi.org", Paths: paths(),
			Aliases: []string{"suno", "sunoapi.org", "api.sunoapi.org", "suno-api", "suno_api", "suno api"},
			Limits:  upstream.Limits{Batch: 1, Requests: 20, Window: 10 * time.Second}, Retention: 14 * 24 * time.Hour,
		},
		endpoints: []endpoint{recordInfo},
		credits:   "/api/v1/generate/credit",
		recovery:  "/api/v1/suno/recovery",
		codes: map[int]meaning{
			401: unauthorized,
			405: rateLimited,
			429: outOfCredits,
			430: rateLimited,
			455: maintenance,
		},
	}
}

// kie: 402 means out of credits, 429 and 433 rate limited. Its tasks are jobs now.
// Tasks that an application still makes by the older calls are known only to the
// older endpoint.
func kie() profile {
	return profile{
		Provider: upstream.Provider{
			Name: "kie", BaseURL: "https://api.kie.ai", Paths: paths(),
			Aliases:        []string{"suno", "kie.ai", "api.kie.ai", "kieai", "kie-ai", "kie_ai", "kie ai"},
			Limits:         upstream.Limits{Batch: 1, Requests: 10, Window: time.Second, MinInterval: time.Second / 3},
			Retention:      14 * 24 * time.Hour,
			VerifyCallback: VerifyCallback,
		},
		endpoints: []endpoint{jobsRecordInfo, recordInfo},
		credits:   "/api/v1/chat/credit",
		codes: map[int]meaning{
			401: unauthorized,
			402: outOfCredits,
			429: rateLimited,
			433: rateLimited,
			455: maintenance,
		},
	}
}

// meaning is what a code means in an answer without a record.
type meaning struct {
	verdict task.Verdict
	reason  string
}

// The meanings that both providers have, under different codes.
var (
	unauthorized = meaning{task.Account, upstream.ReasonUnauthorized}
	outOfCredits = meaning{task.Account, upstream.ReasonCredits}
	rateLimited  = meaning{task.Transient, upstream.ReasonRateLimited}
	maintenance  = meaning{task.Transient, reasonMaintenance}
)

// meaning returns what a code means: by the provider's own table, else by the codes
// on which both agree. Status calls are about one task, so 400, 404 and 422 say that
// there is no such task, and a code that a task can end with is about that task.
func (p profile) meaning(code int) meaning {
	if m, ok := p.codes[code]; ok {
		return m
	}
	switch code {
	case 400, 404, 422:
		return meaning{task.UnknownTask, upstream.ReasonUnknownTask}
	case 408, 501, 531:
		return meaning{task.TaskDead, upstream.ReasonTaskFailed}
	case 409, 413, 451, 505:
		return meaning{task.Permanent, upstream.ReasonRefused}
	}
	if code >= 500 && code < 600 {
		return meaning{task.Transient, reasonProvider}
	}
	return meaning{task.Transient, upstream.ReasonUnknownCode}
}

// concernsAll reports whether an envelope says more than what is wrong with one
// task: that the account is refused, or that there are too many calls. Then it
// counts before the record in it.
func (p profile) concernsAll(code int, text string) bool {
	_, refusal := task.Refusal(text)
	m := p.meaning(code)
	return !refusal && (m.verdict == task.Account || m == rateLimited)
}
