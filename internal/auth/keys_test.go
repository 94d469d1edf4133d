package auth

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

func (b *bundle) ecToken(t testing.TB, signer, kid string) string {
	t.Helper()
	return token(t, jwt.SigningMethodES256, signer, kid, b.clock.claims(nil))
}

func (b *bundle) hsToken(t testing.TB) string {
	t.Helper()
	return token(t, jwt.SigningMethodHS256, secret, "", b.clock.claims(nil))
}

func (b *bundle) lacksKeys(t testing.TB) {
	t.Helper()
	_, err := b.Verify(t.Context(), b.ecToken(t, "ec", "ec"))
	require.ErrorIs(t, err, ErrKeys)
	require.NotErrorIs(t, err, ErrToken)
	b.accepts(t, b.hsToken(t)) // the secret needs no server
}

func TestNewAsksNothing(t *testing.T) {
	t.Parallel()
	b := setupIdle(t)
	b.accepts(t, b.hsToken(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.Verify(ctx, b.ecToken(t, "ec", "ec"))
	require.ErrorIs(t, err, ErrKeys)
	require.Zero(t, b.server.requests.Load())
}

func TestServerIsDownAtStart(t *testing.T) {
	t.Parallel()
	b := setupIdle(t, refreshOften)
	b.server.handle(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	b.run(t)
	b.awaitRequests(t, 2)
	b.lacksKeys(t)
	b.server.serve(initialKeys())
	b.awaitKeys(t)
	b.accepts(t, b.ecToken(t, "ec", "ec"))
}

func TestServerIsUnreachableAtStart(t *testing.T) {
	t.Parallel()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	b := setupIdle(t, func(c *Config) { c.JWKSURL = closed.URL })
	b.run(t)
	b.lacksKeys(t)
}

func TestOldKeysGoOnWhileTheServerIsDown(t *testing.T) {
	t.Parallel()
	b := setup(t, refreshOften, func(c *Config) {
		c.Client = &http.Client{Timeout: 100 * time.Millisecond, Transport: newClient().Transport}
	})
	stay := make(chan struct{})
	t.Cleanup(func() { close(stay) })
	other := jwks(jwk("ec", signers()["ec-2"])) // would replace the key if it were accepted
	for name, answer := range map[string]http.HandlerFunc{
		"status 500": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"status 404": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, other, http.StatusNotFound) },
		"status 204": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
		"garbage":    func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"no keys":    func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) },
		"cut short":  func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(other[:100])) },
		"broken off": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"too large":  func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(padded(other, maxBody+1)) },
		"hangs":      func(_ http.ResponseWriter, r *http.Request) { await(r, stay) },
		"hangs inside": func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte(other[:100]))
			_ = http.NewResponseController(w).Flush()
			await(r, stay)
		},
	} {
		t.Log(name)
		b.server.handle(answer)
		b.awaitRequests(t, 3) // the second began after the response to the first
		b.accepts(t, b.ecToken(t, "ec", "ec"))
		b.accepts(t, b.hsToken(t))
	}
	b.server.serve(other)
	require.Eventually(t, func() bool {
		_, err := b.Verify(t.Context(), b.ecToken(t, "ec-2", "ec"))
		return err == nil
	}, waitLimit, tick)
}

func await(r *http.Request, stay <-chan struct{}) {
	select {
	case <-stay:
	case <-r.Context().Done():
	}
}

// padded returns body with white space after it, n bytes in all.
func padded(body string, n int) []byte {
	return []byte(body + strings.Repeat(" ", n-len(body)))
}

func TestLargestBodyIsRead(t *testing.T) {
	t.Parallel()
	b := setupIdle(t)
	b.server.serve(string(padded(initialKeys(), maxBody)))
	b.run(t)
	b.awaitKeys(t)
	b.accepts(t, b.ecToken(t, "ec", "ec"))
}

func TestVerifyDoesNotWaitForAServerThatHangs(t *testing.T) {
	t.Parallel()
	b := setupIdle(t)
	b.keys.maxWait = tick
	stay := make(chan struct{})
	b.server.handle(func(w http.ResponseWriter, r *http.Request) {
		await(r, stay)
		_, _ = w.Write([]byte(initialKeys()))
	})
	b.run(t)
	b.lacksKeys(t) // returns although the server has not responded
	close(stay)
	b.awaitKeys(t)
	b.accepts(t, b.ecToken(t, "ec", "ec"))
}

