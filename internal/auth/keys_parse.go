package auth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"slices"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
)

// The algorithms that are accepted, as RFC 7518 and RFC 8037 name them.
const (
	hs256 = "HS256"
	es256 = "ES256"
	rs256 = "RS256"
	edDSA = "EdDSA"
)

func isAsymmetric(alg string) bool { return alg == es256 || alg == rs256 || alg == edDSA }

// The sizes of RSA keys, in bits. RFC 7518 sets the minimum; a key above the maximum
// only costs time.
const (
	minRSA = 2048
	maxRSA = 8192
)

// keySet is the usable part of a JWKS. It never changes.
type keySet struct {
	keys    []publicKey
	ignored int
}

// publicKey is a key with the one algorithm that it verifies.
type publicKey struct {
	kid string
	alg string
	key any
}

var errNoKeySet = errors.New("the response is not a JWK set")

// parseKeys reads a JWKS. A key that cannot be used is left out, whatever is wrong
// with it: the other keys must stay usable. A JWKS without keys is no error: a
// project that signs with the secret only has one.
func parseKeys(body []byte) (*keySet, error) {
	var raw struct {
		Keys *[]json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &raw); err != nil || raw.Keys == nil {
		return nil, errNoKeySet
	}
	set := &keySet{}
	for _, r := range *raw.Keys {
		if key, ok := parseKey(r); ok {
			set.keys = append(set.keys, key)
		} else {
			set.ignored++
		}
	}
	return set, nil
}

// parseKey reads the public part of a key. Symmetric keys have none, and fail.
func parseKey(raw json.RawMessage) (publicKey, bool) {
	jwk, err := jwkset.NewJWKFromRawJSON(raw, jwkset.JWKMarshalOptions{Private: false}, jwkset.JWKValidateOptions{})
	if err != nil {
		return publicKey{}, false
	}
	m := jwk.Marshal()
	alg := algorithmOf(jwk.Key())
	switch {
	case alg == "",
		m.ALG != "" && m.ALG.String() != alg,
		m.USE != "" && m.USE != jwkset.UseSig,
		len(m.KEYOPS) > 0 && !slices.Contains(m.KEYOPS, jwkset.KeyOpsVerify):
		return publicKey{}, false
	}
	return publicKey{kid: m.KID, alg: alg, key: jwk.Key()}, true
}

// algorithmOf returns the algorithm of a key, "" if it is not an accepted one.
func algorithmOf(key any) string {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P256() {
			return es256
		}
	case *rsa.PublicKey:
		if n := k.N.BitLen(); n >= minRSA && n <= maxRSA {
			return rs256
		}
	case ed25519.PublicKey:
		return edDSA
	}
	return ""
}

// find returns the keys of that kid for alg: a kid may stand for several, of which any
// may have signed. Without a kid it returns the only key for alg.
func (s *keySet) find(kid, alg string) (jwt.VerificationKeySet, error) {
	var none, found jwt.VerificationKeySet
	known := false
	for _, k := range s.keys {
		if kid != "" && k.kid != kid {
			continue
		}
		known = true
		if k.alg == alg {
			found.Keys = append(found.Keys, k.key)
		}
	}
	switch {
	case kid == "" && len(found.Keys) != 1:
		return none, unnamedKey
	case !known:
		return none, unknownKey
	case len(found.Keys) == 0:
		return none, wrongAlgorithm
	}
	return found, nil
}

func (s *keySet) has(kid string) bool {
	return slices.ContainsFunc(s.keys, func(k publicKey) bool { return k.kid == kid })
}
