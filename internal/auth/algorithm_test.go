package auth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

func mac(key []byte) func(string) []byte {
	return func(input string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(input))
		return h.Sum(nil)
	}
}

func unsigned(string) []byte { return nil }

func TestAlgNoneIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, alg := range []any{"none", "None", "NONE", "nOnE", "none ", "", nil, 0, []string{"none"}, "null"} {
		for _, kid := range []string{"", "ec", "rsa"} {
			header := object{"typ": "JWT", "alg": alg, "kid": kid}
			b.refuses(t, badAlgorithm, forge(header, b.clock.claims(nil), unsigned))
			b.refuses(t, badAlgorithm, forge(header, b.clock.claims(nil), mac([]byte(secret))))
		}
	}
	b.refuses(t, badAlgorithm, token(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, "", b.clock.claims(nil)))
	b.refuses(t, badAlgorithm, forge(object{}, b.clock.claims(nil), unsigned))
	b.refuses(t, badSignature, forge(object{"alg": "HS256"}, b.clock.claims(nil), unsigned))
}

func TestOtherAlgorithmsAreRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, c := range []struct {
		method jwt.SigningMethod
		key    string
	}{
		{jwt.SigningMethodHS384, secret},
		{jwt.SigningMethodHS512, secret},
		{jwt.SigningMethodRS384, "rsa"},
		{jwt.SigningMethodRS512, "rsa"},
		{jwt.SigningMethodPS256, "rsa"},
		{jwt.SigningMethodPS384, "rsa"},
		{jwt.SigningMethodPS512, "rsa"},
		{jwt.SigningMethodES384, "ec-384"},
	} {
		b.refuses(t, badAlgorithm, token(t, c.method, c.key, c.key, b.clock.claims(nil)))
	}
	for _, alg := range []string{"hs256", "Hs256", "HS256 ", "ES256K", "es256", "Ed25519", "RSA-OAEP", "dir"} {
		b.refuses(t, badAlgorithm, forge(object{"alg": alg}, b.clock.claims(nil), mac([]byte(secret))))
	}
}

// A public key is known to everyone, so it must never serve as the shared secret.
func TestPublicKeyIsNoSecret(t *testing.T) {
	t.Parallel()
	both := setup(t)
	jwksOnly := setup(t, func(c *Config) { c.Secret = "" })
	for name, key := range publicForms(t) {
		for _, kid := range []string{"", "rsa", "ec", "ed"} {
			header := object{"alg": "HS256", "typ": "JWT", "kid": kid}
			both.refuses(t, badSignature, forge(header, both.clock.claims(nil), mac(key)))
			jwksOnly.refuses(t, badAlgorithm, forge(header, jwksOnly.clock.claims(nil), mac(key)))
			for _, alg := range []string{"RS256", "ES256", "EdDSA"} {
				header["alg"] = alg
				_, err := both.Verify(t.Context(), forge(header, both.clock.claims(nil), mac(key)))
				require.ErrorIs(t, err, ErrToken, name)
			}
		}
	}
}

// publicForms returns the public byte strings that an attacker may try as the secret.
func publicForms(t *testing.T) map[string][]byte {
	t.Helper()
	forms := map[string][]byte{"empty": {}, "nil": nil}
	for _, name := range []string{"rsa", "ec", "ed"} {
		signer := signers()[name]
		der, err := x509.MarshalPKIXPublicKey(signer.Public())
		require.NoError(t, err)
		forms[name+" der"] = der
		forms[name+" pem"] = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
		forms[name+" pem without line"] = []byte(strings.TrimSpace(string(forms[name+" pem"])))
		raw, err := json.Marshal(jwk(name, signer))
		require.NoError(t, err)
		forms[name+" jwk"] = raw
		for _, member := range []string{"n", "e", "x", "y"} {
			if s, ok := jwk(name, signer)[member].(string); ok {
				forms[name+" "+member] = []byte(s)
				decoded, err := base64.RawURLEncoding.DecodeString(s)
				require.NoError(t, err)
				forms[name+" bytes of "+member] = decoded
			}
		}
	}
	pkcs1 := x509.MarshalPKCS1PublicKey(signers()["rsa"].Public().(*rsa.PublicKey))
	forms["rsa pkcs1 der"] = pkcs1
	forms["rsa pkcs1 pem"] = pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: pkcs1})
	point, err := signers()["ec"].Public().(*ecdsa.PublicKey).Bytes()
	require.NoError(t, err)
	forms["ec point"] = point
	forms["ed bytes"] = signers()["ed"].Public().(ed25519.PublicKey)
	return forms
}