func TestUnknownKidMakesItFetch(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.accepts(t, b.ecToken(t, "ec", "ec"))
	b.server.serve(jwks(jwk("new", signers()["ec-2"])))
	require.Equal(t, int64(1), b.server.requests.Load())
	b.accepts(t, b.ecToken(t, "ec-2", "new"))
	require.Equal(t, int64(2), b.server.requests.Load())
	b.refuses(t, unknownKey, b.ecToken(t, "ec", "ec")) // the removed key is gone
	require.Equal(t, int64(2), b.server.requests.Load())
}

func TestFloodOfUnknownKidsIsLimited(t *testing.T) {
	t.Parallel()
	b := setup(t)
	good := b.ecToken(t, "ec", "ec")
	b.accepts(t, good)
	for round := range int64(3) {
		var flood sync.WaitGroup
		for worker := range 8 {
			flood.Go(func() {
				for i := range 50 {
					_, err := b.Verify(t.Context(), b.ecToken(t, "ec", "kid-"+strconv.Itoa(100*worker+i)))
					if !errors.Is(err, unknownKey) && !errors.Is(err, ErrKeys) {
						t.Errorf("unknown kid: %v", err)
					}
				}
			})
		}
		flood.Wait()
		require.Equal(t, 2+round, b.server.requests.Load())
		b.accepts(t, good)
		b.clock.advance(demandSpacing - 1)
		_, err := b.Verify(t.Context(), b.ecToken(t, "ec", "unknown-"+strconv.FormatInt(round, 10)))
		require.Equal(t, StaleError{After: time.Second}, err, "no fetch has begun since it was first seen")
		require.Equal(t, 2+round, b.server.requests.Load())
		b.clock.advance(1)
	}
}

// TestNewKidBesideMadeUpOnes: tokens of another issuer do not delay the first token of a
// new key. Made-up kids in tokens of the same issuer do, for the spacing at most; until
// then the new token is not refused.
func TestNewKidBesideMadeUpOnes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.accepts(t, b.ecToken(t, "ec", "ec"))
	foreign := func(kid string) string {
		return token(t, jwt.SigningMethodES256, "ec", kid, b.clock.claims(object{"iss": "https://elsewhere.example"}))
	}
	b.refuses(t, unknownKey, foreign("made-up"))
	require.Equal(t, int64(2), b.server.requests.Load())
	_, err := b.Verify(t.Context(), foreign("made-up-2"))
	require.Equal(t, StaleError{After: demandSpacing}, err)

	s := signers()
	b.server.serve(jwks(jwk("ec", s["ec"]), jwk("new", s["ec-2"])))
	b.accepts(t, b.ecToken(t, "ec-2", "new"))
	require.Equal(t, int64(3), b.server.requests.Load())

	b.server.serve(jwks(jwk("newer", s["ec-2"])))
	b.clock.advance(demandSpacing - time.Second)
	newer := b.ecToken(t, "ec-2", "newer")
	_, err = b.Verify(t.Context(), newer)
	require.Equal(t, StaleError{After: time.Second}, err)
	require.ErrorIs(t, err, ErrKeys)
	require.NotErrorIs(t, err, ErrToken)
	b.clock.advance(time.Second)
	b.accepts(t, newer)
	b.refuses(t, unknownKey, b.ecToken(t, "ec", "ec"))
}

