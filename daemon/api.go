package daemon

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"tasksync/internal/api"
	"tasksync/internal/auth"
	"tasksync/internal/database"
	"tasksync/internal/live"
	"tasksync/syncer"
	"tasksync/upstream"
)

// API is what the HTTP side for users and webhooks needs. Each part is off until
// it is set.
type API struct {
	// JWTSecret and JWKSURL check the bearer tokens of users: HS256 by the secret,
	// ES256, RS256 and EdDSA by the keys at the URL.
	JWTSecret string `json:"-"`
	JWKSURL   string
	// JWTIssuer is the iss that tokens must have; default: any.
	JWTIssuer string
	// JWTAudience is the aud that tokens must have; default "authenticated".
	JWTAudience string
	// CORSOrigins are the origins whose pages may call; "*" is all.
	CORSOrigins []string
	// WebhookTokens are the last part of the webhooks' address; several during a
	// change.
	WebhookTokens []string `json:"-"`
}

// webhookToken is a token that cannot be guessed and that stands in a path as it
// is.
var webhookToken = regexp.MustCompile(`^[A-Za-z0-9_-]{16,128}$`)

func (a API) auth(cfg Config) auth.Config {
	return auth.Config{Secret: a.JWTSecret, JWKSURL: a.JWKSURL, Issuer: a.JWTIssuer, Audience: a.JWTAudience, Logger: cfg.Logger}
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

// httpSide is the HTTP side with the parts that it runs on.
type httpSide struct {
	api       *api.API
	broker    *live.Broker
	announcer *live.Announcer // also for the streams of other daemons
	verifier  *auth.Verifier  // nil without keys
}

func openHTTPSide(cfg Config, pool *pgxpool.Pool, s *syncer.Syncer, announcer *live.Announcer, spacing time.Duration, now func() time.Time, reg prometheus.Registerer) (*httpSide, error) {
	connConfig, err := database.DirectConfig(cfg.ListenURL)
	if err != nil {
		return nil, err
	}
	connConfig.RuntimeParams["application_name"] = "tasksync events"
	h := &httpSide{
		broker:    live.New(live.Config{ConnConfig: connConfig, Logger: cfg.Logger, Registerer: reg}),
		announcer: announcer,
	}
	c := api.Config{
		Pool: pool, Syncer: s, Live: h.broker, CORSOrigins: cfg.API.CORSOrigins,
		WebhookTokens: cfg.API.WebhookTokens, Webhooks: cfg.webhooks(),
		Spacing: spacing, WebhookSpacing: spacing,
		Version: cfg.Version, Logger: cfg.Logger, Registerer: reg, Now: now,
	}
	if a := cfg.API.auth(cfg); a.Enabled() {
		a.Now = now
		if h.verifier, err = auth.New(a); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrConfig, err)
		}
		c.Verifier = h.verifier
	}
	if h.api, err = api.New(c); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return h, nil
}

// webhooks are the configured providers, as they call back.
func (c Config) webhooks() map[string]api.Webhook {
	hooks := map[string]api.Webhook{}
	for i, p := range c.Providers {
		hook := api.Webhook{Providers: []string{p.Name}, Tasks: upstream.CallbackTaskIDs}
		if i == 0 {
			hook.Providers = append(hook.Providers, "") // rows that name none are its too
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

// run runs the parts until ctx ends.
func (h *httpSide) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return h.api.Run(ctx) })
	group.Go(func() error { return h.broker.Run(ctx) })
	group.Go(func() error { return h.announcer.Run(ctx) })
	if h.verifier != nil {
		group.Go(func() error { return h.verifier.Run(ctx) })
	}
	return group.Wait()
}
