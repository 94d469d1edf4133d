// Package acedata is the adapter of api.acedata.cloud. It knows all types of
// tasks under one call, for one of them or for up to fifty:
//
//	POST /suno/tasks {"action":"retrieve","id":…}
//	POST /suno/tasks {"action":"retrieve_batch","ids":[…]}
//
// The answer is a record, or items of them. What there is to judge comes from
// three places, and each has its own say:
//
//	HTTP status, error ─▶ verdict of the call                    failure.go
//	record             ─▶ verdict of the task: state, response   answer.go
//	clips in it        ─▶ how far each is: its state             items.go
//
// `success` and a URL say nothing: both are there while a clip is being made. A
// task that the answer leaves out was not reported. The decoder takes what the
// provider was seen to send and more: unknown fields, other kinds of values, one
// object where an array is usual. What it cannot take is a transient failure,
// never a failed task.
package acedata
