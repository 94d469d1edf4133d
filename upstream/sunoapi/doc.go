// Package sunoapi is the adapter of one wire format with two dialects: sunoapi.org
// ([SunoAPI]) and kie.ai ([Kie]). A call of either asks for one task, at
//
//	GET /api/v1/generate/record-info?taskId=   audio
//	GET /api/v1/lyrics/record-info?taskId=     lyrics
//
// The answer is an envelope (code, msg, data) around a record (status, errorCode,
// errorMessage, response). At kie these are the older endpoints; its tasks are now
// jobs, the same for all types, in the same envelope (state, failCode, failMsg,
// resultJson):
//
//	GET /api/v1/jobs/recordInfo?taskId=
//
// A task is known only to the endpoint of the calls that made it. It is looked for
// among the jobs first; the endpoint that knew it is remembered (memory.go).
//
// What an answer means is decided in two places, because a number means different
// things in them, and at the two providers:
//
//	envelope without a record ─▶ callFailure    the call, or provisionally the task
//	record ───────────────────▶ taskFailure     the task
//
// Both use a text about the content first, then the numeric code, then the text,
// then the status; no text pauses the credential. The decoder accepts what the
// providers were seen to send and more: unknown fields, other spellings of a key,
// numbers as strings, objects inside strings, nulls everywhere. An answer that it
// cannot read is a transient failure, never a failed task.
package sunoapi
