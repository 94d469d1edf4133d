package main

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/daemon"
	"tasksync/internal/simulator"
	"tasksync/upstream"
)

// account is the settings of one provider.
type account struct {
	name, key, url string
	rate           *upstream.Rate
}

func TestProvidersFromTheEnvironment(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(file, []byte(" key-in-a-file\n"), 0o600))
	empty := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	env := func(pairs ...string) func(string) string {
		return func(name string) string {
			for i := 0; i < len(pairs); i += 2 {
				if pairs[i] == name {
					return pairs[i+1]
				}
			}
			return ""
		}
	}
	for name, tc := range map[string]struct {
		flags upstreamFlags
		env   func(string) string
		want  []account // the default one first
		err   string
	}{
		"nothing": {upstreamFlags{}, env(), []account{{name: "sunoapi"}}, ""},
		"one":     {upstreamFlags{Provider: "kie", APIKey: " k ", APIURL: "u"}, env("TASKSYNC_KIE_API_KEY", "not asked for"), []account{{name: "kie", key: "k", url: "u"}}, ""},
		"file":    {upstreamFlags{APIKeyFile: file}, env(), []account{{name: "sunoapi", key: "key-in-a-file"}}, ""},
		"two": {
			upstreamFlags{Providers: []string{"kie", "acedata"}},
			env("TASKSYNC_KIE_API_KEY", "a", "TASKSYNC_ACEDATA_API_KEY_FILE", file, "TASKSYNC_ACEDATA_API_URL", "u", "TASKSYNC_ACEDATA_RATE_LIMIT", "2.5"),
			[]account{{name: "kie", key: "a"}, {name: "acedata", key: "key-in-a-file", url: "u", rate: &upstream.Rate{Requests: 3, Window: 1200 * time.Millisecond}}},
			"",
		},
		"the default is not the first": {
			upstreamFlags{Provider: "acedata", Providers: []string{"kie", "acedata"}, APIKey: "general"},
			env("TASKSYNC_KIE_API_KEY", "a"),
			[]account{{name: "acedata", key: "general"}, {name: "kie", key: "a"}},
			"",
		},
		"its own before the general": {
			upstreamFlags{Providers: []string{"kie"}, APIKey: "general"},
			env("TASKSYNC_KIE_API_KEY", "own"),
			[]account{{name: "kie", key: "own"}},
			"",
		},
		"twice":        {upstreamFlags{Providers: []string{"kie", "kie"}}, env(), nil, "names kie twice"},
		"not among":    {upstreamFlags{Provider: "sunoapi", Providers: []string{"kie"}}, env(), nil, `"sunoapi" is not among TASKSYNC_PROVIDERS kie`},
		"key and file": {upstreamFlags{APIKey: "k", APIKeyFile: file}, env(), nil, "both TASKSYNC_API_KEY and TASKSYNC_API_KEY_FILE"},
		"empty file":   {upstreamFlags{APIKeyFile: empty}, env(), nil, "is empty"},
		"missing file": {upstreamFlags{APIKeyFile: empty + "-not"}, env(), nil, "TASKSYNC_API_KEY_FILE"},
		"bad rate":     {upstreamFlags{Providers: []string{"kie"}}, env("TASKSYNC_KIE_RATE_LIMIT", "many"), nil, `TASKSYNC_KIE_RATE_LIMIT "many" is not a rate limit: give requests and a time, like 20/10s`},
		"rate":         {upstreamFlags{RateLimit: "20/10s"}, env(), []account{{name: "sunoapi", rate: &upstream.Rate{Requests: 20, Window: 10 * time.Second}}}, ""},
		"no rate":      {upstreamFlags{RateLimit: "0"}, env(), []account{{name: "sunoapi", rate: &upstream.Rate{}}}, ""},
		"bad general":  {upstreamFlags{RateLimit: "10/10"}, env(), nil, `TASKSYNC_RATE_LIMIT "10/10" is not a rate limit`},
		"own before general rate": {
			upstreamFlags{Providers: []string{"kie"}, RateLimit: "5"},
			env("TASKSYNC_KIE_RATE_LIMIT", "600/m"),
			[]account{{name: "kie", rate: &upstream.Rate{Requests: 600, Window: time.Minute}}},
			"",
		},
		"its own, both": {upstreamFlags{Providers: []string{"kie"}}, env("TASKSYNC_KIE_API_KEY", "k", "TASKSYNC_KIE_API_KEY_FILE", file), nil, "both TASKSYNC_KIE_API_KEY"},
	} {
		all, err := tc.flags.providers(tc.env)
		if tc.err != "" {
			require.ErrorContains(t, err, tc.err, name)
			continue
		}
		require.NoError(t, err, name)
		var got []account
		for _, p := range all {
			require.NotNil(t, p.New, name)
			got = append(got, account{p.Name, p.APIKey, p.APIURL, p.RateLimit})
		}
		require.Equal(t, tc.want, got, name)
	}
}

// TestBuiltInProviders: the simulator has each of them.
func TestBuiltInProviders(t *testing.T) {
	t.Parallel()
	require.Equal(t, simulator.Providers(), providerNames())
	for _, p := range builtIn() {
		require.NotNil(t, p.New, p.Name)
	}
	require.Equal(t, "sunoapi (default), kie, sunoproxy, acedata or sunoclips", tagVars()["providers"])
}

