package api

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"golang.org/x/sync/singleflight"

	"tasksync/internal/recent"
	"tasksync/internal/wakeup"
	"tasksync/queries"
)

// API is the handler of the HTTP side. Make it with New, and call Run beside its
// server.
type API struct {
	cfg           Config
	queries       *queries.Queries
	handler       http.Handler
	metrics       *metrics
	postLimiter   *limiter
	streamLimiter *limiter
	readLimiter   *limiter
	userGate      *userGate  // for POSTs
	readQueue     *userQueue // for reading requests
	syncs         gate
	reads         gate // for the queries of users' requests
	tickets       gate // for the redemption of tickets
	opened        *openedTickets
	wakeups       *wakeup.Queue

	mu      sync.Mutex
	closing bool
	passes  sync.WaitGroup // for POSTs
	flights singleflight.Group

	told recent.Counted // requests that were answered with 503
}

// tellAgain is the time between two log lines about requests that were answered with 503.
// What is wrong then has lines of its own.
const tellAgain = 5 * time.Minute

// New makes an API.
func New(cfg Config) (*API, error) {
	cfg = cfg.withDefaults()
	cfg.Syncer = recoverSyncer{cfg.Syncer}
	if err := ValidateOrigins(cfg.CORSOrigins); err != nil {
		return nil, err
	}
	conns := int(cfg.Pool.Config().MaxConns)
	a := &API{
		cfg: cfg, queries: queries.New(), metrics: newMetrics(cfg.Registerer),
		postLimiter:   newLimiter("post", cfg.UserRate, cfg.UserBurst, cfg.Now),
		streamLimiter: newLimiter("stream", cfg.UserRate, streamBursts*cfg.UserBurst, cfg.Now),
		readLimiter:   newLimiter("read", readBursts*cfg.UserRate, readBursts*cfg.UserBurst, cfg.Now),
		userGate:      newUserGate(cfg.UserAtOnce), readQueue: newUserQueue(cfg.UserAtOnce),
		syncs: newGate(maxSyncs), reads: newGate(readPlaces(conns)), tickets: newGate(ticketPlaces(conns)),
		opened: newOpenedTickets(), told: recent.Counted{Seldom: recent.Seldom{Again: tellAgain}},
	}
	a.wakeups = wakeup.New(wakeup.Config{
		Pool: cfg.Pool, Syncer: cfg.Syncer, Logger: cfg.Logger, Registerer: cfg.Registerer, Spacing: cfg.WebhookSpacing, Now: cfg.Now,
	})
	mux := http.NewServeMux()
	api := humago.New(mux, humaConfig(cfg.Version))
	a.registerSync(api)
	a.registerGenerations(api)
	a.registerEvents(api)
	a.registerTickets(api)
	a.registerWebhooks(api)
	describe(api.OpenAPI())
	if err := registerDocs(mux); err != nil {
		return nil, err
	}
	handler, err := a.wrap(mux)
	if err != nil {
		return nil, err
	}
	a.handler = handler
	return a, nil
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.handler.ServeHTTP(w, r) }

// drainTimeout is how long the passes of POSTs may still take when the API stops. What
// a pass has not written by then, a later pass asks for again.
const drainTimeout = 2 * time.Second

// Run looks at the tasks that webhooks name, and at the tickets of open streams, until ctx
// ends. Then it rejects POSTs,
// and waits up to drainTimeout for those under way, and for the passes of webhooks,
// which end with ctx but still write what they have learned.
func (a *API) Run(ctx context.Context) error {
	var parts sync.WaitGroup
	parts.Go(func() { _ = a.wakeups.Run(ctx) }) // always nil
	parts.Go(func() { a.watchTickets(ctx) })
	<-ctx.Done()
	a.close()
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		a.passes.Wait()
	}()
	select {
	case <-drained:
	case <-time.After(drainTimeout):
	}
	parts.Wait()
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

// beginPass enters a pass that Run waits for, and reports whether it may begin. The
// caller must call passes.Done.
func (a *API) beginPass() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closing {
		return false
	}
	a.passes.Add(1)
	return true
}

// withoutValues keeps the client's values and the names of our types out of a
// problem.
func withoutValues(_ huma.Context, _ string, v any) (any, error) {
	if problem, ok := v.(*huma.ErrorModel); ok {
		for _, detail := range problem.Errors {
			detail.Value = nil
			// Where a name stands twice, or in capitals, the schema does not see every
			// value. The decoder does, and its message names our types.
			if strings.HasPrefix(detail.Message, "json: cannot unmarshal") {
				detail.Message = "a value is not of the type that is wanted there"
			}
		}
	}
	return v, nil
}

// Unavailable makes the handler that serves while there is no API yet. Pages of the
// origins can read its response, and an EventSource comes back by itself. The error is the one of ValidateOrigins.
func Unavailable(origins []string) (http.Handler, error) {
	h, err := crossOrigin(origins, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isEventSource(r) {
			writeEmptyStream(w, leastRetry+rand.N(leastRetry), "") //nolint:gosec // to spread load
			return
		}
		w.Header().Set("Retry-After", "5")
		writeProblem(w, http.StatusServiceUnavailable, "tasksync is starting, or stopping, or waits for its database")
	}))
	return Plain(h), err
}

// NotFound makes a handler that responds to every request that there is nothing.
func NotFound() http.Handler {
	return Plain(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeProblem(w, http.StatusNotFound, errNotFound.Error())
	}))
}
