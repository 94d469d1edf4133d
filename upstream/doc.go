// Package upstream is what the adapters of all providers share: a [Client] that
// keeps to one credential's limits, types that read what no schema can be trusted
// for ([Text], [Object]), and a [Prober] that asks whether a URL can be played.
//
// A call passes these stations; each of them may end it with a *task.Failure,
// which says what follows from it:
//
//	pause ──▶ queue ──▶ window ──▶ HTTP ──▶ body ──▶ Reader
//	 │         │         │          │        │        │
//	 account   turned    closed     timeout  bad_body the adapter's own table
//	 paused    away      by a 429   network  http_5xx of codes
//	                                         too_large
//
// Only the adapter can tell what a provider's answer means, so the last word is
// the [Reader]'s; but what follows from its verdict (the credential pauses, the
// window closes, the call is counted) happens here, the same for all.
//
// The key appears in no error, no log line and no printed Client: every text
// that came from outside goes through [Client.Redact].
package upstream
