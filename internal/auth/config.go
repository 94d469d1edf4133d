package auth

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Config says whose tokens are accepted. The zero value accepts none.
type Config struct {
	// Secret verifies HS256 tokens; empty: they are refused.
	Secret string `json:"-"`
	// JWKSURL is where the public keys of ES256, RS256 and EdDSA tokens are;
	// empty: they are refused.
	JWKSURL string
	// Issuer is the iss that a token must have; empty: any, or none.
	Issuer string
	// Audience is the aud that a token must have; default "authenticated".
	Audience string
	// RefreshInterval is the time between two fetches of the JWKS; default 10 min.
	RefreshInterval time.Duration
	// Client fetches the JWKS; default: one without a connection pool. Its
	// CheckRedirect is not used: a redirect to another host is never followed.
	Client *http.Client
	// Now is the clock; default time.Now.
	Now func() time.Time
	// Logger has no default that prints: nil discards.
	Logger *slog.Logger
}

// minSecret is in bytes. Supabase's secrets have 40 and more.
const minSecret = 16

// Enabled says whether there is anything to verify a token with.
func (c Config) Enabled() bool { return c.Secret != "" || c.JWKSURL != "" }

// Validate names the field that is wrong, and never its value. A Config that is
// not Enabled is valid.
func (c Config) Validate() error {
	if err := ValidateSecret(c.Secret); err != nil {
		return fmt.Errorf("Secret %w", err)
	}
	if err := ValidateJWKSURL(c.JWKSURL); err != nil {
		return fmt.Errorf("JWKSURL %w", err)
	}
	return nil
}

// ValidateSecret says what is wrong with a secret, in words that go on after its
// name. It also refuses what is taken for the secret by mistake and is known to
// the public: whoever knows the secret can be any user.
func ValidateSecret(s string) error {
	switch {
	case s == "":
		return nil
	case len(s) < minSecret:
		return errors.New("is shorter than 16 bytes; give the JWT secret of your project, or a random one")
	case strings.TrimSpace(s) != s:
		return errors.New("begins or ends with white space; give the secret alone")
	case strings.HasPrefix(s, "-----BEGIN"):
		return errors.New("is a key in PEM form; give the shared secret, or the address of a JWKS for public keys")
	case strings.HasPrefix(s, "eyJ") && strings.Count(s, ".") == 2,
		strings.HasPrefix(s, "sb_publishable_"), strings.HasPrefix(s, "sb_secret_"):
		return errors.New("is an API key; give the JWT secret, with which tokens are signed")
	}
	return nil
}

// ValidateJWKSURL says what is wrong with the address of a JWKS, in words that go
// on after its name.
func ValidateJWKSURL(s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return errors.New("is not an absolute http or https address, like https://project.supabase.co/auth/v1/.well-known/jwks.json")
	case u.User != nil:
		return errors.New("holds a user or password; the keys are public, give the address alone")
	}
	return nil
}

func (c Config) withDefaults() Config {
	c.Audience = cmp.Or(c.Audience, "authenticated")
	if c.RefreshInterval <= 0 {
		c.RefreshInterval = 10 * time.Minute
	}
	if c.Client == nil {
		c.Client = newClient()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}
