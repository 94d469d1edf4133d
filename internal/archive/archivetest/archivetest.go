// Package archivetest is an S3 server for tests, over HTTP: gofakes3, a Go module that runs in
// the test's process. It speaks S3's requests, multipart uploads included, and checks no
// signatures.
package archivetest

import (
	"context"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/stretchr/testify/require"
)

// Bucket is the bucket that a Server has.
const Bucket = "songs"

// Server is an S3 server. Objects are also served to everybody, as a public bucket does.
type Server struct {
	URL string // the endpoint

	mu       sync.Mutex
	requests map[string]int // by method
	answer   func(w http.ResponseWriter, r *http.Request) bool
}

// New starts a server that ends with the test.
func New(t testing.TB) *Server {
	t.Helper()
	backend := s3mem.New()
	require.NoError(t, backend.CreateBucket(Bucket))
	s := &Server{requests: map[string]int{}}
	fake := gofakes3.New(backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests[r.Method]++
		answer := s.answer
		s.mu.Unlock()
		if answer == nil || !answer(w, r) {
			fake.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// Archive returns a TASKSYNC_ARCHIVE with that prefix, whose public URLs are the server's.
func (s *Server) Archive(prefix string) string {
	q := url.Values{"endpoint": {s.URL}, "region": {"us-east-1"}, "public_url": {s.Public(prefix)}}
	return "s3://" + Bucket + "/" + prefix + "?" + q.Encode()
}

// Public returns the address of a prefix.
func (s *Server) Public(prefix string) string { return s.URL + "/" + Bucket + "/" + prefix }

// Answer has f see each request first: true says that f has answered it. Nil: no longer.
func (s *Server) Answer(f func(w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = f
}

// Requests returns how many requests with that method came.
func (s *Server) Requests(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests[method]
}

// Keys lists all objects.
func (s *Server) Keys(t testing.TB) []string {
	t.Helper()
	var list struct {
		Contents []struct{ Key string }
	}
	s.read(t, "/"+Bucket+"?list-type=2", &list)
	keys := make([]string, len(list.Contents))
	for i, c := range list.Contents {
		keys[i] = c.Key
	}
	return keys
}

// Uploads lists the multipart uploads that are under way.
func (s *Server) Uploads(t testing.TB) []string {
	t.Helper()
	var list struct {
		Upload []struct{ Key string }
	}
	s.read(t, "/"+Bucket+"?uploads", &list)
	keys := make([]string, len(list.Upload))
	for i, u := range list.Upload {
		keys[i] = u.Key
	}
	return keys
}

func (s *Server) read(t testing.TB, path string, into any) {
	t.Helper()
	req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodGet, s.URL+path, http.NoBody)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, xml.Unmarshal(body, into), string(body))
}
