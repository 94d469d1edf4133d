package api

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tasksync/internal/view"
	"tasksync/queries"
	"tasksync/syncer"
	"tasksync/task"
)

const (
	// syncPath is prescribed by the specification.
	syncPath = "/api/music/v2/sync"
	// eventsPath is the path of the stream.
	eventsPath = syncPath + "/events"
	// maxBody bounds the body of a POST, in bytes.
	maxBody = 64 << 10
	// maxRows bounds how many rows a response has; a POST looks at no more.
	maxRows = 100
	// readTimeout bounds the queries of one response.
	readTimeout = 5 * time.Second
	// syncTimeout bounds a POST; rows that are not done by then are returned as they
	// are.
	syncTimeout = 10 * time.Second
)

// syncInput is the request of a POST.
type syncInput struct {
	UserParam
	Body *syncBody
}

// syncBody is optional, and may be null.
type syncBody struct {
	TaskIDs []string `json:"taskIds,omitempty" maxItems:"100" doc:"Only the rows of these tasks. Tasks that are unknown, not pending or another user's are ignored. Left out or empty: all pending rows."`
}

var _ huma.SchemaTransformer = (*syncBody)(nil)

// TransformSchema implements huma.SchemaTransformer.
func (*syncBody) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	s.Nullable = true
	return s
}

// syncOutput is the response to a POST.
type syncOutput struct {
	Body struct {
		Generations []view.Generation `json:"generations" nullable:"false" doc:"The rows that were pending when the request came, as they are now; the oldest first, 100 at most."`
		SyncedCount int               `json:"syncedCount" doc:"The number of rows that this request changed."`
		HasMore     bool              `json:"has_more" doc:"Whether more rows were pending than the response has."`
	}
}

// listInput is the request of a GET.
type listInput struct {
	UserParam
	Wait        string `query:"wait" maxLength:"32" example:"60s" doc:"Instead of the pending rows, the rows of the next changes, whether they are pending or have ended: the response comes as soon as a row of the user's has changed or is new, at the latest after this time, or up to a tenth earlier. A minute at most."`
	LastEventID string `header:"Last-Event-ID" doc:"With wait: the last_event_id of the response before, or the id of an event of the stream. Changes since then are not missed. Left out: from now on."`
	Since       string `query:"last_event_id" doc:"Like Last-Event-ID."`
}

// listOutput is the response to a GET.
type listOutput struct {
	Body struct {
		Generations []view.Generation `json:"generations" nullable:"false" doc:"The pending rows, the oldest first, 100 at most; with wait, the rows that have changed, as they are now."`
		Count       int               `json:"count" doc:"The number of rows in the response."`
		HasMore     bool              `json:"has_more" doc:"Whether more rows are pending than the response has."`
		LastEventID string            `json:"last_event_id,omitempty" doc:"With wait: where the next request goes on."`
		Reset       bool              `json:"reset,omitempty" doc:"With wait: more changes were missed than can be told; read the rows anew."`
	}
}

func (a *API) registerSync(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "sync", Method: http.MethodPost, Path: syncPath, Tags: []string{"rows"},
		Summary: "Look at the user's pending rows now", MaxBodyBytes: -1, Security: bearerOnly(),
		Middlewares: huma.Middlewares{a.authenticate(api, a.bearer), readBody(api, maxBody), asJSON},
		Description: "Asks the provider for the tasks of the user's pending rows and writes what has changed, within 10 s; what is not done by then is returned as it is, and so is a row that was looked at in the last two seconds. A user may have two of these requests under way. Rows fill in without this too.",
		Errors:      []int{400, 401, 403, 408, 413, 429, 500, 501, 503},
	}, a.sync)
	huma.Register(api, huma.Operation{
		OperationID: "list", Method: http.MethodGet, Path: syncPath, Tags: []string{"rows"},
		Summary: "Read the user's pending rows", Security: bearerOnly(),
		Description: "The rows as they are in the database: no provider is asked. Rows that have ended are among the user's rows, page by page.\n\n" +
			"With `wait`, for servers that cannot hold a stream: the response has the rows that have changed, as soon as one has, and none when the time is over. Send `last_event_id` with the next request, and nothing is missed between two; " +
			"begin with `wait=0s`, which only says where to begin, then read the pending rows. A waiting request counts as a stream of the user's.",
		Middlewares: huma.Middlewares{a.authenticate(api, a.bearer)},
		Errors:      []int{401, 403, 429, 500, 501, 503},
	}, a.list)
}

