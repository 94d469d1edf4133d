package api

import (
	"net/http"

	"github.com/swaggest/swgui"
	"github.com/swaggest/swgui/v5emb"
)

// registerDocs serves the reference page. Its assets are in the binary, so that the
// page works without the internet.
func registerDocs(mux *http.ServeMux) {
	page := v5emb.NewHandlerWithConfig(swgui.Config{
		Title: "tasksync", SwaggerJSON: "/openapi.json", BasePath: "/docs/",
		SettingsUI: map[string]string{"defaultModelsExpandDepth": "1"}, // show the schemas
	})
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline'; frame-ancestors 'none'")
		page.ServeHTTP(w, r)
	})
	mux.Handle("GET /docs", h)
	mux.Handle("GET /docs/", h)
}
