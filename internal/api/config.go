package api

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"tasksync/internal/auth"
	"tasksync/internal/live"
	"tasksync/syncer"
)

// Syncer is what looks at rows: syncer.Syncer.
type Syncer interface {
	Sync(ctx context.Context, req syncer.Request) ([]syncer.Result, error)
}

// Verifier tells whose a bearer token is: auth.Verifier.
type Verifier interface {
	Verify(ctx context.Context, token string) (auth.Identity, error)
}

// Config is what an API needs.
type Config struct {
	Pool   *pgxpool.Pool // required
	Syncer Syncer        // required
	// Verifier checks bearer tokens; nil: the endpoints for users answer 501.
	Verifier Verifier
	Live     *live.Broker // required with a Verifier
	// WebhookTokens open the webhooks; none: they answer 501.
	WebhookTokens []string
	// Webhooks are the providers that may call, by the name in their path.
	Webhooks map[string]Webhook
	// CORSOrigins are the origins, like https://app.example, whose pages may call;
	// "*" for all. None: browsers refuse pages of other origins.
	CORSOrigins []string
	Version     string
	Logger      *slog.Logger          // default: discard
	Registerer  prometheus.Registerer // default: none
	// SyncTimeout bounds a POST; what is not done by then is returned as it is.
	// Default 10 s.
	SyncTimeout time.Duration
	// UserRate is how many POSTs a second a user may make for long, UserBurst how
	// many in a row, UserAtOnce how many may be under way; default 1, 10 and 2.
	// Streams are opened at the same rate, five times as many in a row.
	UserRate   float64
	UserBurst  int
	UserAtOnce int
	// Heartbeat spaces the comments in a silent stream of events; default 15 s.
	Heartbeat time.Duration
	// Spacing is how long after a look at a row, whoever caused it, a POST does not
	// cause another one; default 2 s.
	Spacing time.Duration
	// WebhookSpacing is the shortest time between two looks at one task that
	// webhooks cause; default 2 s.
	WebhookSpacing time.Duration
	Now            func() time.Time // default time.Now
}

// Webhook is a provider that calls back.
type Webhook struct {
	// Providers are the values of column provider that its rows have; "" is NULL.
	Providers []string
	// Tasks reads the task ids out of a body.
	Tasks func(body []byte) ([]string, error)
	// Verify checks the signature that names a task; nil: there is none.
	Verify func(h http.Header, taskID string, now time.Time) error
}

func (c Config) withDefaults() Config {
	c.SyncTimeout = cmp.Or(c.SyncTimeout, 10*time.Second)
	c.UserRate = cmp.Or(c.UserRate, 1)
	c.UserBurst = cmp.Or(c.UserBurst, 10)
	c.UserAtOnce = cmp.Or(c.UserAtOnce, 2)
	c.Heartbeat = cmp.Or(c.Heartbeat, 15*time.Second)
	c.Spacing = cmp.Or(c.Spacing, 2*time.Second)
	c.WebhookSpacing = cmp.Or(c.WebhookSpacing, 2*time.Second)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Registerer == nil {
		c.Registerer = prometheus.NewRegistry()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}
