package auth

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	maxToken = 8 << 10 // bytes
	leeway   = 30 * time.Second
)

// Verifier verifies tokens. It is safe for concurrent use.
type Verifier struct {
	issuer   string
	audience string
	aal2     bool   // users need a second factor
	secret   []byte // empty: HS256 is not accepted
	keys     *keys  // nil: the other algorithms are not accepted
	parser   *jwt.Parser
	now      func() time.Time

	seenIssuer atomic.Pointer[string] // of the last token that a key of the JWKS has verified
}

// Identity is the user or the service that a token was issued to.
type Identity struct {
	// UserID is a UUID in lower case; "" for a service role token that names no
	// user.
	UserID string
	// Service means that the holder may act for any user.
	Service bool
	// Expires is the token's exp, without the leeway.
	Expires time.Time
}

// New makes a Verifier and does not use the network. It returns ErrDisabled for a
// Config that is not Enabled, or the error of Config.Validate.
func New(cfg Config) (*Verifier, error) {
	if !cfg.Enabled() {
		return nil, ErrDisabled
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	v := &Verifier{
		issuer:   cfg.Issuer,
		aal2:     cfg.RequireAAL2,
		audience: cfg.Audience,
		secret:   []byte(cfg.Secret),
		now:      cfg.Now,
		parser: jwt.NewParser(jwt.WithStrictDecoding(), jwt.WithExpirationRequired(), jwt.WithIssuedAt(),
			jwt.WithLeeway(leeway), jwt.WithTimeFunc(cfg.Now)),
	}
	if cfg.JWKSURL != "" {
		v.keys = newKeys(cfg)
	}
	return v, nil
}

// Run keeps the keys of the JWKS current until ctx ends, and returns nil. Call it
// once: without it, the keys of the JWKS are never known.
func (v *Verifier) Run(ctx context.Context) error {
	if v.keys == nil {
		<-ctx.Done()
		return nil
	}
	v.keys.run(ctx)
	return nil
}

// Verify returns the identity of the token, an ErrToken or ErrKeys. It waits only
// for a token whose key is not known, 3 s at most.
func (v *Verifier) Verify(ctx context.Context, token string) (Identity, error) {
	if len(token) > maxToken {
		return Identity{}, tooLong
	}
	if strings.ContainsAny(token, "\r\n") { // base64 would skip them
		return Identity{}, malformed
	}
	// A map: the fields of a struct would also take claims whose names differ in case.
	claims := jwt.MapClaims{}
	t, err := v.parser.ParseWithClaims(token, claims, func(t *jwt.Token) (any, error) { return v.key(ctx, t) })
	if err != nil {
		return Identity{}, translate(err)
	}
	id, err := v.identity(claims)
	if err == nil && t.Method.Alg() != hs256 {
		iss, _ := stringClaim(claims, "iss")
		v.seenIssuer.Store(&iss)
	}
	return id, err
}

// key returns the key that verifies t. The branch that finds the key fixes its type,
// and the library checks once more that type and algorithm agree.
func (v *Verifier) key(ctx context.Context, t *jwt.Token) (any, error) {
	if _, present := t.Header["crit"]; present {
		return nil, critHeader
	}
	switch alg := t.Method.Alg(); {
	case alg == hs256 && len(v.secret) > 0:
		return v.secret, nil
	case isAsymmetric(alg) && v.keys != nil:
		kid, ok := t.Header["kid"].(string)
		if _, present := t.Header["kid"]; present && !ok {
			return nil, malformed
		}
		return v.publicKeys(ctx, t, kid)
	}
	return nil, badAlgorithm
}

// publicKeys returns the keys of the JWKS that t may be signed with. A token that would be
// refused whatever its key does not have the JWKS fetched.
func (v *Verifier) publicKeys(ctx context.Context, t *jwt.Token, kid string) (any, error) {
	alg := t.Method.Alg()
	set, err := v.keys.find(kid, alg)
	if err == nil {
		return set, nil
	}
	claims, _ := t.Claims.(jwt.MapClaims)
	if _, err := v.identity(claims); err != nil {
		return nil, err
	}
	if exp, err := claims.GetExpirationTime(); err != nil || exp == nil || v.now().After(exp.Add(leeway)) {
		return nil, expired
	}
	from, iss := slotOther, v.seenIssuer.Load()
	if got, _ := stringClaim(claims, "iss"); v.issuer != "" || iss != nil && got == *iss {
		from = slotTrusted
	}
	return v.keys.get(ctx, kid, alg, from)
}
