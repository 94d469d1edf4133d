package api

import (
	"context"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"tasksync/internal/auth"
	"tasksync/task"
)

// UserParam is the query parameter that names the user of a request.
type UserParam struct {
	UserID string `query:"user_id" format:"uuid" doc:"The user of the rows; for service role tokens, which are not a user's."`
}

// authenticator finds out the sender of a request.
type authenticator func(ctx huma.Context) (auth.Identity, error)

type identityKey struct{}

// authenticate passes on requests whose sender by finds out, and keeps the identity for
// the handler. It runs before the body is read.
func (a *API) authenticate(api huma.API, by authenticator) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		id, err := by(ctx)
		if err != nil {
			a.writeError(api, ctx, err)
			return
		}
		next(huma.WithValue(ctx, identityKey{}, id))
	}
}

// bearer authenticates a request by its bearer token.
func (a *API) bearer(ctx huma.Context) (auth.Identity, error) {
	if a.cfg.Verifier == nil {
		return auth.Identity{}, errNoAuth
	}
	r, _ := humago.Unwrap(ctx)
	given := r.Header.Values("Authorization")
	if len(given) > 1 { // a proxy and this code might not agree which one counts
		return auth.Identity{}, errTokens
	}
	scheme, token, _ := strings.Cut(strings.Join(given, ""), " ")
	if token = strings.TrimSpace(token); !strings.EqualFold(scheme, "bearer") || token == "" {
		return auth.Identity{}, errNoToken
	}
	return a.cfg.Verifier.Verify(ctx.Context(), token)
}

func hasToken(ctx huma.Context) bool {
	r, _ := humago.Unwrap(ctx)
	return strings.Join(r.Header.Values("Authorization"), "") != ""
}

// subject returns the user that an authenticated request is about, and its sender.
func (a *API) subject(ctx context.Context, w UserParam) (user string, id auth.Identity, err error) {
	id, _ = ctx.Value(identityKey{}).(auth.Identity)
	asked := strings.ToLower(w.UserID)
	switch {
	case asked != "" && !task.IsUUID(asked): // huma accepts forms that Postgres does not
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

// bearerOnly is the security of an operation that needs a bearer token.
func bearerOnly() []map[string][]string { return []map[string][]string{{"bearer": {}}} }
