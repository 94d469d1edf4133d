package main

import (
	"fmt"
	"strings"

	"tasksync/daemon"
)

// httpFlags say what is served over HTTP besides metrics and health.
type httpFlags struct {
	JWTSecret     string   `name:"jwt-secret" env:"TASKSYNC_JWT_SECRET" placeholder:"SECRET" help:"Secret of users' bearer tokens that are signed with HS256. Without it and --jwks-url the endpoints for users are off. Prefer the environment: flags show in process lists." group:"http"`
	JWKSURL       string   `name:"jwks-url" env:"TASKSYNC_JWKS_URL" placeholder:"URL" help:"Address of the keys for tokens that are signed with ES256, RS256 or EdDSA (Supabase: https://PROJECT.supabase.co/auth/v1/.well-known/jwks.json)." group:"http"`
	JWTIssuer     string   `name:"jwt-issuer" env:"TASKSYNC_JWT_ISSUER" placeholder:"ISS" help:"The iss that tokens must have (default: any)." group:"http"`
	JWTAudience   string   `name:"jwt-audience" env:"TASKSYNC_JWT_AUDIENCE" placeholder:"AUD" help:"The aud that tokens must have (default: authenticated)." group:"http"`
	RequireAAL2   bool     `name:"jwt-require-aal2" env:"TASKSYNC_JWT_REQUIRE_AAL2" help:"Reject users who have signed in with one factor only (claim aal of Supabase's tokens)." group:"http"`
	CORSOrigins   []string `name:"cors-origins" env:"TASKSYNC_CORS_ORIGINS" placeholder:"ORIGIN" help:"Origins whose pages may call the API, like https://app.example; * for all (default: none)." group:"http"`
	WebhookTokens []string `name:"webhook-token" env:"TASKSYNC_WEBHOOK_TOKEN" placeholder:"TOKEN" help:"The last part of the webhooks' address, 16 to 128 letters, digits, - or _; a second one during a change. Without it webhooks are off." group:"http"`
	WebhookSecret string   `env:"TASKSYNC_WEBHOOK_SECRET" placeholder:"SECRET" help:"Secret of the signatures of kie's webhooks (default: they are not checked)." group:"http"`
}

func (f httpFlags) api() daemon.API {
	return daemon.API{
		JWTSecret: f.JWTSecret, JWKSURL: f.JWKSURL, JWTIssuer: f.JWTIssuer, JWTAudience: f.JWTAudience, RequireAAL2: f.RequireAAL2,
		CORSOrigins: trimmed(f.CORSOrigins), WebhookTokens: trimmed(f.WebhookTokens),
	}
}

// sign gives the webhook secret to the providers that sign their webhooks.
func (f httpFlags) sign(providers []daemon.Provider) error {
	signs := false
	for i := range providers {
		if p := &providers[i]; f.WebhookSecret != "" && p.VerifyCallback != nil {
			p.WebhookSecret, signs = f.WebhookSecret, true
		}
	}
	if f.WebhookSecret != "" && !signs {
		return usageError{fmt.Errorf("%w: TASKSYNC_WEBHOOK_SECRET is set, but kie, the only provider that signs its webhooks, is not configured", daemon.ErrConfig)}
	}
	return nil
}

// trimmed returns the parts of a list without the blanks around them, and without
// empty parts.
func trimmed(parts []string) []string {
	var out []string
	for _, p := range parts {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, p)
		}
	}
	return out
}
