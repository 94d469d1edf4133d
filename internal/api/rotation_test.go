package api

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"tasksync/internal/auth"
)

// keyServer serves a JWKS that a test can change.
type keyServer struct {
	*testing.T
	url  string
	body atomic.Pointer[string] // "" is an outage
	asks atomic.Int64
}

func serveKeys(t *testing.T, keys ...json.RawMessage) *keyServer {
	t.Helper()
	s := &keyServer{T: t}
	s.publish(keys...)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.asks.Add(1)
		if *s.body.Load() == "" {
			w.WriteHeader(http.StatusBadGateway)
		}
		_, _ = w.Write([]byte(*s.body.Load()))
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *keyServer) publish(keys ...json.RawMessage) {
	body := jwks(keys...)
	s.body.Store(&body)
}

// fail begins an outage of the server.
func (s *keyServer) fail() { s.body.Store(new("")) }

// verifying makes an API accept tokens of the server's keys, and tokens of the secret,
// if it is not empty.
func (s *keyServer) verifying(secret string, now func() time.Time) func(*Config) {
	return func(c *Config) {
		v, err := auth.New(auth.Config{Secret: secret, JWKSURL: s.url, Now: now, Logger: c.Logger})
		require.NoError(s, err)
		c.Verifier = v
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- v.Run(ctx) }()
		s.Cleanup(func() {
			cancel()
			require.NoError(s, <-ended)
		})
	}
}

