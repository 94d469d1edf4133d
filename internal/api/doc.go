// Package api is the HTTP side: for the application's users, for the callbacks
// of the providers, and for pages that show rows as they change.
//
//	POST /api/music/v2/sync                looks at the user's pending rows now
//	GET  /api/music/v2/sync                reads them
//	GET  /api/music/v2/sync/events         tells of their changes as they commit
//	POST /api/music/v2/sync/events/ticket  opens that stream to an EventSource
//	POST /webhooks/{provider}/{token}      wakes up the tasks that a body names
//	GET  /openapi.json, /docs              describe all this
//
// A request passes, from the outside in: its id, the recovery from a panic, the
// log line, security headers, CORS, the routes; then, where it is for users,
// authentication and the limits. What went wrong is a problem of RFC 9457, and one
// place (problem.go) turns an error into its status.
//
// Nothing here writes a row. A POST and a webhook run the same pass as the jobs
// do, syncer.Sync, and leave no job behind.
package api
