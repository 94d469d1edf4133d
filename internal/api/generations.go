package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"tasksync/internal/view"
	"tasksync/queries"
	"tasksync/task"
)

const (
	// generationsPath is the path of all rows of a user.
	generationsPath = "/api/music/v2/generations"
	// generationPath is the path of one row.
	generationPath = generationsPath + "/{id}"
)

// generationInput is the request for one row.
type generationInput struct {
	UserParam
	ID string `path:"id" format:"uuid" doc:"Column id of the row."`
}

// generationOutput is the response to a request for one row.
type generationOutput struct {
	Body view.Generation
}

// pageInput is the request for a page of rows.
type pageInput struct {
	UserParam
	Status string `query:"status" enum:"pending,complete,failed" doc:"Only rows with this status; pending: submitted, queued, processing and streaming. Left out: all."`
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"50" doc:"How many rows the page has at most."`
	After  string `query:"after" doc:"The next of the page before."`
}

// pageOutput is the response to a request for a page of rows.
type pageOutput struct {
	Body struct {
		Generations []view.Generation `json:"generations" nullable:"false" doc:"The rows, the newest first."`
		HasMore     bool              `json:"has_more" doc:"Whether there are older rows."`
		Next        *string           `json:"next" doc:"For the parameter after of the next page; null if this is the last one."`
	}
}

func (a *API) registerGenerations(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "generations", Method: http.MethodGet, Path: generationsPath, Tags: []string{"rows"},
		Summary: "Read the user's rows, page by page", Security: bearerOnly(),
		Description: "Pending rows and rows that have ended, the newest first. Rows that come while pages are read change no later page.",
		Middlewares: huma.Middlewares{a.authenticate(api, a.bearer)},
		Errors:      []int{400, 401, 403, 429, 500, 501, 503},
	}, a.page)
	huma.Register(api, huma.Operation{
		OperationID: "generation", Method: http.MethodGet, Path: generationPath, Tags: []string{"rows"},
		Summary: "Read one of the user's rows", Security: bearerOnly(),
		Description: "The row with its clips, whether it is pending or has ended.",
		Middlewares: huma.Middlewares{a.authenticate(api, a.bearer)},
		Errors:      []int{400, 401, 403, 404, 429, 500, 501, 503},
	}, a.generation)
}

// generation serves the request for one row. Another user's row is not told from none.
func (a *API) generation(ctx context.Context, in *generationInput) (*generationOutput, error) {
	user, _, err := a.subject(ctx, in.UserParam)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	if !task.IsUUID(in.ID) { // huma accepts forms that Postgres does not
		return nil, a.problem(ctx, errNoRow)
	}
	leave, err := a.admitRead(ctx, user)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	rows, err := a.rowsOf(ctx, user, []string{in.ID})
	if err == nil && len(rows) == 0 {
		err = errNoRow
	}
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &generationOutput{Body: rows[0]}, nil
}

// page serves the request for a page of rows.
func (a *API) page(ctx context.Context, in *pageInput) (*pageOutput, error) {
	user, _, err := a.subject(ctx, in.UserParam)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	after := first()
	if in.After != "" {
		if after, err = parsePlace(in.After); err != nil {
			return nil, a.problem(ctx, err)
		}
	}
	leave, err := a.admitRead(ctx, user)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	out, err := a.readPage(ctx, user, in, after)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return out, nil
}

func (a *API) readPage(ctx context.Context, user string, in *pageInput, after place) (*pageOutput, error) {
	found, err := a.queries.GenerationListByUser(ctx, a.cfg.Pool, queries.GenerationListByUserParams{
		UserID: user, AfterUndated: after.undated, AfterAt: after.at, AfterID: after.id,
		Words: a.words(in.Status), MaxRows: int32(in.Limit) + 1, //nolint:gosec // 100 at most
	})
	if err != nil {
		return nil, err
	}
	var out pageOutput
	if out.Body.HasMore = len(found) > in.Limit; out.Body.HasMore {
		found = found[:in.Limit]
		out.Body.Next = new(placeOf(found[in.Limit-1]).cursor())
	}
	order := make(map[string]int, len(found))
	ids := make([]string, len(found))
	for i, r := range found {
		ids[i], order[r.ID] = r.ID, i
	}
	out.Body.Generations, err = a.rowsOf(ctx, user, ids)
	slices.SortFunc(out.Body.Generations, func(a, b view.Generation) int { return cmp.Compare(order[a.ID], order[b.ID]) })
	return &out, err
}

// words returns the words in column status that mean a status of a request.
func (a *API) words(status string) []string {
	switch status {
	case "":
		return nil
	case "pending":
		return task.PendingWords()
	}
	return a.cfg.Show.Words.Spellings(task.Status(status))
}
