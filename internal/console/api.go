package console

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"time"
	"unicode/utf8"

	"tasksync/task"
)

func (c *Console) overview(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()
	o, err := c.cfg.Source.Overview(ctx)
	if err != nil {
		c.failed(w, err)
		return
	}
	shown := *o
	shown.Actions, shown.Jobs = c.cfg.Actions, c.cfg.Jobs != nil
	answer(w, shown)
}

// idForm is what an id may be: rows' are UUIDs, tasks' and clips' are the provider's.
var idForm = regexp.MustCompile(`^[^\x00-\x1f]{1,200}$`)

func (c *Console) explain(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if !utf8.ValidString(id) || !idForm.MatchString(id) {
		problem(w, http.StatusBadRequest, "this is no id")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		w.Header().Set("Retry-After", "10")
		problem(w, http.StatusServiceUnavailable, "too many ask for rows at once; ask again later")
		return
	}
	stories, err := c.cfg.Source.Explain(ctx, id)
	switch {
	case errors.Is(err, ErrNotFound):
		problem(w, http.StatusNotFound, err.Error())
	case err != nil:
		c.failed(w, err)
	default:
		answer(w, stories)
	}
}

// explainAdmin is explain for programs.
func (c *Console) explainAdmin(w http.ResponseWriter, r *http.Request) {
	_, password, given := r.BasicAuth()
	ok, tooMany := !given && (c.byProxy(r) || c.local(r)), false
	if given {
		ok, tooMany = c.tries.try(time.Now(), func() bool { return c.isPassword(password) })
	}
	switch {
	case tooMany:
		problem(w, http.StatusTooManyRequests, "too many wrong passwords; wait a minute")
	case ok:
		c.explain(w, r)
	default:
		w.Header().Set("WWW-Authenticate", `Basic realm="tasksync"`)
		problem(w, http.StatusUnauthorized, "ask from this machine by its loopback address, or give TASKSYNC_CONSOLE_PASSWORD by HTTP Basic")
	}
}

// acting lets requests through that change something, if actions are allowed.
func (c *Console) acting(next func(context.Context, wish) (string, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !c.cfg.Actions {
			problem(w, http.StatusForbidden, "the console only reads; TASKSYNC_CONSOLE_ACTIONS=1 allows actions")
			return
		}
		var what wish
		body := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4096))
		body.DisallowUnknownFields()
		if err := body.Decode(&what); err != nil {
			problem(w, http.StatusBadRequest, "the request is not the JSON that the page sends")
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
		defer cancel()
		said, err := next(ctx, what)
		switch {
		case errors.Is(err, ErrNoProvider):
			problem(w, http.StatusBadRequest, err.Error())
			return
		case err != nil:
			c.failed(w, err)
			return
		}
		c.cfg.Logger.Info("[TaskSync] An operator acted at the console", "path", r.URL.Path, "id", task.Redact(what.ID), "provider", task.Redact(what.Provider))
		answer(w, map[string]string{"said": said})
	}
}

// wish is the body of a request that changes something.
type wish struct {
	ID       string `json:"id"`
	Provider string `json:"provider"`
	Reason   string `json:"reason"`
}

func (c *Console) retry(ctx context.Context, what wish) (string, error) {
	if !task.IsUUID(what.ID) {
		return "this is no id of a row", nil
	}
	done, err := c.cfg.Source.Retry(ctx, what.ID)
	if err == nil && !done {
		return "the row has not failed, so that there is nothing to retry", nil
	}
	return "the row is pending again", err
}

func (c *Console) pause(ctx context.Context, what wish) (string, error) {
	if what.Provider == "" { // which is the name of all of them: a field that is missing must not stop all
		return "", ErrNoProvider
	}
	return "calls pause within two seconds", c.cfg.Source.Pause(ctx, what.Provider, what.Reason)
}

func (c *Console) resume(ctx context.Context, what wish) (string, error) {
	if what.Provider == "" {
		return "", ErrNoProvider
	}
	goOn, err := c.cfg.Source.Resume(ctx, what.Provider)
	if err == nil && !goOn {
		return "all providers are paused; tasksync resume, without a name, ends that", nil
	}
	return "calls go on within two seconds", err
}

// jobsPolicy permits the styles that River UI sets on its elements.
const jobsPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"

// jobs leaves a request to River UI, which can change jobs too.
func (c *Console) jobs(w http.ResponseWriter, r *http.Request) {
	if !c.cfg.Actions && r.Method != http.MethodGet && r.Method != http.MethodHead {
		problem(w, http.StatusForbidden, "the console only reads; TASKSYNC_CONSOLE_ACTIONS=1 allows actions")
		return
	}
	w.Header().Set("Content-Security-Policy", jobsPolicy)
	c.cfg.Jobs.ServeHTTP(w, r)
}

// failed says that the database did not do what was asked of it; the log has why.
func (c *Console) failed(w http.ResponseWriter, err error) {
	c.cfg.Logger.Warn("[TaskSync] A request of the console failed", "error", err)
	problem(w, http.StatusServiceUnavailable, "the database did not answer; the log says why")
}
