package daemon

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"tasksync/task"
	"tasksync/upstream"
	"tasksync/upstream/acedata"
	"tasksync/upstream/sunoapi"
	"tasksync/upstream/sunoclips"
	"tasksync/upstream/sunoproxy"
)

const goodURL = "postgres://user:pass@localhost:5432/app"

func TestConfig(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*Config)
		want   string // empty: it is good
	}{
		"least":              {func(*Config) {}, ""},
		"keywords":           {func(c *Config) { c.DatabaseURL = "host=localhost dbname=app" }, ""},
		"own, no key":        {func(c *Config) { c.Providers = []Provider{{Provider: own("mine")}} }, ""},
		"own beside":         {func(c *Config) { c.Providers = append(c.Providers, Provider{Provider: own("My.own_1")}) }, ""},
		"kie":                {func(c *Config) { c.Providers[0].Provider = sunoapi.Kie() }, ""},
		"no limit":           {func(c *Config) { c.Providers[0].RateLimit = &upstream.Rate{} }, ""},
		"shortest poll":      {func(c *Config) { c.PollInterval = 50 * time.Millisecond }, ""},
		"no database":        {func(c *Config) { c.DatabaseURL = "" }, "DatabaseURL is not set"},
		"no key":             {func(c *Config) { c.Providers[0].APIKey = "" }, "Providers[0].APIKey is not set"},
		"no provider":        {func(c *Config) { c.Providers = nil }, "Providers is empty"},
		"provider in name":   {func(c *Config) { c.Providers[0].New = nil }, "Providers[0].New is nil, so there is no adapter for sunoapi"},
		"two of a name":      {func(c *Config) { c.Providers = append(c.Providers, c.Providers[0]) }, `Providers[1].Name "sunoapi" is the name of another provider`},
		"nameless":           {func(c *Config) { c.Providers[0].Name = "" }, `Providers[0].Name "" is not`},
		"name of a path":     {func(c *Config) { c.Providers[0].Name = "a/b" }, `Providers[0].Name "a/b" is not`},
		"long name":          {func(c *Config) { c.Providers[0].Name = strings.Repeat("a", 65) }, "Providers[0].Name"},
		"no gatherer":        {func(c *Config) { c.Registerer = prometheus.WrapRegistererWith(nil, prometheus.NewRegistry()) }, "Gatherer is nil"},
		"no registerer":      {func(c *Config) { c.Gatherer = prometheus.NewRegistry() }, "Registerer is nil"},
		"unknown feed":       {func(c *Config) { c.Feed = "wal2" }, `Feed "wal2"`},
		"feed wal":           {func(c *Config) { c.Feed = "wal" }, ""},
		"bad listen URL":     {func(c *Config) { c.ListenURL = "postgres://u:hunter2@h:port/db" }, "ListenURL"},
		"feed polls often":   {func(c *Config) { c.FeedPollInterval = time.Millisecond }, "FeedPollInterval 1ms"},
		"negative feed poll": {func(c *Config) { c.FeedPollInterval = -time.Second }, "FeedPollInterval -1s"},
		"small slot":         {func(c *Config) { c.SlotLimit = 1 << 20 }, "SlotLimit 1048576"},
		"timeout too short":  {func(c *Config) { c.Timeout = time.Millisecond }, "Timeout 1ms"},
		"negative timeout":   {func(c *Config) { c.Timeout = -time.Minute }, "Timeout -1m0s"},
		"poll too often":     {func(c *Config) { c.PollInterval = time.Millisecond }, "PollInterval 1ms"},
		"negative poll":      {func(c *Config) { c.PollInterval = -1 }, "PollInterval"},
		"negative limit":     {func(c *Config) { c.Providers[0].RateLimit = &upstream.Rate{Requests: -1, Window: time.Second} }, "Providers[0].RateLimit -1/1s is not a rate limit"},
		"limit of no time":   {func(c *Config) { c.Providers[0].RateLimit = &upstream.Rate{Requests: 1} }, "Providers[0].RateLimit 1/0s is not"},
		"limit of years":     {func(c *Config) { c.Providers[0].RateLimit = &upstream.Rate{Requests: 1, Window: 10000 * time.Hour} }, "Providers[0].RateLimit 1/10000h0m0s is not"},
		"no URL":             {func(c *Config) { c.DatabaseURL = "postgres://u:hunter2@h:port/db" }, "DatabaseURL"},
		"URL that escapes":   {func(c *Config) { c.DatabaseURL = "postgres://u:hunter2%zz@h/db" }, "DatabaseURL"},
		"keywords that fail": {func(c *Config) { c.DatabaseURL = "host=h password='hunter2' port=x" }, "DatabaseURL"},
		"pool setting":       {func(c *Config) { c.DatabaseURL = "postgres://u:hunter2@h/db?pool_max_conns=x" }, "DatabaseURL"},
		"bad sslmode":        {func(c *Config) { c.DatabaseURL = "postgres://u:hunter2@h/db?sslmode=x" }, "DatabaseURL"},
		"address of the API": {func(c *Config) { c.Providers[0].APIURL = "api" }, "APIURL"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := Config{DatabaseURL: goodURL, Providers: []Provider{{Provider: sunoapi.SunoAPI(), APIKey: "hunter2"}}}
			tc.change(&cfg)
			cfg = cfg.WithDefaults()
			err := cfg.Validate()
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, ErrConfig)
			require.ErrorContains(t, err, tc.want)
			require.NotContains(t, err.Error(), "hunter2")
			cfg.ListenAddr = "127.0.0.1:0"
			require.ErrorIs(t, Run(t.Context(), cfg), ErrConfig)
			_, err = Sync(t.Context(), cfg, nil)
			require.ErrorIs(t, err, ErrConfig)
		})
	}
}

