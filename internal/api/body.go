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

// readBody reads the body before huma does. Huma rejects a body of exactly the limit,
// and blames the server where a client sends half a body.
func readBody(api huma.API, limit int64) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, _ := humago.Unwrap(ctx)
		body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
		slow, ok := errors.AsType[net.Error](err)
		switch {
		case ok && slow.Timeout():
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

// asJSON reads every body as JSON, whatever its Content-Type: fetch sends a string as
// text/plain, and the service that tasksync replaces ignored the header.
func asJSON(ctx huma.Context, next func(huma.Context)) {
	r, _ := humago.Unwrap(ctx)
	r.Header.Set("Content-Type", "application/json")
	next(ctx)
}
