package upstream

import "tasksync/task"

// The reasons of failures. Adapters use them too, and have others of their own.
const (
	ReasonTimeout       = "timeout"              // no answer, or not all of it, in time
	ReasonNetwork       = "network"              // no connection, or it broke
	ReasonHTTP4xx       = "http_4xx"             // a status without a reason of its own
	ReasonHTTP5xx       = "http_5xx"             // the provider has an error of its own
	ReasonBadBody       = "bad_body"             // the answer is not what was asked for: HTML, empty, cut, no record
	ReasonTooLarge      = "too_large"            // the answer is larger than the limit; a smaller batch may help
	ReasonRateLimited   = "rate_limited"         // the provider says so; this closes the window
	ReasonTurnedAway    = "rate_limited_locally" // unsent: there would be no slot, or no answer, before the caller's deadline
	ReasonUnauthorized  = "unauthorized"         // the key is refused
	ReasonAccountPaused = "account_paused"       // unsent: an account verdict stands
	ReasonBadTaskID     = "bad_task_id"          // unsent: the task id cannot be one of the provider's
	ReasonBreakerOpen   = task.ReasonBreakerOpen // unsent: the last calls found the upstream down
	ReasonNoCall        = task.ReasonNoCall      // a server does not know the address: the base URL is wrong, or a gateway is in trouble
	ReasonUnknownTask   = "unknown_task"         // the provider does not know the task
	ReasonTaskFailed    = "task_failed"          // the provider ended the task
	ReasonRefused       = "refused"              // the provider refuses what the task asks for
	ReasonBadRequest    = "bad_request"          // the provider does not accept the call as it is
	ReasonBusy          = "busy"                 // the provider says so
	ReasonUnknownCode   = "unknown_code"         // a code that no table knows
	ReasonAccount       = "account"              // the provider's code refuses the account
	ReasonCredits       = "credits"              // the provider's code says that the account has none
)
