// Package upstream says what a provider is, a [Provider] that makes an [Adapter],
// and has what the adapters of all providers share: a [Client] that keeps to one
// credential's limits, a [Round] that makes the calls of one Fetch and finds the
// task that breaks them, and types that read what no schema can be trusted
// for ([Text], [Object], [Items]).
//
// A call passes these stations; each of them may end it with a *task.Failure,
// which says what follows from it:
//
//	pause ──▶ breaker ──▶ lane ──▶ window ──▶ HTTP ──▶ body ──▶ Reader
//	 │         │           │        │          │        │        │
//	 account   the         turned   closed     timeout  bad_body the adapter's own table
//	 paused    provider    away     by a 429   network  http_5xx of codes
//	           is down                                  too_large
//
// There are three lanes. That of looks that rows need now has all the slots of the
// window. That of users has what it leaves, and leaves as many open as it takes.
// The backlog's has what both leave, evenly, but for the last tenth of the
// window; while it waits, a tenth of the limit is its own. A task that the provider
// cannot answer does not open the breaker, nor does an open one keep a task back
// that has not failed.
//
// Only the adapter can tell what a provider's answer means, so the last word is
// the [Reader]'s; but what follows from its verdict (the credential pauses, the
// window closes, the call is counted) happens here, the same for all.
//
// The key appears in no error, no log line and no printed Client: every text
// that came from outside goes through [Client.Redact]. Nor does a string of a body
// that is no answer: it may be a prompt.
package upstream
