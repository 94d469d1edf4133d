package auth

import (
	"context"
	"encoding/base64"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

const base64url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// validTokens returns one good token of each algorithm.
func (b *bundle) validTokens(t testing.TB) []string {
	t.Helper()
	return []string{
		token(t, jwt.SigningMethodHS256, secret, "", b.clock.claims(nil)),
		token(t, jwt.SigningMethodES256, "ec", "ec", b.clock.claims(nil)),
		token(t, jwt.SigningMethodRS256, "rsa", "rsa", b.clock.claims(nil)),
		token(t, jwt.SigningMethodEdDSA, "ed", "ed", b.clock.claims(nil)),
	}
}

func TestMalformedTokensAreRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	good := b.validTokens(t)[0]
	parts := strings.Split(good, ".")
	b64 := base64.RawURLEncoding.EncodeToString
	for _, tok := range []string{
		"", ".", "..", "...", "a.b.c", "Bearer " + good, good + ".", "." + good, good + "." + parts[2],
		parts[0] + "." + parts[1], good + "\n", " " + good, good + "=", good[:20] + "\r\n" + good[20:],
		parts[0] + "." + parts[1] + "." + parts[2][:10] + "\n" + parts[2][10:],
		strings.ReplaceAll(good, ".", ".."), "\x00", "\xff\xfe.\xff.\xff", "💥.💥.💥",
		b64([]byte("null")) + "x." + parts[1] + "." + parts[2],
		b64([]byte(`{"alg":"HS256"}{}`)) + "." + parts[1] + "." + parts[2],
		b64([]byte(`["HS256"]`)) + "." + parts[1] + "." + parts[2],
		b64([]byte(strings.Repeat("[", 4000))) + "." + parts[1] + "." + parts[2],
		parts[0] + "." + b64([]byte(`[]`)) + "." + parts[2],
		parts[0] + "." + b64([]byte(`"x"`)) + "." + parts[2],
	} {
		b.refuses(t, malformed, tok)
	}
	for _, claims := range []any{nil, object{}} {
		b.refuses(t, noExpiry, forge(object{"alg": "HS256"}, claims, mac([]byte(secret))))
	}
}

func TestLengthIsLimited(t *testing.T) {
	t.Parallel()
	b := setupIdle(t)
	long := func(n int) string {
		return token(t, jwt.SigningMethodHS256, secret, "", b.clock.claims(object{"x": strings.Repeat("x", n)}))
	}
	b.accepts(t, long(5000))
	require.Greater(t, len(long(6400)), maxToken)
	b.refuses(t, tooLong, long(6400))
	b.refuses(t, tooLong, strings.Repeat(".", 1<<20))
}

func TestTamperedTokensAreRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, tok := range b.validTokens(t) {
		b.accepts(t, tok)
		parts := strings.Split(tok, ".")
		claims, err := base64.RawURLEncoding.DecodeString(parts[1])
		require.NoError(t, err)
		other := strings.ReplaceAll(string(claims), user, "11111111-2222-4333-8444-555555555555")
		require.NotEqual(t, string(claims), other)
		b.refuses(t, badSignature, parts[0]+"."+base64.RawURLEncoding.EncodeToString([]byte(other))+"."+parts[2])
		b.refuses(t, badSignature, parts[0]+"."+parts[1]+".")
		b.refuses(t, badSignature, parts[0]+"."+parts[1]+".AAAA")
		for i := range parts[2] { // every other spelling of the signature, one character at a time
			c := base64url[(strings.IndexByte(base64url, parts[2][i])+1)%64]
			_, err := b.Verify(t.Context(), parts[0]+"."+parts[1]+"."+parts[2][:i]+string(c)+parts[2][i+1:])
			require.ErrorIs(t, err, ErrToken)
		}
	}
}

// The reasons are constants, so that no error can quote a token.
func TestErrorsQuoteNothing(t *testing.T) {
	t.Parallel()
	b := setupIdle(t)
	const canary = "canary"
	for _, over := range []object{
		{"sub": canary}, {"aud": canary}, {"role": []string{canary}}, {"exp": canary}, {"nbf": canary}, {"exp": nil},
	} {
		_, err := b.Verify(t.Context(), token(t, jwt.SigningMethodHS256, secret, canary, b.clock.claims(over)))
		require.ErrorIs(t, err, ErrToken)
		require.NotContains(t, err.Error(), canary)
	}
	_, err := b.Verify(t.Context(), forge(object{"alg": canary}, canary, mac([]byte(secret))))
	require.ErrorIs(t, err, ErrToken)
	require.NotContains(t, err.Error(), canary)
	require.True(t, strings.HasPrefix(err.Error(), ErrToken.Error()+": "))
}

func TestRandomTokensDoNoHarm(t *testing.T) {
	t.Parallel()
	b := setup(t)
	valid := b.validTokens(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range 10_000 {
		tok := mutate(rnd, valid)
		_, err := b.Verify(t.Context(), tok)
		if slices.Contains(valid, tok) {
			require.NoError(t, err)
			continue
		}
		require.Error(t, err, "%q", tok)
		// A changed kid makes a token whose key the server may have published since.
		require.True(t, errors.Is(err, ErrToken) || errors.Is(err, ErrKeys), "%q: %v", tok, err)
	}
	require.LessOrEqual(t, b.server.requests.Load(), int64(2))
}

// mutate returns a string that resembles a token more or less.
func mutate(rnd *rand.Rand, valid []string) string {
	tok := []byte(valid[rnd.IntN(len(valid))])
	switch rnd.IntN(5) {
	case 0: // noise
		tok = make([]byte, rnd.IntN(300))
		for i := range tok {
			tok[i] = byte(rnd.Uint32())
		}
	case 1: // the shape of a token
		for i := range tok {
			if tok[i] != '.' {
				tok[i] = base64url[rnd.IntN(64)]
			}
		}
	case 2: // other bytes
		for range 1 + rnd.IntN(4) {
			tok[rnd.IntN(len(tok))] = byte(rnd.Uint32())
		}
	case 3: // a piece is missing
		from := rnd.IntN(len(tok))
		tok = slices.Delete(tok, from, from+rnd.IntN(len(tok)-from))
	case 4: // parts of several
		parts := make([]string, 3)
		for i := range parts {
			parts[i] = strings.Split(valid[rnd.IntN(len(valid))], ".")[i]
		}
		return strings.Join(parts, ".")
	}
	return string(tok)
}

func FuzzVerify(f *testing.F) {
	b := setupIdle(f)
	set, err := parseKeys([]byte(initialKeys()))
	require.NoError(f, err)
	b.keys.set.Store(set)
	valid := b.validTokens(f)
	for _, tok := range append(valid, "", "..", "a.b.c") {
		f.Add(tok)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel() // no fetch ends a demand here
	f.Fuzz(func(t *testing.T, tok string) {
		_, err := b.Verify(ended, tok)
		if !slices.Contains(valid, tok) && !errors.Is(err, ErrToken) && !errors.Is(err, ErrKeys) {
			t.Fatalf("accepted %q: %v", tok, err)
		}
	})
}
