package daemon

import (
	"cmp"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
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
	// RateLimit is what the account may send, from all daemons of a database together;
	// nil: the provider's own limit; the zero Rate: no limit.
	RateLimit *upstream.Rate
	// WebhookSecret checks the signatures of the provider's webhooks, if the provider
	// signs them; default: signatures are not checked.
	WebhookSecret string `json:"-"`
}

// providerName matches names that need no escapes in a path or in a label.
var providerName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// validateProviders names the first field that is wrong.
func validateProviders(all []Provider) error {
	if len(all) == 0 {
		return wrong("Providers", "is empty; give at least one upstream API, with the key of your account")
	}
	for i, p := range all {
		err := p.validate()
		if err == nil && slices.ContainsFunc(all[:i], func(o Provider) bool { return strings.EqualFold(o.Name, p.Name) }) {
			err = wrong("Name", "%q is the name of another provider too, as case does not count", p.Name)
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
	case !upstream.ValidKey(p.APIKey):
		return wrong("APIKey", "holds a space, a control or a non-ASCII character; copy the key of your %s account anew", p.Name)
	case p.APIURL == "" && p.BaseURL == "":
		return wrong("APIURL", "is not set; give the address of your %s server%s", p.Name, p.without())
	case p.APIURL != "" && !absolute(p.APIURL):
		return wrong("APIURL", "is not an absolute http or https address, like https://api.example%s", p.without())
	case p.RateLimit != nil && p.RateLimit.Validate() != nil:
		return wrong("RateLimit", "%s", p.RateLimit.Validate())
	case p.WebhookSecret != "" && p.VerifyCallback == nil:
		return wrong("WebhookSecret", "is set, but %s does not sign its webhooks", p.Name)
	}
	return nil
}

// defaultProvider is the name of the provider that has the rows that name none.
func (c Config) defaultProvider() string {
	if len(c.Providers) == 0 {
		return ""
	}
	return c.Providers[0].Name
}

// absolute tells whether calls can be made to an address.
func absolute(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != ""
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
	if p.New == nil { // Validate says so; the doctor goes on
		return nil, fmt.Errorf("%w: %s: there is no adapter", ErrConfig, p.Name)
	}
	limit := p.limit()
	a, err := p.New(upstream.Config{
		Provider: p.Name, BaseURL: cmp.Or(p.APIURL, p.BaseURL), APIKey: p.APIKey, Requests: limit.Requests, Window: limit.Window,
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

// Rate returns the limit that counts: RateLimit, else the provider's own.
func (p Provider) Rate() upstream.Rate {
	if p.RateLimit != nil {
		return *p.RateLimit
	}
	return upstream.Rate{Requests: p.Limits.Requests, Window: p.Limits.Window}
}

// limit is the limit that counts as adapters take it, in parts of ten seconds: 0
// requests are the provider's own limit, a negative number is no limit.
func (p Provider) limit() upstream.Rate {
	if p.RateLimit != nil && p.RateLimit.Requests == 0 {
		return upstream.Rate{Requests: -1}
	}
	return p.Rate().Short()
}
