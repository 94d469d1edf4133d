package api

import (
	"context"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"tasksync/internal/auth"
	"tasksync/task"
)

// Bearer is the header that carries the token of a user.
type Bearer struct {
	Authorization string `header:"Authorization" hidden:"true"`
}

// Whose is which user a request is about.
type Whose struct {
	UserID string `query:"user_id" format:"uuid" doc:"Whose rows; for service role tokens, which have none of their own."`
}

// authenticate tells who sent a request.
func (a *API) authenticate(ctx context.Context, b Bearer) (auth.Identity, error) {
	if a.cfg.Verifier == nil {
		return auth.Identity{}, errNoAuth
	}
	scheme, token, _ := strings.Cut(b.Authorization, " ")
	if token = strings.TrimSpace(token); !strings.EqualFold(scheme, "bearer") || token == "" {
		return auth.Identity{}, errNoToken
	}
	return a.cfg.Verifier.Verify(ctx, token)
}

// subject is the user whose rows the sender may have.
func (a *API) subject(ctx context.Context, b Bearer, w Whose) (user string, id auth.Identity, err error) {
	if id, err = a.authenticate(ctx, b); err != nil {
		return "", id, err
	}
	asked := strings.ToLower(w.UserID)
	switch {
	case asked != "" && !task.IsUUID(asked): // huma takes forms that Postgres does not
		return "", id, errUserID
	case id.Service && asked != "":
		return asked, id, nil
	case id.Service && id.UserID == "":
		return "", id, errNoUser
	case asked != "" && asked != id.UserID:
		return "", id, errForeign
	}
	return id.UserID, id, nil
}

// bearerOnly is what an operation that takes a token declares.
func bearerOnly() []map[string][]string { return []map[string][]string{{"bearer": {}}} }

// describe names the errors that an operation may answer with.
func describe(op huma.Operation, statuses ...int) huma.Operation {
	op.Errors = statuses
	return op
}
