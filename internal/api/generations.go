package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"tasksync/internal/view"
	"tasksync/task"
)

// generationPath is the path of one row.
const generationPath = "/api/music/v2/generations/{id}"

// generationInput is the request for one row.
type generationInput struct {
	UserParam
	ID string `path:"id" format:"uuid" doc:"Column id of the row."`
}

// generationOutput is the response to a request for one row.
type generationOutput struct {
	Body view.Generation
}

func (a *API) registerGenerations(api huma.API) {
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