func TestConfigDefaults(t *testing.T) {
	t.Parallel()
	c := Config{}.WithDefaults()
	require.Equal(t, "auto", c.Feed)
	require.Equal(t, ":8080", c.ListenAddr)
	require.Equal(t, task.DefaultTimeout, c.Timeout)
	require.Len(t, c.Handlers, 5)
	require.NotNil(t, c.Logger)
}

func TestRate(t *testing.T) {
	t.Parallel()
	ten, none := upstream.Rate{Requests: 10, Window: time.Second}, upstream.Rate{}
	for name, tc := range map[string]struct {
		limit          *upstream.Rate
		counts, opened upstream.Rate
	}{
		"its own": {nil, upstream.Rate{Requests: 20, Window: 10 * time.Second}, upstream.Rate{Requests: 20, Window: 10 * time.Second}},
		"another": {&ten, ten, ten},
		"none":    {&none, none, none},
	} {
		p := Provider{Provider: sunoapi.SunoAPI(), APIKey: "key", RateLimit: tc.limit}
		require.Equal(t, tc.counts, p.Rate(), name)
		a, err := p.open(Config{}, nil)
		require.NoError(t, err, name)
		opened := a.Limits()
		require.Equal(t, tc.opened.Requests, opened.Requests, name)
		require.Equal(t, tc.opened.Window, opened.Window, name)
	}
}

func TestPollIntervalOfTheProvider(t *testing.T) {
	t.Parallel()
	cfg := setup(t).config()
	cfg.Providers[0].Provider, cfg.PollInterval = sunoapi.Kie(), 100*time.Millisecond
	_, err := openUpstreams(cfg.WithDefaults(), nil)
	require.ErrorIs(t, err, ErrConfig)
	require.ErrorContains(t, err, "PollInterval 100ms is under the 333")
}

func TestProviders(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, tc := range map[string]struct {
		other Provider
		want  string
	}{
		"fine":        {Provider{Provider: acedata.Provider(), APIKey: "key-of-another"}, ""},
		"own":         {Provider{Provider: own("mine")}, ""},
		"no key":      {Provider{Provider: sunoapi.Kie()}, "Providers[1].APIKey is not set"},
		"no address":  {Provider{Provider: sunoproxy.Provider()}, "Providers[1].APIURL is not set"},
		"bad limit":   {Provider{Provider: sunoclips.Provider(), APIKey: "k", RateLimit: &upstream.Rate{Requests: -1}}, "Providers[1].RateLimit -1/0s is not"},
		"bad address": {Provider{Provider: acedata.Provider(), APIKey: "key-of-another", APIURL: "api"}, "Providers[1].APIURL"},
		"no adapter":  {Provider{Provider: upstream.Provider{Name: "mine", BaseURL: "x", Keyless: true, New: noAdapter}}, "mine: New returned no adapter"},
	} {
		cfg := b.config()
		cfg.Providers = append(cfg.Providers, tc.other)
		cfg = cfg.WithDefaults()
		err := cfg.Validate()
		if err == nil {
			_, err = openUpstreams(cfg, nil)
		}
		if tc.want == "" {
			require.NoError(t, err, name)
			continue
		}
		require.ErrorIs(t, err, ErrConfig, name)
		require.ErrorContains(t, err, tc.want, name)
		require.NotContains(t, err.Error(), "key-of-another", name)
	}
}

func noAdapter(upstream.Config) (upstream.Adapter, error) { return nil, nil }

// TestFieldError: the text can have another name for the field.
func TestFieldError(t *testing.T) {
	t.Parallel()
	cfg := Config{DatabaseURL: goodURL, Providers: []Provider{{Provider: own("mine")}, {Provider: sunoapi.Kie()}}}
	err, ok := errors.AsType[*FieldError](cfg.WithDefaults().Validate())
	require.True(t, ok)
	require.Equal(t, "Providers[1].APIKey", err.Field)
	require.Equal(t, "kie", err.Provider)
	require.Equal(t, "configuration: KIE_KEY is not set; give the key of your kie account", err.Says("KIE_KEY"))
}
