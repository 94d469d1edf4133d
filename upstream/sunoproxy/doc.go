// Package sunoproxy is the adapter of the /suno/fetch proxies: Suno-API, new-api
// and their many resellers. Most of them know up to any number of tasks by one
// call, all of them one:
//
//	POST /suno/fetch {"ids":[…],"action":"MUSIC"}   or "LYRICS"
//	GET  /suno/fetch/{task_id}
//
// The batch call is tried first. Where it is answered as if there were none, and
// the single call in this format, the adapter goes on with single calls and
// tries the other again after a while (learnt.go).
//
// An answer is an envelope (code, message, data) around tasks; which dialect it
// is in shows in the answer itself:
//
//	data an array, or one object       tasks, if they look like it; else results
//	data an array of clips, no task    the quirk of self-hosted servers
//	code "success", or 1               the integer dialect, with status words of its own
//	no code, but tasks or results      resellers, with numbers for states and names of their own
//
// A task is judged by its status, then by its text; its clips by their own
// status, whatever that of the task. The decoder takes more than was seen:
// unknown fields, other kinds of values, nulls everywhere. What it cannot take
// is a transient failure, never a failed task.
package sunoproxy