// TestErrorsNameVariables: where the daemon's errors name fields, the command's name
// the variables that a user sets.
func TestErrorsNameVariables(t *testing.T) {
	t.Parallel()
	good := func() daemon.Config {
		return daemon.Config{DatabaseURL: "postgres://u@127.0.0.1:1/app", ListenAddr: "127.0.0.1:0", Providers: []daemon.Provider{
			{Provider: named("sunoapi"), APIKey: "k"}, {Provider: named("kie"), APIKey: "k"}, {Provider: named("sunoproxy"), APIURL: "http://h"},
		}}
	}
	for want, change := range map[string]func(*daemon.Config){
		"DATABASE_URL is not set; give the address": func(c *daemon.Config) { c.DatabaseURL = "" },
		"DATABASE_URL: ":        func(c *daemon.Config) { c.DatabaseURL = "postgres://u:hunter2@h:port/db" },
		"TASKSYNC_LISTEN_URL: ": func(c *daemon.Config) { c.ListenURL = "postgres://u:hunter2@h:port/db" },
		`TASKSYNC_FEED "x" is not one of [auto notify wal poll]`:  func(c *daemon.Config) { c.Feed = "x" },
		`TASKSYNC_CLIPS "x" is not one of [write update]`:         func(c *daemon.Config) { c.Clips = "x" },
		`TASKSYNC_PACE "x" is not one of [frugal balanced eager]`: func(c *daemon.Config) { c.Pace = "x" },
		"TASKSYNC_FEED_POLL_INTERVAL 1ms is under 10ms":           func(c *daemon.Config) { c.FeedPollInterval = time.Millisecond },
		"TASKSYNC_SLOT_LIMIT 1 is under 16MiB":                    func(c *daemon.Config) { c.SlotLimit = 1 },
		"TASKSYNC_TIMEOUT 1ms is under a second":                  func(c *daemon.Config) { c.Timeout = time.Millisecond },
		"TASKSYNC_GRACE 1ms is under a second":                    func(c *daemon.Config) { c.Grace = time.Millisecond },
		`TASKSYNC_LATE "x" is not one of [event complete off]`:    func(c *daemon.Config) { c.Late = "x" },
		"TASKSYNC_POLL_INTERVAL 1ms is under 50ms":                func(c *daemon.Config) { c.PollInterval = time.Millisecond },
		"TASKSYNC_API_KEY is not set; give the key of your sunoapi account, or TASKSYNC_API_KEY_FILE with a file that holds it":     func(c *daemon.Config) { c.Providers[0].APIKey = "" },
		"TASKSYNC_API_KEY holds a space, a control or a non-ASCII character; copy the key of your sunoapi account anew":             func(c *daemon.Config) { c.Providers[0].APIKey = "the key of" },
		"TASKSYNC_KIE_API_KEY is not set; give the key of your kie account, or TASKSYNC_KIE_API_KEY_FILE with a file that holds it": func(c *daemon.Config) { c.Providers[1].APIKey = "" },
		"TASKSYNC_SUNOPROXY_API_URL is not set; give the address of your sunoproxy server, without /suno":                           func(c *daemon.Config) { c.Providers[2].APIURL = "" },
		"TASKSYNC_RATE_LIMIT -1/1s is not a rate limit":                                                                             func(c *daemon.Config) { c.Providers[0].RateLimit = &upstream.Rate{Requests: -1, Window: time.Second} },
		"TASKSYNC_KIE_RATE_LIMIT 1/0s is not a rate limit":                                                                          func(c *daemon.Config) { c.Providers[1].RateLimit = &upstream.Rate{Requests: 1} },
		`TASKSYNC_PROVIDER "acme" is not one of sunoapi, kie, sunoproxy, acedata, sunoclips`:                                        func(c *daemon.Config) { c.Providers[1].Provider = named("acme") },
		`TASKSYNC_PROVIDER "a/b" is not one of sunoapi, kie`:                                                                        func(c *daemon.Config) { c.Providers[0].Provider = named("a/b") },
		"TASKSYNC_JWT_SECRET is shorter than 16 bytes":                                                                              func(c *daemon.Config) { c.API.JWTSecret = "hunter2" },
		"TASKSYNC_JWKS_URL is not an absolute":                                                                                      func(c *daemon.Config) { c.API.JWKSURL = "hunter2" },
		"TASKSYNC_CORS_ORIGINS: ":                                                                                                   func(c *daemon.Config) { c.API.CORSOrigins = []string{"app.example"} },
		"TASKSYNC_WEBHOOK_TOKEN has a token":                                                                                        func(c *daemon.Config) { c.API.WebhookTokens = []string{"hunter2"} },
	} {
		cfg := good()
		change(&cfg)
		err := asUsage(daemon.Run(t.Context(), cfg))
		usage, ok := errors.AsType[usageError](err)
		require.True(t, ok, want)
		require.True(t, strings.HasPrefix(usage.Error(), "configuration: "+want), usage.Error())
		require.NotContains(t, usage.Error(), "hunter2")
		require.NotContains(t, usage.Error(), "Providers[")
	}
}

func TestAddressIsTaken(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	cfg := daemon.Config{DatabaseURL: "postgres://u@127.0.0.1:1/app", ListenAddr: l.Addr().String(), Providers: []daemon.Provider{{Provider: named("kie"), APIKey: "k"}}}
	err = asUsage(daemon.Run(t.Context(), cfg))
	require.ErrorContains(t, err, "serve HTTP: listen tcp "+l.Addr().String())
	require.ErrorContains(t, err, "; choose another address with TASKSYNC_LISTEN_ADDR")
	_, usage := errors.AsType[usageError](err)
	require.False(t, usage, "another process may leave it")

	cfg.ListenAddr, cfg.AdminAddr = "127.0.0.1:0", l.Addr().String()
	err = asUsage(daemon.Run(t.Context(), cfg))
	require.ErrorContains(t, err, "serve metrics and health: listen tcp "+l.Addr().String())
	require.ErrorContains(t, err, "; choose another address with TASKSYNC_ADMIN_ADDR")
}