// list serves a GET: it reads the user's pending rows, or waits for changes.
func (a *API) list(ctx context.Context, in *listInput) (*listOutput, error) {
	if in.Wait != "" {
		out, err := a.awaitChange(ctx, in)
		if err != nil {
			return nil, a.problem(ctx, err)
		}
		return out, nil
	}
	user, _, err := a.subject(ctx, in.UserParam)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	leave, err := a.admitRead(ctx, user)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var out listOutput
	ids, more, err := a.pendingIDs(ctx, user, nil)
	out.Body.HasMore = more
	if err == nil {
		out.Body.Generations, err = a.rowsOf(ctx, user, ids)
	}
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	out.Body.Count = len(out.Body.Generations)
	return &out, nil
}

// rowsOf reads the rows with those ids that still belong to the user.
func (a *API) rowsOf(ctx context.Context, user string, ids []string) ([]view.Generation, error) {
	rows, err := view.Load(ctx, a.cfg.Pool, ids, a.cfg.Show)
	return slices.DeleteFunc(rows, func(g view.Generation) bool { return g.UserID == nil || *g.UserID != user }), err
}

// pendingIDs returns the ids of the user's oldest pending rows, and whether there are more.
func (a *API) pendingIDs(ctx context.Context, user string, taskIDs []string) (ids []string, more bool, err error) {
	ids, err = a.queries.GenerationListPendingByUser(ctx, a.cfg.Pool, queries.GenerationListPendingByUserParams{
		UserID: user, TaskIds: taskIDs, MaxRows: maxRows + 1,
	})
	return ids[:min(len(ids), maxRows)], len(ids) > maxRows, err
}

// sync serves a POST: it makes a pass over the user's pending rows and returns them as
// they are afterwards.
func (a *API) sync(ctx context.Context, in *syncInput) (*syncOutput, error) {
	clearReadDeadline(ctx)
	user, _, err := a.subject(ctx, in.UserParam)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	place, err := a.admit(ctx, user)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	defer place.leave()
	out, err := a.syncUser(ctx, user, in, place)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return out, nil
}

func (a *API) syncUser(ctx context.Context, user string, in *syncInput, place *admission) (*syncOutput, error) {
	out := &syncOutput{}
	out.Body.Generations = []view.Generation{}
	var wanted []string
	if in.Body != nil && len(in.Body.TaskIDs) > 0 {
		if wanted = storable(in.Body.TaskIDs); len(wanted) == 0 {
			return out, nil // no task can have one of these ids
		}
	}
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	var ids []string
	err := a.read(ctx, func() (err error) {
		ids, out.Body.HasMore, err = a.pendingIDs(ctx, user, wanted)
		return err
	})
	if err != nil || len(ids) == 0 {
		return out, err
	}
	results, err := a.runPass(ctx, ids, place)
	if err != nil {
		return nil, err
	}
	for _, r := range results {
		if r.Outcome == task.OutcomeSynced || r.NewStatus != "" {
			out.Body.SyncedCount++
		}
	}
	return out, a.read(ctx, func() (err error) {
		out.Body.Generations, err = a.rowsOf(ctx, user, ids)
		return err
	})
}

// runPass makes a pass and waits for it until shortly before ctx ends. A pass that is
// not over by then goes on, and writes what it has learned; it holds the place until it
// ends. The pass also goes on when the client disconnects: the provider has counted its
// calls already. Requests for the same rows at the same time share a pass, and rows
// that any pass has just looked at are left as they are.
func (a *API) runPass(ctx context.Context, ids []string, place *admission) ([]syncer.Result, error) {
	pass := a.flights.DoChan(strings.Join(ids, " "), func() (any, error) {
		if !a.beginPass() {
			return nil, errClosing
		}
		defer a.passes.Done()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), syncTimeout*4/5)
		defer cancel()
		return a.cfg.Syncer.Sync(ctx, syncer.Request{IDs: ids, Via: syncer.ViaRequest, Spacing: a.cfg.Spacing, Lane: task.LaneUser})
	})
	end, _ := ctx.Deadline()
	select {
	case got := <-pass:
		results, _ := got.Val.([]syncer.Result) // nil with an error
		return results, got.Err
	case <-time.After(time.Until(end) - syncTimeout/10):
		place.holdUntil(pass)
		return nil, nil
	case <-ctx.Done():
		place.holdUntil(pass)
		return nil, ctx.Err()
	}
}

// recoverSyncer is a Syncer whose panics are errors. A pass runs in a goroutine of its
// own, where a panic would end the daemon.
type recoverSyncer struct{ Syncer }

// Sync implements Syncer.
func (s recoverSyncer) Sync(ctx context.Context, req syncer.Request) (results []syncer.Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			results, err = nil, fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return s.Syncer.Sync(ctx, req)
}

// storable leaves out ids that Postgres cannot store: no row has them.
func storable(ids []string) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return id == "" || strings.ContainsRune(id, 0) })
}