// TestUnreachableServerRefusesNobody: a kid that is not in the old keys may be a new one.
func TestUnreachableServerRefusesNobody(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.server.handle(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	for range 3 {
		_, err := b.Verify(t.Context(), b.ecToken(t, "ec-2", "new"))
		require.ErrorIs(t, err, ErrKeys)
		b.clock.advance(demandSpacing)
	}
	b.server.serve(jwks(jwk("new", signers()["ec-2"])))
	b.accepts(t, b.ecToken(t, "ec-2", "new"))
}

// Only an unknown kid causes a request. None of these tokens has one that counts.
func TestWhatMakesNoRequest(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, tok := range []string{
		token(t, jwt.SigningMethodRS256, "rsa", "ec", b.clock.claims(nil)),
		token(t, jwt.SigningMethodRS512, "rsa", "unknown", b.clock.claims(nil)),
		token(t, jwt.SigningMethodHS256, "another-secret-of-forty-bytes-or-so", "unknown", b.clock.claims(nil)),
		forge(object{"alg": "none", "kid": "unknown"}, b.clock.claims(nil), unsigned),
		forge(object{"alg": "ES256", "kid": "unknown", "crit": 1}, b.clock.claims(nil), unsigned),
		forge(object{"alg": "ES256", "kid": "ec"}, b.clock.claims(nil), unsigned),
		forge(object{"alg": "ES256", "kid": "unknown"}, b.clock.claims(object{"aud": "another"}), unsigned),
		forge(object{"alg": "ES256", "kid": "unknown"}, b.clock.claims(object{"sub": "nobody"}), unsigned),
		forge(object{"alg": "ES256", "kid": "unknown"}, b.clock.claims(object{"exp": b.clock.in(-60)}), unsigned),
	} {
		_, err := b.Verify(t.Context(), tok)
		require.ErrorIs(t, err, ErrToken)
	}
	require.Equal(t, int64(1), b.server.requests.Load())
}

// Keys change twice while tokens are verified: a new key is accepted from its first
// token on, an old key until it is removed, and never again after that.
func TestRotationUnderLoad(t *testing.T) {
	t.Parallel()
	b := setup(t, refreshOften)
	s := signers()
	one, two := b.ecToken(t, "ec", "ec"), b.ecToken(t, "ec-2", "ec-2")
	ctx, cancel := context.WithCancel(t.Context())
	var load, loadOne sync.WaitGroup
	hammer := func(ctx context.Context, load *sync.WaitGroup, tok string) {
		load.Go(func() {
			for ctx.Err() == nil {
				if _, err := b.Verify(t.Context(), tok); err != nil {
					t.Errorf("a valid token: %v", err)
					return
				}
			}
		})
	}
	oneContext, stopOne := context.WithCancel(ctx)
	hammer(oneContext, &loadOne, one)
	hammer(ctx, &load, b.hsToken(t))
	b.awaitRequests(t, 3)

	b.server.serve(jwks(jwk("ec", s["ec"]), jwk("ec-2", s["ec-2"])))
	for range 3 {
		hammer(ctx, &load, two)
	}
	b.awaitRequests(t, 3)
	stopOne()
	loadOne.Wait()

	b.server.serve(jwks(jwk("ec-2", s["ec-2"])))
	b.awaitRequests(t, 3)
	for range 100 {
		b.refuses(t, unknownKey, one)
	}
	b.awaitRequests(t, 3)
	b.refuses(t, unknownKey, one)
	cancel()
	load.Wait()
}

// The kid stays, and its key changes.
func TestKeyIsReplacedUnderItsName(t *testing.T) {
	t.Parallel()
	b := setup(t, refreshOften)
	b.accepts(t, b.ecToken(t, "ec", "ec"))
	b.server.serve(jwks(jwk("ec", signers()["ec-2"])))
	b.awaitRequests(t, 3)
	b.accepts(t, b.ecToken(t, "ec-2", "ec"))
	b.refuses(t, badSignature, b.ecToken(t, "ec", "ec"))
}

// A project that signs with its secret only has a set without keys: asymmetric
// tokens get 401 there, not 503.
func TestEmptySetIsValid(t *testing.T) {
	t.Parallel()
	b := setupIdle(t)
	b.server.serve(jwks())
	b.run(t)
	b.awaitKeys(t)
	b.accepts(t, b.hsToken(t))
	b.refuses(t, unknownKey, b.ecToken(t, "ec", "ec"))
}

func TestRedirectToAnotherHostIsNotFollowed(t *testing.T) {
	t.Parallel()
	elsewhere := newServer(t)
	b := setupIdle(t, refreshOften)
	b.server.handle(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) })
	b.run(t)
	b.awaitRequests(t, 2)
	require.Zero(t, elsewhere.requests.Load())
	b.lacksKeys(t)
}

func TestRedirectsWithinTheHostAreFollowedThrice(t *testing.T) {
	t.Parallel()
	for hops := range 6 {
		b := setupIdle(t)
		b.server.handle(func(w http.ResponseWriter, r *http.Request) {
			if len(r.URL.Path) <= hops {
				http.Redirect(w, r, r.URL.Path+"x", http.StatusMovedPermanently)
				return
			}
			_, _ = w.Write([]byte(initialKeys()))
		})
		_, err := b.keys.fetch(t.Context())
		if hops <= maxRedirects {
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, errRedirect)
		}
	}
}
