// Package sunoproxy is the adapter of the /suno/fetch proxies: Suno-API, new-api and
// their many resellers. Most of them have a batch call for any number of tasks, all
// of them a single call:
//
//	POST /suno/fetch {"ids":[…],"action":"MUSIC"}   or "LYRICS"
//	GET  /suno/fetch/{task_id}
//
// The batch call is tried first. If its answer looks as if there were no such call,
// and the single call is answered in this format, the adapter goes on with single
// calls and tries the batch call again after a while (batch_support.go).
//
// An answer is an envelope (code, message, data) around tasks. The answer itself shows
// its dialect:
//
//	data an array, or one object       tasks, if they look like tasks; else results
//	data an array of clips, no task    the quirk of self-hosted servers
//	code "success", or 1               the integer dialect, with its own status words
//	no code, but tasks or results      resellers, with numbers for states and their own keys
//
// A task is judged by its status, then by its text; its clips by their own status,
// whatever the task's. The decoder accepts more than was seen: unknown fields, other
// types of values, nulls everywhere. An answer that it cannot read is a transient
// failure, never a failed task.
package sunoproxy
