// Package acedata is the adapter of api.acedata.cloud. One call asks for tasks of all
// types, for one task or for up to fifty:
//
//	POST /suno/tasks {"action":"retrieve","id":…}
//	POST /suno/tasks {"action":"retrieve_batch","ids":[…]}
//
// The answer is a record, or records in items. Three parts of it are judged, each for
// what it alone can say:
//
//	HTTP status, error ─▶ failure of the call                    failure.go
//	record             ─▶ the task: its state and response       answer.go
//	clips in it        ─▶ how far each clip is, and so the task  items.go
//
// `success` and a URL say nothing: both are there while a clip is being made. A task
// that the answer leaves out was not reported. The decoder accepts what the provider
// was seen to send and more: unknown fields, other types of values, one object where
// an array is usual. An answer that it cannot read is a transient failure, never a
// failed task.
package acedata
