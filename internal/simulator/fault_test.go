package simulator

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/task"
)

func TestFaults(t *testing.T) {
	t.Parallel()
	tests := map[Fault]struct {
		status int
		body   string
	}{
		HTTP500:     {500, "<html>"},
		HTTP502:     {502, "<html>"},
		HTTP503:     {503, "<html>"},
		HTTP429:     {429, "<html>"},
		Maintenance: {200, sample(t, "sunoapi-any-code455_maintenance")},
		TooFrequent: {200, sample(t, "sunoapi-any-code430_frequency")},
		OverLimit:   {200, sample(t, "sunoapi-any-code405_ratelimit")},
		NoCredits:   {200, sample(t, "sunoapi-any-code429_credits")},
		BadKey:      {200, `{"code":401,`},
		Malformed:   {200, `{"code":200,`},
		Empty:       {200, ""},
		HTML:        {200, "<html>"},
		CreditsText: {200, `{"code":400,"msg":"Invalid parameters: insufficient credits"`},
	}
	for fault, want := range tests {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			b := setup(t, Config{RetryAfter: 7 * time.Second})
			id := b.Submit(task.Generate, Ready, fault)
			res, body := b.do(t, http.MethodGet, statusPath(task.Generate, id), "")
			require.Equal(t, want.status, res.StatusCode)
			require.Equal(t, want.body, body[:min(len(body), len(want.body))])
			require.Equal(t, fault == Malformed || len(body) == 0 || body[0] == '<', !json.Valid([]byte(body)))
			if fault == HTTP429 {
				require.Equal(t, "7", res.Header.Get("Retry-After"))
			}
			require.Equal(t, "SUCCESS", b.status(t, task.Generate, id).Data.Status, "the next answer is right")
			require.Equal(t, map[Fault]int64{fault: 1}, b.Requests().Faults)
		})
	}
	require.Len(t, tests, len(Faults())-3, "the others have tests of their own")
}

func TestCutAnswer(t *testing.T) {
	t.Parallel()
	b := setup(t, Config{})
	id := b.Submit(task.Lyrics, Ready, Cut)
	res, err := b.client.Get(b.url + statusPath(task.Lyrics, id))
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Len(t, body, int(res.ContentLength)/2)
	require.Equal(t, 200, b.status(t, task.Lyrics, id).Code)
	require.EqualValues(t, 1, b.Requests().Code(0))
}

func TestSlowAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{Seed: 1, SlowDelay: 3 * time.Second})
		id := s.Submit(task.Generate, Ready, Slow, Slow, Slow)
		ask := func(ctx context.Context) (string, time.Duration) {
			began, w := time.Now(), httptest.NewRecorder()
			s.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, statusPath(task.Generate, id), nil))
			return w.Body.String(), time.Since(began)
		}
		body, took := ask(t.Context())
		require.Contains(t, body, "SUCCESS")
		require.Equal(t, 3*time.Second, took)

		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		body, took = ask(impatient)
		require.Empty(t, body)
		require.Equal(t, time.Second, took)

		s.Close()
		body, took = ask(t.Context())
		require.Contains(t, body, "SUCCESS")
		require.Zero(t, took)
	})
}

func TestHangEndsWithTheClient(t *testing.T) {
	t.Parallel()
	b := setup(t, Config{})
	id := b.Submit(task.Generate, Ready, Hang)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+statusPath(task.Generate, id), nil)
	require.NoError(t, err)
	_, err = b.client.Do(r)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, 200, b.status(t, task.Generate, id).Code)
}

// TestHangEndsWithTheClientOfABatch has a request with a body, in an outage in which no
// route reads the body.
func TestHangEndsWithTheClientOfABatch(t *testing.T) {
	t.Parallel()
	s := New(Config{Provider: "sunoproxy"})
	gone := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.ServeHTTP(w, r)
		close(gone)
	}))
	defer server.Close()
	s.Outage(Hang)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+"/suno/fetch", strings.NewReader(`{"ids":["a"]}`))
	require.NoError(t, err)
	_, err = server.Client().Do(r)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	<-gone
}

func TestCloseEndsHangs(t *testing.T) {
	t.Parallel()
	b := setup(t, Config{})
	id := b.Submit(task.Generate, Ready, Hang)
	b.Close()
	b.Close()
	res, body := b.do(t, http.MethodGet, statusPath(task.Generate, id), "")
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Empty(t, body)
}

func TestOutage(t *testing.T) {
	t.Parallel()
	b := setup(t, Config{})
	id := b.Submit(task.Generate, Ready)
	b.Outage(HTTP503)
	for _, path := range []string{"/api/v1/generate", "/api/v1/lyrics"} {
		res, _ := b.do(t, http.MethodPost, path, `{"prompt":"x"}`)
		require.Equal(t, http.StatusServiceUnavailable, res.StatusCode)
	}
	res, _ := b.do(t, http.MethodGet, statusPath(task.Generate, id), "")
	require.Equal(t, http.StatusServiceUnavailable, res.StatusCode)
	require.Len(t, b.Tasks(), 1, "a refused submit makes no task")

	b.Outage(Malformed)
	_, body := b.do(t, http.MethodPost, "/api/v1/generate", `{"prompt":"x"}`)
	require.False(t, json.Valid([]byte(body)))
	require.Len(t, b.Tasks(), 2, "the task was made, only its id was lost")

	b.Outage(NoFault)
	require.Equal(t, "SUCCESS", b.status(t, task.Generate, id).Data.Status)
	require.EqualValues(t, 3, b.Requests().Code(503))
	require.EqualValues(t, 2, b.Requests().Route("GET /api/v1/generate/record-info"))
}

func TestDrawnFaultsDependOnTaskAndRequestOnly(t *testing.T) {
	t.Parallel()
	served := func(noise bool) []Fault {
		s := New(Config{Seed: 5, FaultRate: 0.5})
		id, other := s.Submit(task.Generate, Success), s.Submit(task.Generate, Success)
		one, _ := s.subject(id)
		another, _ := s.subject(other)
		var got []Fault
		for range 200 {
			got = append(got, s.askAll([]*subject{one}, epoch))
			if noise {
				s.askAll([]*subject{another}, epoch)
			}
		}
		return got
	}
	require.Equal(t, served(false), served(true))
	n := map[Fault]int{}
	for _, f := range served(false) {
		n[f]++
	}
	require.InDelta(t, 100, n[NoFault], 25)
	require.Len(t, n, len(DefaultFaultMix())+1)
	require.Zero(t, n[Hang]+n[NoCredits]+n[BadKey])
}

// TestPoison: every request that asks for the task meets its fault, for good.
func TestPoison(t *testing.T) {
	t.Parallel()
	b := setup(t, Config{Provider: "acedata"})
	good, bad := b.Submit(task.Generate, Ready), b.Submit(task.Generate, Ready, NoFault, HTTP500, Always)
	ask := func(ids ...string) int {
		list, err := json.Marshal(ids)
		require.NoError(t, err)
		res, _ := b.do(t, http.MethodPost, "/suno/tasks", `{"action":"retrieve_batch","ids":`+string(list)+`}`)
		return res.StatusCode
	}
	require.Equal(t, 200, ask(good, bad), "the first request passes")
	for range 5 {
		require.Equal(t, 500, ask(good, bad))
		require.Equal(t, 500, ask(bad))
		require.Equal(t, 200, ask(good))
	}
	for list, ok := range map[string]bool{"http_500, *": true, "cut,none,*": true, "*": true, "**": false} {
		_, err := parseFaults(list)
		require.Equal(t, ok, err == nil, list)
	}
}
