package auth

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

const issuer = "https://x.supabase.co/auth/v1"

func TestUserIsIdentified(t *testing.T) {
	t.Parallel()
	b := setup(t)
	want := Identity{UserID: user, Expires: time.Unix(b.clock.in(3600), 0)}
	for _, tok := range []string{
		token(t, jwt.SigningMethodHS256, secret, "", b.clock.claims(nil)),
		token(t, jwt.SigningMethodHS256, secret, "a kid does not matter to the secret", b.clock.claims(nil)),
		token(t, jwt.SigningMethodES256, "ec", "ec", b.clock.claims(nil)),
		token(t, jwt.SigningMethodRS256, "rsa", "rsa", b.clock.claims(nil)),
		token(t, jwt.SigningMethodEdDSA, "ed", "ed", b.clock.claims(nil)),
	} {
		require.Equal(t, want, b.accepts(t, tok))
	}
}

func TestTimesAtTheEdgesOfTheSkew(t *testing.T) {
	t.Parallel()
	b := setupIdle(t)
	for _, c := range []struct {
		claim   string
		seconds int64
		reason  tokenError
	}{
		{"exp", 1, ""},
		{"exp", 0, ""},
		{"exp", -29, ""},
		{"exp", -30, expired},
		{"exp", -31, expired},
		{"nbf", -3600, ""},
		{"nbf", 0, ""},
		{"nbf", 30, ""},
		{"nbf", 31, notYetValid},
		{"iat", 30, ""},
		{"iat", 31, issuedLater},
	} {
		tok := token(t, jwt.SigningMethodHS256, secret, "", b.clock.claims(object{c.claim: b.clock.in(c.seconds)}))
		if c.reason == "" {
			b.accepts(t, tok)
		} else {
			b.refuses(t, c.reason, tok)
		}
	}
}

func TestTokenExpiresWhileTheClockGoes(t *testing.T) {
	t.Parallel()
	b := setupIdle(t)
	tok := token(t, jwt.SigningMethodHS256, secret, "", b.clock.claims(object{"exp": b.clock.in(10)}))
	b.accepts(t, tok)
	b.clock.advance(40*time.Second - 1)
	b.accepts(t, tok)
	b.clock.advance(1)
	b.refuses(t, expired, tok)
}

