// Package web serves a page that shows a user's generations live. The page is an
// example of how a browser uses the API: one file, index.html, without a build step
// or a library.
package web

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // for the page
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"
)

//go:embed index.html
var page []byte

// Handler serves the page at / and nothing else. The policy lets the page load from
// the given origins only, like http://127.0.0.1:8080: the origins of the API and of
// the media, audio and covers, of your provider. The page has no proxy for these: a
// server that fetches addresses out of rows is a way into its own network, and an img
// sends no token that tells whose rows it may show. Without origins the page may load
// from anywhere. The page takes its settings from its link, not from the handler.
func Handler(origins ...string) http.Handler {
	policy := policy(origins)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Cache-Control", "no-cache")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(page))
	})
	return mux
}

// policy returns a Content-Security-Policy that allows the page's own script and
// style, by their hashes, and no other.
func policy(origins []string) string {
	from := "http: https:"
	if len(origins) > 0 {
		from = strings.Join(origins, " ")
	}
	return fmt.Sprintf("default-src 'none'; script-src %s; style-src %s; connect-src %[3]s; img-src %[3]s data:; "+
		"media-src %[3]s; base-uri 'none'; form-action 'none'; frame-ancestors 'none'", hash("script"), hash("style"), from)
}

// hash returns the policy's source expression for the page's only element of that
// name.
func hash(element string) string {
	_, text, _ := bytes.Cut(page, []byte("<"+element+">"))
	text, _, _ = bytes.Cut(text, []byte("</"+element+">"))
	sum := sha256.Sum256(text)
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
