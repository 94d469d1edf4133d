// Package wakeup looks at the tasks that webhooks name: soon, but not at one task
// more often than once in a spacing, however often webhooks name it.
//
//	webhook → Add → due tasks → a pass for up to 100 tasks of one provider
//
// The last call about a task is always followed by a look: a task that is named
// within the spacing waits for the end of the spacing, and is not dropped.
// [syncer.Request.Spacing] cannot do this. It also counts the looks of jobs and
// users, but what those saw before a webhook says nothing of what the webhook
// tells; and an upstream that does not answer would be asked with each webhook.
//
// Nothing here writes a row, and no job is left behind: the jobs look at all rows
// in their time, also at those whose webhooks were lost.
package wakeup