func TestClaimsDecide(t *testing.T) {
	t.Parallel()
	b := setupIdle(t, func(c *Config) { c.Issuer = issuer })
	const service = "service_role"
	other := "11111111-2222-4333-8444-555555555555"
	for name, c := range map[string]struct {
		over   object
		want   Identity
		reason tokenError
	}{
		"user":                        {over: nil, want: Identity{UserID: user}},
		"sub in capitals":             {over: object{"sub": strings.ToUpper(user)}, want: Identity{UserID: user}},
		"no role":                     {over: object{"role": nil}, want: Identity{UserID: user}},
		"empty role":                  {over: object{"role": ""}, want: Identity{UserID: user}},
		"a role of the project's own": {over: object{"role": "editor"}, want: Identity{UserID: user}},
		"aud as array":                {over: object{"aud": []string{"authenticated"}}, want: Identity{UserID: user}},
		"aud among others":            {over: object{"aud": []string{"x", "authenticated"}}, want: Identity{UserID: user}},
		"no iat":                      {over: object{"iat": nil}, want: Identity{UserID: user}},

		"wrong aud":             {over: object{"aud": "anon"}, reason: wrongAudience},
		"aud in capitals":       {over: object{"aud": "Authenticated"}, reason: wrongAudience},
		"aud with more":         {over: object{"aud": "authenticated "}, reason: wrongAudience},
		"wrong aud array":       {over: object{"aud": []string{"x", "y"}}, reason: wrongAudience},
		"empty aud array":       {over: object{"aud": []string{}}, reason: wrongAudience},
		"no aud":                {over: object{"aud": nil}, reason: wrongAudience},
		"aud null":              {over: object{"aud": json.RawMessage("null")}, reason: wrongAudience},
		"aud an object":         {over: object{"aud": object{"authenticated": true}}, reason: wrongAudience},
		"aud array of more":     {over: object{"aud": []any{"authenticated", 1}}, reason: badClaims},
		"wrong iss":             {over: object{"iss": "https://y.supabase.co/auth/v1"}, reason: wrongIssuer},
		"iss with more":         {over: object{"iss": issuer + "/"}, reason: wrongIssuer},
		"iss of the keys":       {over: object{"iss": "supabase"}, reason: wrongIssuer},
		"no iss":                {over: object{"iss": nil}, reason: wrongIssuer},
		"iss a number":          {over: object{"iss": 1}, reason: badClaims},
		"no sub":                {over: object{"sub": nil}, reason: badSubject},
		"empty sub":             {over: object{"sub": ""}, reason: badSubject},
		"sub null":              {over: object{"sub": json.RawMessage("null")}, reason: badSubject},
		"sub a number":          {over: object{"sub": 1}, reason: badSubject},
		"sub an array":          {over: object{"sub": []string{user}}, reason: badSubject},
		"sub a name":            {over: object{"sub": "admin"}, reason: badSubject},
		"sub without dashes":    {over: object{"sub": strings.ReplaceAll(user, "-", "")}, reason: badSubject},
		"sub in braces":         {over: object{"sub": "{" + user + "}"}, reason: badSubject},
		"sub as urn":            {over: object{"sub": "urn:uuid:" + user}, reason: badSubject},
		"sub with other digits": {over: object{"sub": "g" + user[1:]}, reason: badSubject},
		"sub of other shape":    {over: object{"sub": strings.Repeat("-", 36)}, reason: badSubject},
		"sub without one dash":  {over: object{"sub": strings.Replace(user, "-", "0", 1)}, reason: badSubject},
		"sub with a line":       {over: object{"sub": user + "\n"}, reason: badSubject},
		"anon":                  {over: object{"role": "anon", "sub": nil}, reason: badRole},
		"anon with a user":      {over: object{"role": "anon"}, reason: badRole},
		"other role, no sub":    {over: object{"role": "postgres", "sub": nil}, reason: badSubject},
		"role in capitals":      {over: object{"role": "SERVICE_ROLE", "sub": nil}, reason: badSubject},
		"role an array":         {over: object{"role": []string{service}}, reason: badClaims},
		"role null":             {over: object{"role": json.RawMessage("null")}, reason: badClaims},
		"names in capitals":     {over: object{"SUB": other, "Role": service, "AUD": "x", "EXP": 1}, want: Identity{UserID: user}},
		"only in capitals":      {over: object{"sub": nil, "SUB": other}, reason: badSubject},
		"role inside metadata":  {over: object{"app_metadata": object{"role": service}}, want: Identity{UserID: user}},

		"no exp":          {over: object{"exp": nil}, reason: noExpiry},
		"exp zero":        {over: object{"exp": 0}, reason: noExpiry},
		"exp below zero":  {over: object{"exp": -1}, reason: expired},
		"exp null":        {over: object{"exp": json.RawMessage("null")}, reason: badClaims},
		"exp a text":      {over: object{"exp": "9999999999"}, reason: badClaims},
		"exp beyond time": {over: object{"exp": 1e17}, reason: badClaims},
		"nbf beyond time": {over: object{"nbf": json.RawMessage("1e17")}, reason: notYetValid},
		"nbf a text":      {over: object{"nbf": "0"}, reason: badClaims},
		"iat a text":      {over: object{"iat": "0"}, reason: badClaims},

		"legacy service key": {
			over: object{"role": service, "iss": "supabase", "ref": "x", "sub": nil, "aud": nil},
			want: Identity{Service: true},
		},
		"service of the issuer": {over: object{"role": service, "sub": nil, "aud": nil}, want: Identity{Service: true}},
		"service with aud":      {over: object{"role": service, "sub": nil}, want: Identity{Service: true}},
		"service with a user":   {over: object{"role": service}, want: Identity{UserID: user, Service: true}},
		"service, empty sub":    {over: object{"role": service, "sub": ""}, want: Identity{Service: true}},
		"service, wrong aud":    {over: object{"role": service, "aud": "x"}, reason: wrongAudience},
		"service, aud null":     {over: object{"role": service, "aud": json.RawMessage("null")}, reason: wrongAudience},
		"service, wrong iss":    {over: object{"role": service, "iss": "https://y.supabase.co/auth/v1"}, reason: wrongIssuer},
		"service, no iss":       {over: object{"role": service, "iss": nil}, reason: wrongIssuer},
		"service, sub a name":   {over: object{"role": service, "sub": "admin"}, reason: badSubject},
		"service, no exp":       {over: object{"role": service, "exp": nil}, reason: noExpiry},
		"service, expired":      {over: object{"role": service, "exp": b.clock.in(-3600)}, reason: expired},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tok := token(t, jwt.SigningMethodHS256, secret, "", b.clock.claims(c.over))
			if c.reason != "" {
				b.refuses(t, c.reason, tok)
				return
			}
			c.want.Expires = time.Unix(b.clock.in(3600), 0)
			require.Equal(t, c.want, b.accepts(t, tok))
		})
	}
}

// A number that overflows as a time would lie in the far past, and nbf would pass.
func TestDatesThatOverflowAreRefused(t *testing.T) {
	t.Parallel()
	b := setupIdle(t)
	for _, number := range []string{"1e18", "9.3e18", "1e19", "1e300", "-1e300"} {
		for _, claim := range []string{"nbf", "iat"} {
			tok := token(t, jwt.SigningMethodHS256, secret, "", b.clock.claims(object{claim: json.RawMessage(number)}))
			_, err := b.Verify(t.Context(), tok)
			require.ErrorIs(t, err, ErrToken, "%s %s", claim, number)
		}
	}
}

func TestAudienceAndIssuerAreConfigured(t *testing.T) {
	t.Parallel()
	b := setupIdle(t, func(c *Config) { c.Audience = "music" })
	b.accepts(t, token(t, jwt.SigningMethodHS256, secret, "", b.clock.claims(object{"aud": "music", "iss": nil})))
	b.accepts(t, token(t, jwt.SigningMethodHS256, secret, "", b.clock.claims(object{"aud": "music", "iss": "anyone"})))
	b.refuses(t, wrongAudience, token(t, jwt.SigningMethodHS256, secret, "", b.clock.claims(nil)))
}