// jwks makes a JWKS of the results of jwkOf.
func jwks(keys ...json.RawMessage) string {
	raw, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// jwkOf returns the public part of a key as a JWK.
func jwkOf(t testing.TB, kid string, key crypto.Signer) json.RawMessage {
	t.Helper()
	jwk, err := jwkset.NewJWKFromKey(key.Public(), jwkset.JWKOptions{Metadata: jwkset.JWKMetadataOptions{KID: kid}})
	require.NoError(t, err)
	raw, err := json.Marshal(jwk.Marshal())
	require.NoError(t, err)
	return raw
}

func newRSA(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	return key
}

// signer is a key with its signing method.
type signer struct {
	kid    string
	key    crypto.Signer
	method jwt.SigningMethod
}

// newSigner makes the nth key; the algorithms take turns.
func newSigner(t testing.TB, n int) signer {
	t.Helper()
	s := signer{kid: fmt.Sprint("key-", n)}
	var err error
	switch n % 3 {
	case 0:
		s.method = jwt.SigningMethodES256
		s.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case 1:
		s.method = jwt.SigningMethodEdDSA
		_, s.key, err = ed25519.GenerateKey(rand.Reader)
	case 2:
		s.method, s.key = jwt.SigningMethodRS256, newRSA(t)
	}
	require.NoError(t, err)
	return s
}

func (s signer) token(t testing.TB, change ...func(jwt.MapClaims)) string {
	t.Helper()
	return signedBy(t, s.method, s.key, s.kid, change...)
}

func (s signer) jwk(t testing.TB) json.RawMessage { return jwkOf(t, s.kid, s.key) }

// TestKeysAndSecretAtOnce: while a project moves from the secret to keys, tokens of
// both are accepted.
func TestKeysAndSecretAtOnce(t *testing.T) {
	t.Parallel()
	signers := []signer{newSigner(t, 0), newSigner(t, 1), newSigner(t, 2)}
	server := serveKeys(t, signers[0].jwk(t), signers[1].jwk(t), signers[2].jwk(t))
	b := setup(t, server.verifying(secret, time.Now))
	_, taskID := b.insertReady(alice)
	tokens := []string{token(alice)}
	for _, s := range signers {
		tokens = append(tokens, s.token(t))
	}
	for _, tok := range tokens {
		a := b.call(http.MethodGet, syncPath, tok, "")
		require.Equal(t, http.StatusOK, a.status, a.body)
		require.Contains(t, a.body, taskID)
	}

	cfg := b.cfg
	cfg.Registerer = nil
	server.verifying("", time.Now)(&cfg)
	without, err := New(cfg)
	require.NoError(t, err)
	b.url = b.serveHandler(without, func(*http.Server) {})
	b.until("the keys are there", func() bool { return b.call(http.MethodGet, syncPath, tokens[1], "").status == http.StatusOK })
	require.Equal(t, http.StatusUnauthorized, b.call(http.MethodGet, syncPath, tokens[0], "").status, "no secret any more")
}

// TestKeyRotationUnderLoad: keys are added and removed while requests are under way.
// All requests have a token of the newest key or of the one before, and all are
// accepted.
func TestKeyRotationUnderLoad(t *testing.T) {
	t.Parallel()
	const workers, rotations, each = 8, 6, 40
	var ahead atomic.Int64 // a day passes between two rotations
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	lasting := set("exp", time.Now().Add(100*24*time.Hour).Unix())
	keys := []signer{newSigner(t, 0)}
	server := serveKeys(t, keys[0].jwk(t))
	b := setup(t, server.verifying(secret, now))
	var tokens atomic.Pointer[[2]string]
	tokens.Store(&[2]string{keys[0].token(t, lasting), token(alice, lasting)})
	var using sync.RWMutex // held for reading while a token is in use
	var served atomic.Int64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	work := func(i int) bool {
		using.RLock()
		defer using.RUnlock()
		a, err := b.try(http.MethodGet, syncPath, tokens.Load()[i%2], "")
		if err != nil || a.status != http.StatusOK {
			b.Errorf("a valid token is refused: %v %s", err, a.body)
			return false
		}
		served.Add(1)
		return true
	}
	for w := range workers {
		wg.Go(func() {
			for i := w; work(i); i++ {
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	arrived := func() { // waits for the requests that are under way
		using.Lock()
		defer using.Unlock()
	}
	used := func() {
		before := served.Load()
		b.until("the tokens are in use", func() bool { return t.Failed() || served.Load() >= before+each })
	}
	for n := range rotations {
		used()
		keys = append(keys, newSigner(t, n+1))
		ahead.Add(int64(24 * time.Hour))
		var published []json.RawMessage
		for _, s := range keys[max(0, n-1):] { // unused keys are gone
			published = append(published, s.jwk(t))
		}
		server.publish(published...)
		tokens.Store(&[2]string{keys[n].token(t, lasting), keys[n+1].token(t, lasting)})
		arrived()
	}
	used()
	close(stop)
	wg.Wait()
	require.LessOrEqual(t, server.asks.Load(), int64(2*rotations+2), "a key costs a fetch, not one for each request")
	require.Equal(t, http.StatusUnauthorized, b.call(http.MethodGet, syncPath, keys[0].token(t, lasting), "").status, "its key is gone")
}

// TestKeyServerThatIsAway: before the first fetch of the keys has succeeded, a token
// gets 503 rather than 401.
func TestKeyServerThatIsAway(t *testing.T) {
	t.Parallel()
	s := newSigner(t, 0)
	server := serveKeys(t)
	server.fail()
	b := setup(t, server.verifying(secret, time.Now))
	a := b.call(http.MethodGet, syncPath, s.token(t), "")
	require.Equal(t, http.StatusServiceUnavailable, a.status)
	require.NotEmpty(t, a.header.Get("Retry-After"))
	require.Contains(t, a.detail(t), "JWKS")
	require.Equal(t, http.StatusOK, b.call(http.MethodGet, syncPath, token(alice), "").status, "the secret works meanwhile")
	server.publish(s.jwk(t))
	b.until("the keys come", func() bool { return b.call(http.MethodGet, syncPath, s.token(t), "").status == http.StatusOK })
	server.fail()
	for range 20 {
		require.Equal(t, http.StatusOK, b.call(http.MethodGet, syncPath, s.token(t), "").status, "and stay")
	}
}

// TestNewKeyWhileTheServerIsAway: a page must not take the 503 for a logout, so it is no 401.
func TestNewKeyWhileTheServerIsAway(t *testing.T) {
	t.Parallel()
	old, next := newSigner(t, 0), newSigner(t, 1)
	server := serveKeys(t, old.jwk(t))
	var clock atomic.Int64
	clock.Store(time.Now().UnixNano())
	b := setup(t, server.verifying("", func() time.Time { return time.Unix(0, clock.Load()) }))
	b.until("the keys are known", func() bool {
		return b.call(http.MethodGet, syncPath, old.token(t), "").status == http.StatusOK
	})
	server.fail()
	for _, request := range [][2]string{{http.MethodGet, syncPath}, {http.MethodGet, eventsPath}, {http.MethodPost, eventsPath + "/ticket"}} {
		a := b.call(request[0], request[1], next.token(t), "")
		require.Equal(t, http.StatusServiceUnavailable, a.status, request)
		require.NotEmpty(t, a.header.Get("Retry-After"))
		require.Empty(t, a.header.Get("WWW-Authenticate"))
		require.Contains(t, a.detail(t), "try again")
	}
	server.publish(old.jwk(t), next.jwk(t))
	clock.Add(int64(time.Minute))
	require.Equal(t, http.StatusOK, b.call(http.MethodGet, syncPath, next.token(t), "").status)
}
