package daemon

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tasksync/upstream"
)

// Provider is an upstream API with an account there. A row names its provider in
// column provider.
type Provider struct {
	// Provider is the API: sunoapi.Kie(), for example, or a provider of the program's own.
	upstream.Provider
	// APIURL is the base URL; default: the provider's BaseURL. Required if the
	// provider has none.
	APIURL string
	// APIKey is the credential. Required, unless the provider is Keyless.
	APIKey string `json:"-"`
	// RateLimit is in requests per second; nil: the provider's own limit; 0: none.
	RateLimit *float64
	// WebhookSecret checks the signatures of the provider's webhooks, if the provider
	// signs them; default: signatures are not checked.
	WebhookSecret string `json:"-"`
}

// providerName matches names that need no escapes in a path or in a label.
var providerName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// maxRate is the highest RateLimit, in requests per second.
const maxRate = 1e6

// validateProviders names the first field that is wrong.
func validateProviders(all []Provider) error {
	if len(all) == 0 {
		return wrong("Providers", "is empty; give at least one upstream API, with the key of your account")
	}
	for i, p := range all {
		err := p.validate()
		if err == nil && slices.ContainsFunc(all[:i], func(o Provider) bool { return o.Name == p.Name }) {
			err = wrong("Name", "%q is the name of another provider too", p.Name)
		}
		if err != nil {
			err.Field, err.Provider = fmt.Sprintf("Providers[%d].%s", i, err.Field), p.Name
			return err
		}
	}
	return nil
}

func (p Provider) validate() *FieldError {
	switch {
	case !providerName.MatchString(p.Name):
		return wrong("Name", "%q is not 1 to 64 letters, digits, dots, - or _", p.Name)
	case p.New == nil:
		return wrong("New", "is nil, so there is no adapter for %s", p.Name)
	case p.APIKey == "" && !p.Keyless:
		return wrong("APIKey", "is not set; give the key of your %s account", p.Name)
	case p.APIURL == "" && p.BaseURL == "":
		return wrong("APIURL", "is not set; give the address of your %s server%s", p.Name, p.without())
	case p.RateLimit != nil && !(*p.RateLimit >= 0 && *p.RateLimit <= maxRate):
		return wrong("RateLimit", "%g is not between 0 and %g", *p.RateLimit, maxRate)
	case p.WebhookSecret != "" && p.VerifyCallback == nil:
		return wrong("WebhookSecret", "is set, but %s does not sign its webhooks", p.Name)
	}
	return nil
}

// without names the path that calls add to the address, which the address must not
// have.
func (p Provider) without() string {
	if len(p.Paths) == 0 {
		return ""
	}
	return ", without " + p.Paths[0]
}

// callTimeout bounds one call to an upstream. It is shorter than a pass may take
// (10 s), so that a call that hangs times out, which the breaker counts.
const callTimeout = 8 * time.Second

// open makes the provider's adapter.
func (p Provider) open(cfg Config, reg prometheus.Registerer) (upstream.Adapter, error) {
	requests, span := window(p.RateLimit)
	a, err := p.New(upstream.Config{
		Provider: p.Name, BaseURL: cmp.Or(p.APIURL, p.BaseURL), APIKey: p.APIKey, Requests: requests, Window: span,
		Timeout:   callTimeout,
		UserAgent: "tasksync/" + cfg.Version, Registerer: reg, Logger: cfg.Logger,
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %s: %w", ErrConfig, p.Name, err)
	case a == nil:
		return nil, fmt.Errorf("%w: %s: New returned no adapter", ErrConfig, p.Name)
	}
	return a, nil
}

// window converts a limit in requests per second to what adapters take: a number of
// requests in any 10 s, or one request in a longer span. Nil is the provider's own
// limit (0 requests), 0 is no limit (a negative number).
func window(perSecond *float64) (requests int, span time.Duration) {
	const ten = 10 * time.Second
	switch {
	case perSecond == nil:
		return 0, 0
	case *perSecond == 0:
		return -1, 0
	case *perSecond < 0.1:
		return 1, time.Duration(float64(time.Second) / *perSecond)
	default:
		return int(*perSecond * ten.Seconds()), ten
	}
}
