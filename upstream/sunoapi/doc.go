// Package sunoapi is the adapter of one wire format with two dialects: that of
// sunoapi.org ([SunoAPI]) and that of kie.ai ([Kie]). Both know one task by
// call, under
//
//	GET /api/v1/generate/record-info?taskId=   audio
//	GET /api/v1/lyrics/record-info?taskId=     lyrics
//
// and answer with an envelope (code, msg, data) around a record (status,
// errorCode, errorMessage, response). What an answer means is judged in two
// places, because the same number means different things in them, and at the
// two providers:
//
//	envelope without a record ─▶ verdict of the call    profile.go
//	record ───────────────────▶ verdict of the task     refusal.go
//
// Both ask the numeric code first, then the text, then the status. The decoder
// takes what the providers were seen to send and more: unknown fields, other
// spellings of a key, numbers as strings, objects inside strings, nulls
// everywhere. What it cannot take is a transient failure, never a failed task.
package sunoapi
