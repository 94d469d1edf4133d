package auth

import (
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

func TestUsableKeysAreChosen(t *testing.T) {
	t.Parallel()
	s := signers()
	private := jwk("k", s["ec"], object{"d": "AQAB"})
	for name, c := range map[string]struct {
		key object
		alg string // empty: ignored
	}{
		"P-256":           {jwk("k", s["ec"]), es256},
		"RSA 2048":        {jwk("k", s["rsa"]), rs256},
		"Ed25519":         {jwk("k", s["ed"]), edDSA},
		"without kid":     {jwk("", s["ed"]), edDSA},
		"as Supabase has": {jwk("k", s["ec"], object{"alg": "ES256", "use": "sig", "key_ops": []string{"verify"}, "ext": true}), es256},
		"for both ways":   {jwk("k", s["ec"], object{"key_ops": []string{"sign", "verify"}}), es256},
		"unknown members": {jwk("k", s["ec"], object{"x-y": []int{1}}), es256},
		"private part":    {private, es256},

		"P-384":                 {jwk("k", s["ec-384"]), ""},
		"RSA 1024":              {jwk("k", s["rsa-1024"]), ""},
		"symmetric":             {object{"kty": "oct", "kid": "k", "k": "c2VjcmV0", "alg": "HS256"}, ""},
		"symmetric, RS256":      {object{"kty": "oct", "kid": "k", "k": "c2VjcmV0", "alg": "RS256"}, ""},
		"for encryption":        {jwk("k", s["ec"], object{"use": "enc"}), ""},
		"other use":             {jwk("k", s["ec"], object{"use": "x"}), ""},
		"only signs":            {jwk("k", s["ec"], object{"key_ops": []string{"sign"}}), ""},
		"derives":               {jwk("k", s["ec"], object{"key_ops": []string{"deriveKey"}}), ""},
		"EC with RS256":         {jwk("k", s["ec"], object{"alg": "RS256"}), ""},
		"EC with HS256":         {jwk("k", s["ec"], object{"alg": "HS256"}), ""},
		"EC with ES384":         {jwk("k", s["ec"], object{"alg": "ES384"}), ""},
		"RSA with PS256":        {jwk("k", s["rsa"], object{"alg": "PS256"}), ""},
		"RSA with RS512":        {jwk("k", s["rsa"], object{"alg": "RS512"}), ""},
		"RSA with HS256":        {jwk("k", s["rsa"], object{"alg": "HS256"}), ""},
		"RSA for encryption":    {jwk("k", s["rsa"], object{"alg": "RSA-OAEP"}), ""},
		"Ed25519 with ES256":    {jwk("k", s["ed"], object{"alg": "ES256"}), ""},
		"X25519":                {jwk("k", s["ed"], object{"crv": "X25519"}), ""},
		"no point of the curve": {jwk("k", s["ec"], object{"x": "AQ", "y": "AQ"}), ""},
		"the point zero":        {jwk("k", s["ec"], object{"x": "AA", "y": "AA"}), ""},
		"another curve":         {jwk("k", s["ec"], object{"crv": "P-521"}), ""},
		"no curve":              {jwk("k", s["ec"], object{"crv": nil}), ""},
		"no modulus":            {jwk("k", s["rsa"], object{"n": ""}), ""},
		"exponent 1":            {jwk("k", s["rsa"], object{"e": "AQ"}), ""},
		"exponent too large":    {jwk("k", s["rsa"], object{"e": "AQAAAAAAAAAB"}), ""},
		"short Ed25519":         {jwk("k", s["ed"], object{"x": "AQ"}), ""},
		"no base64":             {jwk("k", s["ed"], object{"x": "!"}), ""},
		"a kid of other type":   {jwk("k", s["ed"], object{"kid": 7}), ""},
		"no type":               {jwk("k", s["ed"], object{"kty": nil}), ""},
		"unknown type":          {jwk("k", s["ed"], object{"kty": "AKP"}), ""},
		"certificate garbage":   {jwk("k", s["ec"], object{"x5c": []string{"AQ=="}}), ""},
		"nothing":               {object{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// A good key stays usable, whatever key is beside it.
			set, err := parseKeys([]byte(jwks(c.key, jwk("good", s["ec-2"]))))
			require.NoError(t, err)
			if c.alg == "" {
				require.Len(t, set.keys, 1)
				require.Equal(t, 1, set.ignored)
				return
			}
			require.Len(t, set.keys, 2)
			require.Equal(t, c.alg, set.keys[0].alg)
			require.Zero(t, set.ignored)
		})
	}
}

func TestAnswersThatAreNoKeySet(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		"", "{", "null", "[]", "{}", `"keys"`, `{"keys":null}`, `{"keys":{}}`, `{"keys":"x"}`, `{"error":"x"}`,
		"<html></html>", jwks() + "x",
	} {
		_, err := parseKeys([]byte(body))
		require.ErrorIs(t, err, errNoKeySet, body)
	}
	for _, body := range []string{jwks(), `{"keys":[null,1,"x",[],{}]}`} {
		set, err := parseKeys([]byte(body))
		require.NoError(t, err)
		require.Empty(t, set.keys)
	}
}

