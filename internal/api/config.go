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
	"tasksync/internal/view"
	"tasksync/internal/wakeup"
)

// Syncer makes passes over rows: syncer.Syncer.
type Syncer = wakeup.Syncer

// Verifier verifies bearer tokens: auth.Verifier.
type Verifier interface {
	Verify(ctx context.Context, token string) (auth.Identity, error)
}

// Config is what an API needs.
type Config struct {
	Pool   *pgxpool.Pool // required
	Syncer Syncer        // required
	// Verifier verifies bearer tokens; nil: the endpoints for users respond with 501.
	Verifier Verifier
	Live     *live.Broker // required with a Verifier
	Show     view.Options // how rows are shown
	// WebhookTokens are the tokens in the addresses of the webhooks; none: the webhooks
	// respond with 501.
	WebhookTokens []string
	// Webhooks are the providers that send webhooks, by the name in the path.
	Webhooks map[string]Webhook
	// CORSOrigins are the origins, like https://app.example, whose pages may send
	// requests; "*": all. None: browsers allow pages of the same origin only.
	CORSOrigins []string
	Version     string
	Logger      *slog.Logger          // default: discard
	Registerer  prometheus.Registerer // default: none
	// UserRate is how many POSTs a second a user may send in the long run, UserBurst
	// how many in a row, UserAtOnce how many may be under way; default 1, 10 and 2.
	// Streams may be opened at the same rate, five times as many in a row; reading
	// requests may be sent at five times the rate, five times as many in a row, and as
	// many are served at once.
	UserRate   float64
	UserBurst  int
	UserAtOnce int
	// Heartbeat is the time between comments in a silent stream of events; default 15 s.
	Heartbeat time.Duration
	// TicketCheck is the time between two looks at the tickets of open streams, whether
	// they are still good; default 5 s.
	TicketCheck time.Duration
	// Spacing is how long after a look at a row, by any pass, a POST does not look at
	// it again; default 2 s.
	Spacing time.Duration
	// WebhookSpacing is the shortest time between two looks at one task because of
	// webhooks; default 2 s.
	WebhookSpacing time.Duration
	Now            func() time.Time // default time.Now
}

// Webhook is a provider that sends webhooks.
type Webhook struct {
	// Providers are the values of column provider in its rows; "" is NULL.
	Providers []string
	// Tasks returns the task ids in a body; more than 100 are too many.
	Tasks func(body []byte) ([]string, error)
	// Words reports whether a body without task ids tells of a task's words only, which
	// needs no look; nil: none does.
	Words func(body []byte) bool
	// Verify checks the signature for a task; nil: the provider does not sign.
	Verify func(h http.Header, taskID string, now time.Time) error
}

func (c Config) withDefaults() Config {
	c.UserRate = cmp.Or(c.UserRate, 1)
	c.UserBurst = cmp.Or(c.UserBurst, 10)
	c.UserAtOnce = cmp.Or(c.UserAtOnce, 2)
	c.Heartbeat = cmp.Or(c.Heartbeat, 15*time.Second)
	c.TicketCheck = cmp.Or(c.TicketCheck, 5*time.Second)
	c.Spacing = cmp.Or(c.Spacing, 2*time.Second)
	c.WebhookSpacing = cmp.Or(c.WebhookSpacing, 2*time.Second)
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}
