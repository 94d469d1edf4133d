package api

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// whole reads the body before huma does: to huma, one of just the limit is too
// large, and a client that sends half of one is the server's fault.
func readBody(api huma.API, limit int64) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, _ := humago.Unwrap(ctx)
		body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
		var slow net.Error
		switch {
		case errors.As(err, &slow) && slow.Timeout():
			_ = huma.WriteErr(api, ctx, http.StatusRequestTimeout, "the body did not come in time") // the client may be gone
		case err != nil:
			_ = huma.WriteErr(api, ctx, http.StatusBadRequest, "the body broke off")
		case int64(len(body)) > limit:
			_ = huma.WriteErr(api, ctx, http.StatusRequestEntityTooLarge, "the body is too large")
		default:
			r.Body = io.NopCloser(bytes.NewReader(body))
			next(ctx)
		}
	}
}

// asJSON takes a body for JSON whatever it says that it is: fetch sends a string
// as text/plain, and the service that this replaces did not look.
func asJSON(ctx huma.Context, next func(huma.Context)) {
	r, _ := humago.Unwrap(ctx)
	r.Header.Set("Content-Type", "application/json")
	next(ctx)
}