func TestTokenWithoutKidNeedsTheOnlyKeyOfItsAlgorithm(t *testing.T) {
	t.Parallel()
	s := signers()
	b := setup(t, refreshOften)
	tok := token(t, jwt.SigningMethodES256, "ec", "", b.clock.claims(nil))
	b.accepts(t, tok)
	b.refuses(t, badSignature, token(t, jwt.SigningMethodES256, "ec-2", "", b.clock.claims(nil)))

	b.server.serve(jwks(jwk("ec", s["ec"]), jwk("ec-2", s["ec-2"]), jwk("rsa", s["rsa"])))
	b.awaitRequests(t, 2)
	b.refuses(t, unnamedKey, tok)
	b.refuses(t, unnamedKey, token(t, jwt.SigningMethodEdDSA, "ed", "", b.clock.claims(nil)))
	b.accepts(t, token(t, jwt.SigningMethodRS256, "rsa", "", b.clock.claims(nil)))

	// Keys that cannot verify do not count.
	b.server.serve(jwks(jwk("ec", s["ec"]), jwk("ec-2", s["ec-2"], object{"use": "enc"}), jwk("", s["ed"])))
	b.awaitRequests(t, 2)
	b.accepts(t, tok)
	b.accepts(t, token(t, jwt.SigningMethodEdDSA, "ed", "", b.clock.claims(nil)))
	b.refuses(t, unknownKey, token(t, jwt.SigningMethodEdDSA, "ed", "ed", b.clock.claims(nil)))
}

func TestSymmetricKeyOfTheSetIsNoSecret(t *testing.T) {
	t.Parallel()
	for _, change := range []func(*Config){func(*Config) {}, func(c *Config) { c.Secret = "" }} {
		b := setupIdle(t, change)
		b.server.serve(jwks(object{"kty": "oct", "kid": "k", "k": "c2VjcmV0LW9mLXRoZS1zZXQ", "alg": "HS256", "use": "sig"}))
		b.run(t)
		b.awaitKeys(t)
		_, err := b.Verify(t.Context(), token(t, jwt.SigningMethodHS256, "secret-of-the-set", "k", b.clock.claims(nil)))
		require.ErrorIs(t, err, ErrToken)
	}
}

// A key is found by kid and algorithm: one kid may name a key of each algorithm.
func TestOneKidForSeveralAlgorithms(t *testing.T) {
	t.Parallel()
	s := signers()
	set, err := parseKeys([]byte(jwks(jwk("k", s["rsa"]), jwk("k", s["ec"]), jwk("K", s["ed"]))))
	require.NoError(t, err)
	key, err := set.find("k", es256)
	require.NoError(t, err)
	require.Equal(t, []jwt.VerificationKey{s["ec"].Public()}, key.Keys)
	key, err = set.find("k", rs256)
	require.NoError(t, err)
	require.Equal(t, []jwt.VerificationKey{s["rsa"].Public()}, key.Keys)
	_, err = set.find("k", edDSA)
	require.Equal(t, wrongAlgorithm, err)
	_, err = set.find("x", edDSA)
	require.Equal(t, unknownKey, err)
}

// TestOneKidForSeveralKeys: each of them verifies, and no other key does.
func TestOneKidForSeveralKeys(t *testing.T) {
	t.Parallel()
	b := setupIdle(t)
	b.server.serve(jwks(jwk("k", signers()["ec"]), jwk("k", signers()["ec-2"])))
	b.run(t)
	b.awaitKeys(t)
	b.accepts(t, b.ecToken(t, "ec", "k"))
	b.accepts(t, b.ecToken(t, "ec-2", "k"))
	other, err := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims(b.clock.claims(nil))).SignedString(newEC())
	require.NoError(t, err)
	b.refuses(t, unnamedKey, other)
	tok := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims(b.clock.claims(nil)))
	tok.Header["kid"] = "k"
	other, err = tok.SignedString(newEC())
	require.NoError(t, err)
	b.refuses(t, badSignature, other)
}

func FuzzParseKeys(f *testing.F) {
	for _, body := range []string{initialKeys(), jwks(), "{}", `{"keys":[{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ"}]}`} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		set, err := parseKeys([]byte(body))
		if err != nil {
			require.Nil(t, set)
			return
		}
		for _, k := range set.keys {
			require.True(t, isAsymmetric(k.alg))
			require.Equal(t, k.alg, algorithmOf(k.key))
		}
	})
}
