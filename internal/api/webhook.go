package api

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

const (
	// maxCallback bounds the body of a webhook, in bytes.
	maxCallback = 1 << 20
	// maxTasks is how many tasks a webhook wakes up; the sweep finds the others.
	maxTasks = 100
)

// webhookInput is a webhook's request.
type webhookInput struct {
	Provider string `path:"provider" doc:"The provider that calls: sunoapi, kie, …"`
	Token    string `path:"token" doc:"The unguessable part of the address."`
	header   http.Header
	RawBody  []byte
}

// Resolve implements huma.Resolver: the signature is in the headers.
func (in *webhookInput) Resolve(ctx huma.Context) []error {
	in.header = http.Header{}
	ctx.EachHeader(func(name, value string) { in.header.Add(name, value) })
	return nil
}

// webhookOutput is the response to a webhook.
type webhookOutput struct {
	Body struct {
		Status string `json:"status" doc:"Always accepted; providers read the status code only."`
	}
}

func (a *API) registerWebhooks(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "webhook", Method: http.MethodPost, Path: "/webhooks/{provider}/{token}", Tags: []string{"webhooks"},
		Summary: "Take a provider's callback", MaxBodyBytes: -1, Security: []map[string][]string{},
		Description: "A callback wakes up the tasks that it names: tasksync asks the provider for them at once. Nothing is written from the body. " +
			"A task that has no pending row is accepted too, and forgotten.",
		Middlewares: huma.Middlewares{
			func(ctx huma.Context, next func(huma.Context)) { a.checkAddress(api, ctx, next) },
			readBody(api, maxCallback),
		},
		Errors: []int{400, 401, 404, 408, 413, 501},
	}, a.webhook)
}

// checkAddress checks provider and token before the body is read. The response does
// not say which of them is wrong: together they are one secret.
func (a *API) checkAddress(api huma.API, ctx huma.Context, next func(huma.Context)) {
	provider := ctx.Param("provider")
	_, known := a.cfg.Webhooks[provider]
	var err error
	switch {
	case len(a.cfg.WebhookTokens) == 0:
		err = errNoWebhooks
	case !a.validToken(ctx.Param("token")):
		if !known {
			provider = "unknown"
		}
		a.metrics.webhooks.WithLabelValues(provider, "forged").Inc()
		err = errNotFound
	case !known:
		err = errNotFound
	}
	if err != nil {
		a.writeError(api, ctx, err)
		return
	}
	next(ctx)
}

// validToken reports whether a token is one of the configured ones, in constant time.
func (a *API) validToken(token string) bool {
	given := sha256.Sum256([]byte(token))
	found := 0
	for _, t := range a.cfg.WebhookTokens {
		want := sha256.Sum256([]byte(t))
		found |= subtle.ConstantTimeCompare(given[:], want[:])
	}
	return found == 1
}

// webhook queues the task ids and responds at once, without a query: a provider that
// has to wait sends the webhook again.
func (a *API) webhook(ctx context.Context, in *webhookInput) (*webhookOutput, error) {
	hook := a.cfg.Webhooks[in.Provider]
	tasks, err := hook.Tasks(in.RawBody)
	if err != nil {
		a.metrics.webhooks.WithLabelValues(in.Provider, "malformed").Inc()
		return nil, a.problem(ctx, errCallback)
	}
	tooMany := len(tasks) > maxTasks
	tasks = tasks[:min(len(tasks), maxTasks)]
	named := len(tasks)
	if hook.Verify != nil {
		tasks = a.signed(ctx, hook, in.header, tasks)
	}
	result := "accepted"
	kept := a.wakeups.Add(hook.Providers, tasks)
	switch {
	case len(tasks) < named:
		result = "forged"
	case named == 0 && hook.Words != nil && hook.Words(in.RawBody):
		result = "words"
	case named == 0:
		result = "no_task"
	case !kept:
		result = "overflow"
	case tooMany:
		result = "too_many"
	}
	a.metrics.webhooks.WithLabelValues(in.Provider, result).Inc()
	if named > 0 && len(tasks) == 0 {
		return nil, a.problem(ctx, errSignature)
	}
	out := &webhookOutput{}
	out.Body.Status = "accepted"
	return out, nil
}

// signed returns the tasks with a valid signature. The signature covers the task's id
// and the time, not the body, of which nothing else is used.
func (a *API) signed(ctx context.Context, hook Webhook, header http.Header, tasks []string) []string {
	var good []string
	for _, t := range tasks {
		if err := hook.Verify(header, t, a.cfg.Now()); err != nil {
			a.cfg.Logger.DebugContext(ctx, "[TaskSync] Webhook not accepted", "request_id", requestID(ctx), "error", err)
			continue
		}
		good = append(good, t)
	}
	return good
}
