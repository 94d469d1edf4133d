package daemon

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"golang.org/x/sync/errgroup"

	"tasksync/internal/api"
	"tasksync/internal/auth"
	"tasksync/internal/live"
	"tasksync/internal/view"
	"tasksync/upstream"
)

// API configures the HTTP endpoints for users and webhooks. Each of them is off
// until it is set.
type API struct {
	// JWTSecret and JWKSURL check the bearer tokens of users: HS256 with the secret,
	// ES256, RS256 and EdDSA with the keys at the URL.
	JWTSecret string `json:"-"`
	JWKSURL   string
	// JWTIssuer is the claim iss that tokens must have; default: any.
	JWTIssuer string
	// JWTAudience is the claim aud that tokens must have; default "authenticated".
	JWTAudience string
	// RequireAAL2 rejects users who have signed in with one factor only, as the claim aal
	// of Supabase's tokens says.
	RequireAAL2 bool
	// CORSOrigins are the origins whose pages may send requests; "*" is all.
	CORSOrigins []string
	// WebhookTokens are the secret last part of the webhooks' address; several while
	// one replaces another.
	WebhookTokens []string `json:"-"`
}

// webhookToken matches tokens that cannot be guessed and need no escapes in a path.
var webhookToken = regexp.MustCompile(`^[A-Za-z0-9_-]{16,128}$`)

func (c Config) auth() auth.Config {
	return auth.Config{Secret: c.API.JWTSecret, JWKSURL: c.API.JWKSURL, Issuer: c.API.JWTIssuer, Audience: c.API.JWTAudience, RequireAAL2: c.API.RequireAAL2, Logger: c.Logger}
}

func (a API) validate() error {
	if err := auth.ValidateSecret(a.JWTSecret); err != nil {
		return wrong("API.JWTSecret", "%s", err)
	}
	if err := auth.ValidateJWKSURL(a.JWKSURL); err != nil {
		return wrong("API.JWKSURL", "%s", err)
	}
	if err := api.ValidateOrigins(a.CORSOrigins); err != nil {
		return wrong("API.CORSOrigins", ": %s", err)
	}
	for _, token := range a.WebhookTokens {
		if !webhookToken.MatchString(token) {
			return wrong("API.WebhookTokens", "has a token that is not 16 to 128 letters, digits, - or _; make one with: openssl rand -hex 32")
		}
	}
	return nil
}

// openAPI makes the API and what it runs on: the broker of live updates and, with
// keys, the verifier of tokens.
func (d *daemon) openAPI(context.Context) error {
	conn, err := d.direct.DirectConfig(d.cfg.ListenURL)
	if err != nil {
		return err
	}
	show := view.Options{Foretell: d.foretell, Words: d.cfg.words()}
	d.broker = live.New(live.Config{ConnConfig: conn, Logger: d.cfg.Logger, Registerer: d.registry, Show: show})
	c := api.Config{
		Pool: d.pool, Syncer: d.syncer, Live: d.broker, Show: show, CORSOrigins: d.cfg.API.CORSOrigins,
		WebhookTokens: d.cfg.API.WebhookTokens, Webhooks: d.cfg.webhooks(),
		Spacing: d.upstreams.spacing, WebhookSpacing: d.upstreams.spacing,
		Version: d.cfg.Version, Logger: d.cfg.Logger, Registerer: d.registry, Now: d.now,
	}
	if a := d.cfg.auth(); a.Enabled() {
		a.Now = d.now
		if d.verifier, err = auth.New(a); err != nil {
			return fmt.Errorf("%w: %w", ErrConfig, err)
		}
		c.Verifier = d.verifier
	}
	if d.api, err = api.New(c); err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return nil
}

// runAPI runs what the API needs until ctx ends.
func (d *daemon) runAPI(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return d.api.Run(ctx) })
	group.Go(func() error { return d.broker.Run(ctx) })
	group.Go(func() error { return d.announcer.Run(ctx) })
	if d.verifier != nil {
		group.Go(func() error { return d.verifier.Run(ctx) })
	}
	return group.Wait()
}

// webhooks returns the providers that may call back, by name.
func (c Config) webhooks() map[string]api.Webhook {
	hooks, words := map[string]api.Webhook{}, c.providerWords()
	for i, p := range c.Providers {
		hook := api.Webhook{Providers: words.Of(p.Name), Tasks: upstream.CallbackTaskIDs, Words: upstream.CallbackOfWords}
		if i == 0 {
			hook.Providers = append(hook.Providers, "") // NULL: rows that name no provider
		}
		if p.WebhookSecret != "" && p.VerifyCallback != nil {
			hook.Verify = func(h http.Header, taskID string, now time.Time) error {
				return p.VerifyCallback(p.WebhookSecret, h, taskID, now)
			}
		}
		hooks[p.Name] = hook
	}
	return hooks
}
