package auth

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

// transport responds without a network, so that it can be used under synctest.
type transport struct {
	mu    sync.Mutex
	body  string        // empty: an error
	after time.Duration // how long a response takes
	asked []time.Time
}

func (tr *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	tr.mu.Lock()
	tr.asked = append(tr.asked, time.Now())
	body, after := tr.body, tr.after
	tr.mu.Unlock()
	select {
	case <-time.After(after):
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
	if body == "" {
		return nil, errors.New("no such host")
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(body)), Request: req}, nil
}

// set sets the later responses.
func (tr *transport) set(body string, after time.Duration) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.body, tr.after = body, after
}

// logBuffer is a log that can be read while it is written to.
type logBuffer struct {
	mu  sync.Mutex
	log strings.Builder
}

func (j *logBuffer) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.log.Write(p)
}

func (j *logBuffer) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.log.String()
}

// withFakeTime runs test with a Verifier on the clock of synctest.
func withFakeTime(t *testing.T, tr *transport, test func(t *testing.T, v *Verifier, log *logBuffer)) {
	signers() // not inside: no goroutine may outlive the bubble
	synctest.Test(t, func(t *testing.T) {
		var log logBuffer
		v, err := New(Config{
			JWKSURL: "https://keys.example/jwks.json?apikey=not-for-the-log",
			Client:  &http.Client{Transport: tr}, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- v.Run(ctx) }()
		test(t, v, &log)
		cancel()
		require.NoError(t, <-done)
	})
}

func esToken(t *testing.T, kid string) string {
	t.Helper()
	return token(t, jwt.SigningMethodES256, "ec", kid,
		object{"sub": user, "aud": "authenticated", "exp": time.Now().Add(24 * time.Hour).Unix()})
}

// gaps returns the times between requests, in seconds.
func (tr *transport) gaps() []float64 {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	var gaps []float64
	for i := 1; i < len(tr.asked); i++ {
		gaps = append(gaps, tr.asked[i].Sub(tr.asked[i-1]).Seconds())
	}
	return gaps
}

func TestFetchesAtEachInterval(t *testing.T) {
	t.Parallel()
	tr := &transport{body: initialKeys()}
	withFakeTime(t, tr, func(t *testing.T, v *Verifier, log *logBuffer) {
		time.Sleep(31 * time.Minute)
		require.Equal(t, []float64{600, 600, 600}, tr.gaps())
		require.Equal(t, 1, strings.Count(log.String(), "\n"), log)
		_, err := v.Verify(t.Context(), esToken(t, "ec"))
		require.NoError(t, err)
	})
}

func TestFailuresAreRetriedSoonerAndLoggedOnceAMinute(t *testing.T) {
	t.Parallel()
	tr := &transport{}
	withFakeTime(t, tr, func(t *testing.T, v *Verifier, log *logBuffer) {
		time.Sleep(200 * time.Second)
		require.Equal(t, []float64{1, 2, 4, 8, 16, 32, 60, 60}, tr.gaps())
		require.Equal(t, 4, strings.Count(log.String(), "level=ERROR"), log) // at 0, 63, 123 and 183 s
		require.Contains(t, log.String(), "no such host")
		require.Contains(t, log.String(), "keys_known=false")
		require.NotContains(t, log.String(), "not-for-the-log")

		tr.set(initialKeys(), 0)
		time.Sleep(time.Minute)
		require.Equal(t, 1, strings.Count(log.String(), "level=INFO"), log)
		_, err := v.Verify(t.Context(), esToken(t, "ec"))
		require.NoError(t, err)

		tr.set("", 0)
		time.Sleep(24 * time.Hour)
		require.Contains(t, log.String(), "keys_known=true")
		_, err = v.Verify(t.Context(), esToken(t, "ec"))
		require.NoError(t, err)
	})
}

func TestSlowServerIsWaitedForThreeSeconds(t *testing.T) {
	t.Parallel()
	tr := &transport{body: initialKeys(), after: 4 * time.Second}
	withFakeTime(t, tr, func(t *testing.T, v *Verifier, _ *logBuffer) {
		begin := time.Now()
		_, err := v.Verify(t.Context(), esToken(t, "ec"))
		require.ErrorIs(t, err, ErrKeys)
		require.Equal(t, demandTimeout, time.Since(begin))

		time.Sleep(time.Minute)
		begin = time.Now()
		_, err = v.Verify(t.Context(), esToken(t, "unknown"))
		require.Equal(t, StaleError{After: time.Second}, err, "the server may have published it meanwhile")
		require.Equal(t, demandTimeout, time.Since(begin))

		time.Sleep(time.Minute)
		tr.set(initialKeys(), time.Second)
		begin = time.Now()
		_, err = v.Verify(t.Context(), esToken(t, "unknown"))
		require.Equal(t, unknownKey, err)
		require.Equal(t, time.Second, time.Since(begin))
		_, err = v.Verify(t.Context(), esToken(t, "unknown")) // within demandSpacing: at once
		require.Equal(t, unknownKey, err)
		require.Equal(t, time.Second, time.Since(begin))
	})
}

func TestServerThatHangsIsGivenUp(t *testing.T) {
	t.Parallel()
	tr := &transport{body: initialKeys(), after: time.Hour}
	withFakeTime(t, tr, func(t *testing.T, v *Verifier, log *logBuffer) {
		time.Sleep(fetchTimeout + time.Millisecond)
		require.Contains(t, log.String(), "deadline")
		tr.set(initialKeys(), 0)
		time.Sleep(minRetry)
		_, err := v.Verify(t.Context(), esToken(t, "ec"))
		require.NoError(t, err)
	})
}

func TestVerifyEndsWithItsContext(t *testing.T) {
	t.Parallel()
	tr := &transport{body: initialKeys(), after: 4 * time.Second}
	withFakeTime(t, tr, func(t *testing.T, v *Verifier, _ *logBuffer) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		_, err := v.Verify(ctx, esToken(t, "ec"))
		require.ErrorIs(t, err, ErrKeys)
		require.Equal(t, time.Second, time.Since(begin))
	})
}

func TestSetWithoutUsableKeysIsLogged(t *testing.T) {
	t.Parallel()
	tr := &transport{body: jwks(object{"kty": "oct", "k": "c2VjcmV0"})}
	withFakeTime(t, tr, func(t *testing.T, _ *Verifier, log *logBuffer) {
		time.Sleep(time.Second)
		require.Contains(t, log.String(), "level=WARN")
		require.Contains(t, log.String(), "ignored=1")
	})
}

// The end of Run in the middle of a fetch is not a failure.
func TestEndOfRunIsNotLogged(t *testing.T) {
	t.Parallel()
	var logged *logBuffer
	withFakeTime(t, &transport{body: initialKeys(), after: time.Minute}, func(t *testing.T, _ *Verifier, log *logBuffer) {
		time.Sleep(time.Second)
		logged = log
	})
	require.Empty(t, logged.String())
}
