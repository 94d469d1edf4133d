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
	// Secret verifies HS256 tokens; empty: HS256 is not accepted.
	Secret string `json:"-"`
	// JWKSURL is the address of the public keys of ES256, RS256 and EdDSA tokens;
	// empty: these algorithms are not accepted.
	JWKSURL string
	// Issuer is the iss that a token must have; empty: any, or none.
	Issuer string
	// Audience is the aud that a token must have; default "authenticated".
	Audience string
	// RequireAAL2 rejects users who have signed in with one factor only, by claim aal.
	RequireAAL2 bool
	// RefreshInterval is the time between two fetches of the JWKS; default 10 min.
	RefreshInterval time.Duration
	// Client fetches the JWKS; default: a client without a connection pool. Its
	// CheckRedirect is not used: a redirect to another host is never followed.
	Client *http.Client
	// Now is the clock; default time.Now.
	Now func() time.Time
	// Logger: default discard.
	Logger *slog.Logger
}

// minSecret is the shortest secret, in bytes. Supabase's have 40 and more.
const minSecret = 16

// Enabled reports whether there is a secret or a JWKS to verify tokens with.
func (c Config) Enabled() bool { return c.Secret != "" || c.JWKSURL != "" }

// Validate returns an error that names the wrong field, but never its value. A
// Config that is not Enabled is valid.
func (c Config) Validate() error {
	if err := ValidateSecret(c.Secret); err != nil {
		return fmt.Errorf("Secret %w", err)
	}
	if err := ValidateJWKSURL(c.JWKSURL); err != nil {
		return fmt.Errorf("JWKSURL %w", err)
	}
	return nil
}

// ValidateSecret returns what is wrong with a secret, as text to follow the name of
// its field. It rejects public strings that are easily mistaken for the secret:
// with the secret, tokens of any user can be made.
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

// ValidateJWKSURL returns what is wrong with the address of a JWKS, as text to
// follow the name of its field.
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
	c.Client = cmp.Or(c.Client, newClient())
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	return c
}
