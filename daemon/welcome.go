package daemon

import (
	"io"
	"net/http"
)

// What GET / says, for people who try an address of the daemon. Neither text tells more
// than the documentation does.
const (
	welcome = `tasksync keeps the rows of music_generations in step with a task API.
This address serves its HTTP API:

  /docs            the reference
  /openapi.json    the description, to generate clients from
  /healthz         200 while the process runs

Metrics and readiness have an address of their own: TASKSYNC_ADMIN_ADDR.
`
	welcomeAdmin = `tasksync keeps the rows of music_generations in step with a task API.
This address is for its operator:

  /metrics    for Prometheus
  /readyz     200 when every part works, else 503 with the reasons
  /healthz    200 while the process runs

With TASKSYNC_CONSOLE_PASSWORD set, there is a page for operators at /console. What happened to
a row, as JSON: /admin/generations/ID.

The HTTP API has an address of its own: TASKSYNC_LISTEN_ADDR.
`
)

// says serves a text.
func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, text)
	}
}
