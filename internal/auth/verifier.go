package auth

import (
	"context"
	"strings"
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
	secret   []byte // empty: HS256 is refused
	keys     *keys  // nil: the other algorithms are refused
	parser   *jwt.Parser
}

// Identity is who a token speaks for.
type Identity struct {
	// UserID is a UUID in lower case; "" for a service role token that names no
	// user.
	UserID string
	// Service says that the holder may act for any user.
	Service bool
	// Expires is the token's exp, without the leeway.
	Expires time.Time
}

// New returns a Verifier, without asking anything of the network; ErrDisabled, if
// there is nothing to verify with; or the error of Config.Validate.
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
		audience: cfg.Audience,
		secret:   []byte(cfg.Secret),
		parser: jwt.NewParser(jwt.WithStrictDecoding(), jwt.WithExpirationRequired(), jwt.WithIssuedAt(),
			jwt.WithLeeway(leeway), jwt.WithTimeFunc(cfg.Now)),
	}
	if cfg.JWKSURL != "" {
		v.keys = newKeys(cfg)
	}
	return v, nil
}

// Run keeps the keys of the JWKS current until ctx ends, and returns nil. It is
// called once; without it, the keys of the JWKS are never known.
func (v *Verifier) Run(ctx context.Context) error {
	if v.keys == nil {
		<-ctx.Done()
		return nil
	}
	v.keys.run(ctx)
	return nil
}

// Verify returns who the token speaks for, an ErrToken or ErrKeys. It waits only
// for a token whose key is not known, and for that 3 s at most.
func (v *Verifier) Verify(ctx context.Context, token string) (Identity, error) {
	if len(token) > maxToken {
		return Identity{}, tooLong
	}
	if strings.ContainsAny(token, "\r\n") { // base64 would pass over them
		return Identity{}, malformed
	}
	// A map, because fields of a struct would also be filled by claims whose names
	// differ in case.
	claims := jwt.MapClaims{}
	_, err := v.parser.ParseWithClaims(token, claims, func(t *jwt.Token) (any, error) { return v.key(ctx, t) })
	if err != nil {
		return Identity{}, translate(err)
	}
	return v.identity(claims)
}

// key is the key that verifies t. Its kind is fixed by the branch that finds it;
// the library refuses a key of another kind than the algorithm's once more.
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
		return v.keys.get(ctx, kid, alg)
	}
	return nil, badAlgorithm
}
