// Package sunoapi is the adapter of one wire format with two dialects: that of
// sunoapi.org ([SunoAPI]) and that of kie.ai ([Kie]). Both know one task by
// call, under
//
//	GET /api/v1/generate/record-info?taskId=   audio
//	GET /api/v1/lyrics/record-info?taskId=     lyrics
//
// and answer with an envelope (code, msg, data) around a record (status,
// errorCode, errorMessage, response). At kie this is the old model by now; its
// tasks are jobs, of all types alike, in the same envelope (state, failCode,
// failMsg, resultJson):
//
//	GET /api/v1/jobs/recordInfo?taskId=
//
// A task is known only to the model that it was made in: it is looked for among
// the jobs first, and where it was found is remembered (model.go).
//
// What an answer means is judged in two places, because the same number means
// different things in them, and at the two providers:
//
//	envelope without a record ─▶ callFailure    the call, or provisionally the task
//	record ───────────────────▶ ending          the task
//
// Both look at a text about the content first, then at the numeric code, then at
// the text, then at the status; no text pauses the credential. The decoder takes
// what the providers were seen to send and more: unknown fields, other spellings of
// a key, numbers as strings, objects inside strings, nulls everywhere. What it
// cannot take is a transient failure, never a failed task.
package sunoapi
