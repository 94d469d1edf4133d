package auth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

const (
	secret    = "a-secret-of-forty-bytes-as-supabase-has-it"
	user      = "0b51c7a2-9d7e-4e0c-8a55-0f6a1c3d2e4f"
	waitLimit = 30 * time.Second
	tick      = 2 * time.Millisecond
)

// signers returns one private key of each sort. They are made once, because RSA keys
// take time; no test changes them.
var signers = sync.OnceValue(func() map[string]crypto.Signer {
	must := func(s crypto.Signer, err error) crypto.Signer {
		if err != nil {
			panic(err)
		}
		return s
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	r := must(rsa.GenerateKey(rand.Reader, 2048))
	return map[string]crypto.Signer{
		"ec": newEC(), "ec-2": newEC(), "ec-384": must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)),
		"rsa": r, "rsa-1024": must(rsa.GenerateKey(rand.Reader, 1024)),
		"ed": must(ed, err),
	}
})

func newEC() crypto.Signer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

type object = map[string]any

// jwk returns the public key of a signer as a JWK, with the given members replaced.
func jwk(kid string, signer crypto.Signer, members ...object) object {
	b64 := base64.RawURLEncoding.EncodeToString
	var j object
	switch pub := signer.Public().(type) {
	case *ecdsa.PublicKey:
		point, err := pub.Bytes() // 4, x, y
		if err != nil {
			panic(err)
		}
		half := len(point) / 2
		j = object{"kty": "EC", "crv": pub.Params().Name, "x": b64(point[1 : 1+half]), "y": b64(point[1+half:])}
	case *rsa.PublicKey:
		j = object{"kty": "RSA", "n": b64(pub.N.Bytes()), "e": b64(big.NewInt(int64(pub.E)).Bytes())}
	case ed25519.PublicKey:
		j = object{"kty": "OKP", "crv": "Ed25519", "x": b64(pub)}
	}
	if kid != "" {
		j["kid"] = kid
	}
	for _, m := range members {
		maps.Copy(j, m)
	}
	return j
}

func jwks(keys ...object) string {
	raw, err := json.Marshal(object{"keys": append([]object{}, keys...)})
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// initialKeys is the JWKS that the server of a test serves at first.
func initialKeys() string {
	s := signers()
	return jwks(jwk("ec", s["ec"]), jwk("rsa", s["rsa"]), jwk("ed", s["ed"]))
}

// clock stands still until a test moves it.
type clock struct{ nanos atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.nanos.Store(time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.nanos.Load()) }
func (c *clock) advance(d time.Duration) { c.nanos.Add(int64(d)) }
func (c *clock) in(seconds int64) int64  { return c.now().Unix() + seconds }

// claims returns the claims of a signed-in user, with the given claims replaced, or
// removed where the value is nil.
func (c *clock) claims(over object) object {
	all := object{
		"sub": user, "aud": "authenticated", "role": "authenticated", "iss": "https://x.supabase.co/auth/v1",
		"iat": c.in(-60), "exp": c.in(3600), "email": "a@b.example", "is_anonymous": false,
	}
	maps.Copy(all, over)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	return all
}

// token makes a token with the library. key is a name among signers, or the secret.
func token(t testing.TB, method jwt.SigningMethod, key any, kid string, claims object) string {
	t.Helper()
	tok := jwt.NewWithClaims(method, jwt.MapClaims(claims))
	if kid != "" {
		tok.Header["kid"] = kid
	}
	if name, ok := key.(string); ok {
		if s, known := signers()[name]; known {
			key = s
		} else {
			key = []byte(name)
		}
	}
	signed, err := tok.SignedString(key)
	require.NoError(t, err)
	return signed
}

// forge makes a token by hand; sign gets the bytes to sign.
func forge(header object, claims any, sign func(input string) []byte) string {
	part := func(v any) string {
		raw, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	input := part(header) + "." + part(claims)
	return input + "." + base64.RawURLEncoding.EncodeToString(sign(input))
}

// server is a JWKS server whose response a test can change.
type server struct {
	*httptest.Server
	requests atomic.Int64
	answer   atomic.Pointer[http.HandlerFunc]
}

func newServer(t testing.TB) *server {
	t.Helper()
	s := &server{}
	s.serve(initialKeys())
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		(*s.answer.Load())(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) handle(h http.HandlerFunc) { s.answer.Store(&h) }

func (s *server) serve(body string) {
	s.handle(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) })
}

type bundle struct {
	*Verifier
	server *server
	clock  *clock
}

// setup makes and runs a Verifier with the secret and a JWKS server. The keys are
// known when it returns.
func setup(t *testing.T, change ...func(*Config)) *bundle {
	t.Helper()
	b := setupIdle(t, change...)
	b.run(t)
	b.awaitKeys(t)
	return b
}

// setupIdle makes the same Verifier, but does not run it.
func setupIdle(t testing.TB, change ...func(*Config)) *bundle {
	t.Helper()
	b := &bundle{server: newServer(t), clock: newClock()}
	cfg := Config{Secret: secret, JWKSURL: b.server.URL, Now: b.clock.now, RefreshInterval: time.Hour}
	for _, c := range change {
		c(&cfg)
	}
	v, err := New(cfg)
	require.NoError(t, err)
	if v.keys != nil { // the tests do not depend on the speed of the machine
		v.keys.maxWait, v.keys.timeout = waitLimit, waitLimit
	}
	b.Verifier = v
	return b
}

func refreshOften(c *Config) { c.RefreshInterval = tick }

func (b *bundle) run(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
}

func (b *bundle) awaitKeys(t testing.TB) {
	t.Helper()
	require.Eventually(t, func() bool { return b.keys.set.Load() != nil }, waitLimit, tick)
}

// awaitRequests waits until the server has got n more requests.
func (b *bundle) awaitRequests(t testing.TB, n int64) {
	t.Helper()
	least := b.server.requests.Load() + n
	require.Eventually(t, func() bool { return b.server.requests.Load() >= least }, waitLimit, tick)
}

func (b *bundle) accepts(t testing.TB, token string) Identity {
	t.Helper()
	who, err := b.Verify(t.Context(), token)
	require.NoError(t, err)
	return who
}

func (b *bundle) refuses(t testing.TB, reason tokenError, token string) {
	t.Helper()
	who, err := b.Verify(t.Context(), token)
	require.ErrorIs(t, err, ErrToken)
	require.Equal(t, reason, err)
	require.Zero(t, who)
}
