// Package wakeup looks at the tasks that webhooks name: soon, and at each task at
// most once in a spacing, however often webhooks name it.
//
//	webhook → Add → due tasks → one pass for up to 100 tasks of a provider
//
// The last webhook about a task is always followed by a look: a task that is named
// within the spacing waits for the end of the spacing. So neither a storm of
// webhooks nor a provider that repeats itself costs a call each time, and no webhook
// is lost.
//
// [syncer.Request.Spacing] cannot do this. It spares a row after the look of a job or
// a user too, but the task may have changed since, and the webhook says that it has.
// And it counts answered looks only: while the upstream does not answer, every webhook
// would cost a call.
//
// Nothing here writes a row or leaves a job behind. The jobs look at all rows in
// their time, also where a webhook did not come.
package wakeup
