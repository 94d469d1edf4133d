package api

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"golang.org/x/sync/singleflight"

	"tasksync/internal/wakeup"
	"tasksync/queries"
)

// API serves the HTTP side. Make it with New, run it with Run beside the server
// that it is the handler of.
type API struct {
	cfg           Config
	queries       *queries.Queries
	handler       http.Handler
	metrics       *metrics
	postLimiter   *limiter  // of POSTs
	streamLimiter *limiter  // of streams
	userGate      *userGate // of POSTs
	syncs         gate
	reads         gate
	tickets       gate
	wakeups       *wakeup.Queue

	mu      sync.Mutex
	closing bool
	passes  sync.WaitGroup // under way for POST requests
	flights singleflight.Group
}

// New makes an API.
func New(cfg Config) (*API, error) {
	cfg = cfg.withDefaults()
	cfg.Syncer = recoverSyncer{cfg.Syncer}
	a := &API{
		cfg: cfg, queries: queries.New(), metrics: newMetrics(cfg.Registerer),
		postLimiter:   newLimiter(cfg.UserRate, cfg.UserBurst, cfg.Now),
		streamLimiter: newLimiter(cfg.UserRate, streamBursts*cfg.UserBurst, cfg.Now),
		userGate:      newUserGate(cfg.UserAtOnce),
		syncs:         newGate(maxSyncs), reads: newGate(maxReads), tickets: newGate(maxTickets),
	}
	a.wakeups = wakeup.New(wakeup.Config{
		Pool: cfg.Pool, Syncer: cfg.Syncer, Logger: cfg.Logger, Registerer: cfg.Registerer, Spacing: cfg.WebhookSpacing, Now: cfg.Now,
	})
	mux := http.NewServeMux()
	api := humago.New(mux, humaConfig(cfg.Version))
	a.registerSync(api)
	a.registerEvents(api)
	a.registerWebhooks(api)
	registerDocs(mux)
	handler, err := a.wrap(mux)
	if err != nil {
		return nil, err
	}
	a.handler = handler
	return a, nil
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.handler.ServeHTTP(w, r) }

// drainTimeout is how long requests that look at rows may still take when the API
// stops: what they have been told is written by then, or is told again.
const drainTimeout = 2 * time.Second

// Run works what webhooks have woken up until ctx ends. Then it refuses requests
// that would look at rows, and waits for those under way, a moment, and for the
// passes of webhooks, which end with ctx but for what they write.
func (a *API) Run(ctx context.Context) error {
	worked := make(chan struct{})
	go func() {
		defer close(worked)
		_ = a.wakeups.Run(ctx) // always nil
	}()
	<-ctx.Done()
	a.close()
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		a.passes.Wait()
	}()
	timer := time.NewTimer(drainTimeout)
	defer timer.Stop()
	select {
	case <-drained:
	case <-timer.C:
	}
	<-worked
	return nil
}

func (a *API) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closing = true
}

func (a *API) stopping() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.closing
}

// beginPass notes a pass that Run waits for, unless the API is closing.
func (a *API) beginPass() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closing {
		return false
	}
	a.passes.Add(1)
	return true
}

// humaConfig describes the API. Unknown fields are tolerated: clients of the
// service that this replaces may send more.
func humaConfig(version string) huma.Config {
	c := huma.DefaultConfig("tasksync", version)
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	c.Components.Schemas = registry
	c.AllowAdditionalPropertiesByDefault = true
	c.Info.Description = "Keeps the rows of music_generations in step with a slow task API. Rows fill in by themselves; this is for pages that want to see it happen, and for providers that call back."
	c.DocsPath = "" // registerDocs has assets of its own
	c.SchemasPath = ""
	c.CreateHooks = nil // no $schema in answers
	c.Transformers = []huma.Transformer{withoutValues}
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"bearer": {Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "A user's access token, as Supabase issues it; or a service role token, with user_id."},
		"ticket": {Type: "apiKey", In: "query", Name: "ticket", Description: "A one-time ticket of POST /api/music/v2/sync/events/ticket."},
	}
	return c
}

// withoutValues keeps what a client sent, and what is inside, out of the problem
// that it is told of.
func withoutValues(_ huma.Context, _ string, v any) (any, error) {
	if problem, ok := v.(*huma.ErrorModel); ok {
		for _, detail := range problem.Errors {
			detail.Value = nil
			// Of a name that is there twice, or in capitals, the schema has not seen
			// every value; the decoder, which has, would tell of the types inside.
			if strings.HasPrefix(detail.Message, "json: cannot unmarshal") {
				detail.Message = "a value is not of the type that is wanted there"
			}
		}
	}
	return v, nil
}

// Unavailable answers instead of an API that is not there yet, so that pages of
// the origins can read the answer. The error is that of ValidateOrigins.
func Unavailable(origins []string) (http.Handler, error) {
	h, err := crossOrigin(origins, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "5")
		writeProblem(w, http.StatusServiceUnavailable, "tasksync is starting, or stopping, or waits for its database")
	}))
	return Plain(h), err
}
