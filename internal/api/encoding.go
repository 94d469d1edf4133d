package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzhttp"
)

// minCompressed is the least size of a body that is compressed, in bytes: a smaller one
// fits into a packet as it is.
const minCompressed = 1 << 10

// encoded compresses bodies, and tags those of reading requests. The stream stays as it
// is: compressed events would wait in a buffer, or be flushed one by one for little. The
// page of /docs has its own ways.
func encoded(next http.Handler) (http.Handler, error) {
	compress, err := gzhttp.NewWrapper(gzhttp.MinSize(minCompressed), gzhttp.EnableZstd(false))
	if err != nil {
		return nil, err
	}
	whole := compress(tagged(next))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == eventsPath || r.URL.Path == "/docs" || strings.HasPrefix(r.URL.Path, "/docs/") {
			next.ServeHTTP(w, r)
			return
		}
		whole.ServeHTTP(w, r)
	}), nil
}

// tagged gives the responses to reading requests an ETag, and answers 304 without a body
// to a client that has the body already. A browser may keep a body, but asks each time
// whether it is still right. The tag is a weak one, the same for each encoding.
func tagged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		kept := &keptBody{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(kept, r)
		if kept.status == http.StatusOK {
			sum := sha256.Sum256(kept.body.Bytes())
			tag := `W/"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
			h := w.Header()
			h.Set("ETag", tag)
			h.Set("Cache-Control", "private, no-cache")
			h.Add("Vary", "Authorization")
			if matches(r.Header.Values("If-None-Match"), tag) {
				h.Del("Content-Type")
				w.WriteHeader(http.StatusNotModified)
				return
			}
		}
		w.WriteHeader(kept.status)
		_, _ = w.Write(kept.body.Bytes()) // the client may be gone
	})
}

// matches reports whether a tag is among those of If-None-Match, whose weakness does not
// count (RFC 9110, 13.1.2).
func matches(fields []string, tag string) bool {
	for _, field := range fields {
		for one := range strings.SplitSeq(field, ",") {
			if one = strings.TrimSpace(one); one == "*" || strings.TrimPrefix(one, "W/") == strings.TrimPrefix(tag, "W/") {
				return true
			}
		}
	}
	return false
}

// keptBody keeps the body and the status of a response, until all of it is there.
type keptBody struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

// WriteHeader implements http.ResponseWriter.
func (k *keptBody) WriteHeader(status int) { k.status = status }

// Write implements http.ResponseWriter.
func (k *keptBody) Write(p []byte) (int, error) { return k.body.Write(p) }

// Unwrap lets http.ResponseController reach the connection.
func (k *keptBody) Unwrap() http.ResponseWriter { return k.ResponseWriter }
