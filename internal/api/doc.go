// Package api is the HTTP side: for the application's users, for the webhooks of the
// providers, and for pages that show rows as they change.
//
//	POST /api/music/v2/sync                looks at the user's pending rows now
//	GET  /api/music/v2/sync                reads the user's pending rows
//	GET  /api/music/v2/generations         reads the user's rows, page by page
//	GET  /api/music/v2/generations/{id}    reads one of the user's rows
//	GET  /api/music/v2/sync/events         streams status changes as they commit
//	POST /api/music/v2/sync/events/ticket  issues a ticket for that stream
//	POST /webhooks/{provider}/{token}      wakes up the tasks that a body names
//	GET  /openapi.json, /docs              describe all this
//
// A request passes, from the outside in: its id and its log line, the recovery from a
// panic, security headers, CORS, the routes; then, on the endpoints for users,
// authentication and the limits. An error is a problem of RFC 9457, and one place
// (problem.go) turns an error into its status.
//
// Nothing here writes a row. A POST and a webhook make the same pass as the jobs,
// syncer.Sync, and leave no job behind.
package api
