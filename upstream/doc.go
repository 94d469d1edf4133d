// Package upstream defines what a provider is, a [Provider] that makes an [Adapter],
// and holds what all adapters share: a [Client] that keeps to one credential's
// limits, a [Round] that makes the calls of one Fetch and finds the task that breaks
// them, and types that decode answers whose schema cannot be trusted ([Text],
// [Object], [Items]).
//
// A call passes these stations. Each of them may end it with a *task.Failure, which
// says what follows:
//
//	pause ──▶ breaker ──▶ lane ──▶ window ──▶ HTTP ──▶ body ──▶ Reader
//	 │         │           │        │          │        │        │
//	 account   the         turned   closed     timeout  bad_body the adapter's own table
//	 paused    provider    away     by a 429   network  http_5xx of codes
//	           is down                                  too_large
//
// There are three lanes. The due lane, for looks that rows need now, has all the
// slots of the window. The user lane has what the due lane leaves, and leaves as many
// slots open as it takes. The backlog has what both leave, evenly, but for the last
// tenth of the window; while the backlog waits, a tenth of the limit is its own. A
// task that the provider cannot answer does not open the breaker, and an open
// breaker does not hold back a task that has not failed.
//
// Only the adapter can tell what a provider's answer means, so the [Reader] has the
// last word. What follows from its verdict (the credential pauses, the window
// closes, the call is counted) happens here, the same for all adapters.
//
// The key appears in no error, no log line and no printed Client: every text from
// outside goes through [Client.Redact]. No error and no log line shows a string of a
// body that could not be read: it may be a prompt.
package upstream