func TestHeaderMustAgreeWithTheKey(t *testing.T) {
	t.Parallel()
	b := setup(t)
	methods := map[string]jwt.SigningMethod{
		"ec": jwt.SigningMethodES256, "rsa": jwt.SigningMethodRS256, "ed": jwt.SigningMethodEdDSA,
	}
	for signer, method := range methods {
		for kid := range methods {
			tok := token(t, method, signer, kid, b.clock.claims(nil))
			if kid == signer {
				b.accepts(t, tok)
			} else {
				b.refuses(t, wrongAlgorithm, tok)
			}
		}
		// The header contradicts the signature and the key.
		for kid, other := range methods {
			if kid == signer {
				continue
			}
			sign := func(input string) []byte {
				sig, err := method.Sign(input, signers()[signer])
				require.NoError(t, err)
				return sig
			}
			b.refuses(t, wrongAlgorithm, forge(object{"alg": other.Alg(), "kid": signer}, b.clock.claims(nil), sign))
			b.refuses(t, badSignature, forge(object{"alg": other.Alg(), "kid": kid}, b.clock.claims(nil), sign))
			b.refuses(t, badSignature, forge(object{"alg": "HS256", "kid": signer}, b.clock.claims(nil), sign))
		}
	}
	b.refuses(t, badSignature, token(t, jwt.SigningMethodES256, "ec-2", "ec", b.clock.claims(nil)))
}

func TestWrongSecretIsRefused(t *testing.T) {
	t.Parallel()
	b := setupIdle(t)
	for _, s := range []string{secret + "x", secret[1:], strings.ToUpper(secret), "another-secret-of-some-forty-bytes------"} {
		b.refuses(t, badSignature, token(t, jwt.SigningMethodHS256, s, "", b.clock.claims(nil)))
	}
}

func TestOnlyOneSortIsConfigured(t *testing.T) {
	t.Parallel()
	secretOnly := setupIdle(t, func(c *Config) { c.JWKSURL = "" })
	secretOnly.run(t)
	secretOnly.accepts(t, token(t, jwt.SigningMethodHS256, secret, "", secretOnly.clock.claims(nil)))
	secretOnly.refuses(t, badAlgorithm, token(t, jwt.SigningMethodES256, "ec", "ec", secretOnly.clock.claims(nil)))
	require.Zero(t, secretOnly.server.requests.Load())

	jwksOnly := setup(t, func(c *Config) { c.Secret = "" })
	jwksOnly.refuses(t, badAlgorithm, token(t, jwt.SigningMethodHS256, secret, "", jwksOnly.clock.claims(nil)))
	jwksOnly.accepts(t, token(t, jwt.SigningMethodES256, "ec", "ec", jwksOnly.clock.claims(nil)))
}

func TestHeaderIsRead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	hs := func(header object) string { return forge(header, b.clock.claims(nil), mac([]byte(secret))) }
	b.accepts(t, hs(object{"alg": "HS256"}))
	b.accepts(t, hs(object{"alg": "HS256", "kid": 7}))
	for _, crit := range []any{[]string{"exp"}, []string{"b64"}, []string{}, nil, "exp", 1} {
		b.refuses(t, critHeader, hs(object{"alg": "HS256", "crit": crit}))
	}
	for _, kid := range []any{7, nil, []string{"ec"}, object{"ec": 1}, true} {
		sign := func(input string) []byte {
			sig, err := jwt.SigningMethodES256.Sign(input, signers()["ec"])
			require.NoError(t, err)
			return sig
		}
		b.refuses(t, malformed, forge(object{"alg": "ES256", "kid": kid}, b.clock.claims(nil), sign))
	}
}

// A key inside the token is ignored.
func TestKeyInTheTokenIsIgnored(t *testing.T) {
	t.Parallel()
	b := setup(t)
	mine := newEC()
	sign := func(input string) []byte {
		sig, err := jwt.SigningMethodES256.Sign(input, mine)
		require.NoError(t, err)
		return sig
	}
	requests := b.server.requests.Load()
	header := object{"alg": "ES256", "kid": "ec", "jwk": jwk("ec", mine), "jku": b.server.URL, "x5u": b.server.URL}
	b.refuses(t, badSignature, forge(header, b.clock.claims(nil), sign))
	require.Equal(t, requests, b.server.requests.Load())
}
