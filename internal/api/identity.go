package api

import (
	"context"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"tasksync/internal/auth"
	"tasksync/task"
)

// UserParam is which user a request is about.
type UserParam struct {
	UserID string `query:"user_id" format:"uuid" doc:"Whose rows; for service role tokens, which have none of their own."`
}

// authenticator tells who sent a request.
type authenticator func(ctx huma.Context) (auth.Identity, error)

type identityKey struct{}

// authenticate lets a request in that says who sent it, and keeps that for its handler.
// It comes before anybody reads the body.
func (a *API) authenticate(api huma.API, tell authenticator) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		id, err := tell(ctx)
		if err != nil {
			a.writeError(api, ctx, err)
			return
		}
		next(huma.WithValue(ctx, identityKey{}, id))
	}
}

// bearer is the authenticator of a request with a token.
func (a *API) bearer(ctx huma.Context) (auth.Identity, error) {
	if a.cfg.Verifier == nil {
		return auth.Identity{}, errNoAuth
	}
	scheme, token, _ := strings.Cut(ctx.Header("Authorization"), " ")
	if token = strings.TrimSpace(token); !strings.EqualFold(scheme, "bearer") || token == "" {
		return auth.Identity{}, errNoToken
	}
	return a.cfg.Verifier.Verify(ctx.Context(), token)
}

// subject is the user whose rows the sender of a known request may have.
func (a *API) subject(ctx context.Context, w UserParam) (user string, id auth.Identity, err error) {
	id, _ = ctx.Value(identityKey{}).(auth.Identity)
	asked := strings.ToLower(w.UserID)
	switch {
	case asked != "" && !task.IsUUID(asked): // huma takes forms that Postgres does not
		return "", id, errUserID
	case id.Service && asked != "":
		return asked, id, nil
	case id.Service && id.UserID == "":
		return "", id, errNoUser
	case asked != "" && asked != id.UserID, id.UserID == "":
		return "", id, errOtherUser
	}
	return id.UserID, id, nil
}

// bearerOnly is what an operation that takes a token declares.
func bearerOnly() []map[string][]string { return []map[string][]string{{"bearer": {}}} }

// describe names the errors that an operation may answer with.
func withErrors(op huma.Operation, statuses ...int) huma.Operation {
	op.Errors = statuses
	return op
}
