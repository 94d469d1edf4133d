package auth

import (
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

func TestConfigIsValidated(t *testing.T) {
	t.Parallel()
	apiKey := token(t, jwt.SigningMethodHS256, secret, "", object{"role": "anon"})
	for _, c := range []struct {
		cfg   Config
		field string // empty: valid
	}{
		{Config{}, ""},
		{Config{Secret: secret}, ""},
		{Config{Secret: strings.Repeat("x", 16)}, ""},
		{Config{JWKSURL: "https://x.supabase.co/auth/v1/.well-known/jwks.json"}, ""},
		{Config{JWKSURL: "http://kong:8000/auth/v1/.well-known/jwks.json?apikey=x"}, ""},
		{Config{Secret: secret, JWKSURL: "https://x.example"}, ""},
		{Config{Secret: strings.Repeat("x", 15)}, "Secret "},
		{Config{Secret: "canary-" + secret + "\n"}, "Secret "},
		{Config{Secret: " canary-" + secret}, "Secret "},
		{Config{Secret: "-----BEGIN PUBLIC KEY-----\ncanary\n-----END PUBLIC KEY-----"}, "Secret "},
		{Config{Secret: apiKey}, "Secret "},
		{Config{Secret: "sb_publishable_canary"}, "Secret "},
		{Config{Secret: "sb_secret_canary"}, "Secret "},
		{Config{Secret: "canary", JWKSURL: "https://x.example"}, "Secret "},
		{Config{JWKSURL: "canary.supabase.co/jwks.json"}, "JWKSURL "},
		{Config{JWKSURL: "/jwks.json"}, "JWKSURL "},
		{Config{JWKSURL: "https://"}, "JWKSURL "},
		{Config{JWKSURL: "https://:443/x"}, "JWKSURL "},
		{Config{JWKSURL: "https:x.example"}, "JWKSURL "},
		{Config{JWKSURL: "ftp://canary.example/jwks.json"}, "JWKSURL "},
		{Config{JWKSURL: "file:///etc/jwks.json"}, "JWKSURL "},
		{Config{JWKSURL: "https://canary:canary@x.example/"}, "JWKSURL "},
		{Config{JWKSURL: "https://canary@x.example/"}, "JWKSURL "},
		{Config{JWKSURL: "https://x.example/canary%zz"}, "JWKSURL "},
	} {
		err := c.cfg.Validate()
		if c.field == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, c.field)
		require.NotContains(t, err.Error(), "canary")
		_, err = New(c.cfg)
		require.ErrorContains(t, err, c.field)
	}
}

func TestNewNeedsSomethingToVerifyWith(t *testing.T) {
	t.Parallel()
	require.False(t, Config{Issuer: "x", Audience: "y"}.Enabled())
	require.True(t, Config{Secret: secret}.Enabled())
	require.True(t, Config{JWKSURL: "https://x.example"}.Enabled())
	_, err := New(Config{Issuer: "x", Audience: "y"})
	require.ErrorIs(t, err, ErrDisabled)
	require.ErrorContains(t, err, "Secret")
	require.ErrorContains(t, err, "JWKSURL")
}

func TestDefaultsAreEnough(t *testing.T) {
	t.Parallel()
	v, err := New(Config{Secret: secret, RefreshInterval: -1})
	require.NoError(t, err)
	_, err = v.Verify(t.Context(), token(t, jwt.SigningMethodHS256, secret, "",
		object{"sub": user, "aud": "authenticated", "exp": 1 << 40}))
	require.NoError(t, err)
}
