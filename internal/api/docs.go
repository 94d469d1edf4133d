package api

import (
	"embed"
	"io/fs"
	"net/http"

	"github.com/swaggest/swgui"
	"github.com/swaggest/swgui/v5emb"
)

//go:embed docs
var docs embed.FS

// registerDocs serves the reference page: ours, around Swagger UI, whose assets are in the
// binary, so that the page works without the internet. Swagger UI sets styles inline.
func registerDocs(mux *http.ServeMux) error {
	page, err := fs.Sub(docs, "docs")
	if err != nil {
		return err
	}
	files := http.StripPrefix("/docs/", http.FileServerFS(page))
	assets := v5emb.NewHandlerWithConfig(swgui.Config{BasePath: "/docs/"})
	serve := func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Security-Policy", "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
			h.ServeHTTP(w, r)
		})
	}
	index := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, page, "index.html") })
	mux.Handle("GET /docs", serve(index))
	mux.Handle("GET /docs/{$}", serve(index))
	mux.Handle("GET /docs/page.js", serve(files))
	mux.Handle("GET /docs/page.css", serve(files))
	mux.Handle("GET /docs/", serve(assets))
	return nil
}
