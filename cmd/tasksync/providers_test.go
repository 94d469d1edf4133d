package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/daemon"
)

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
		flags  upstreamFlags
		env    func(string) string
		first  daemon.Provider
		others []daemon.Provider
		err    string
	}{
		"nothing": {upstreamFlags{}, env(), daemon.Provider{Name: "sunoapi"}, nil, ""},
		"one":     {upstreamFlags{Provider: "kie", APIKey: " k ", APIURL: "u"}, env("TASKSYNC_KIE_API_KEY", "not asked for"), daemon.Provider{Name: "kie", APIKey: "k", APIURL: "u"}, nil, ""},
		"file":    {upstreamFlags{APIKeyFile: file}, env(), daemon.Provider{Name: "sunoapi", APIKey: "key-in-a-file"}, nil, ""},
		"two": {
			upstreamFlags{Providers: []string{"kie", "acedata"}},
			env("TASKSYNC_KIE_API_KEY", "a", "TASKSYNC_ACEDATA_API_KEY_FILE", file, "TASKSYNC_ACEDATA_API_URL", "u", "TASKSYNC_ACEDATA_RATE_LIMIT", "2.5"),
			daemon.Provider{Name: "kie", APIKey: "a"},
			[]daemon.Provider{{Name: "acedata", APIKey: "key-in-a-file", APIURL: "u", RateLimit: new(2.5)}},
			"",
		},
		"the default is not the first": {
			upstreamFlags{Provider: "acedata", Providers: []string{"kie", "acedata"}, APIKey: "general"},
			env("TASKSYNC_KIE_API_KEY", "a"),
			daemon.Provider{Name: "acedata", APIKey: "general"},
			[]daemon.Provider{{Name: "kie", APIKey: "a"}},
			"",
		},
		"its own before the general": {
			upstreamFlags{Providers: []string{"kie"}, APIKey: "general"},
			env("TASKSYNC_KIE_API_KEY", "own"),
			daemon.Provider{Name: "kie", APIKey: "own"},
			nil, "",
		},
		"twice":         {upstreamFlags{Providers: []string{"kie", "kie"}}, env(), daemon.Provider{}, nil, "names kie twice"},
		"not among":     {upstreamFlags{Provider: "sunoapi", Providers: []string{"kie"}}, env(), daemon.Provider{}, nil, `"sunoapi" is not among TASKSYNC_PROVIDERS kie`},
		"key and file":  {upstreamFlags{APIKey: "k", APIKeyFile: file}, env(), daemon.Provider{}, nil, "both TASKSYNC_API_KEY and TASKSYNC_API_KEY_FILE"},
		"empty file":    {upstreamFlags{APIKeyFile: empty}, env(), daemon.Provider{}, nil, "is empty"},
		"missing file":  {upstreamFlags{APIKeyFile: empty + "-not"}, env(), daemon.Provider{}, nil, "TASKSYNC_API_KEY_FILE"},
		"bad rate":      {upstreamFlags{Providers: []string{"kie"}}, env("TASKSYNC_KIE_RATE_LIMIT", "many"), daemon.Provider{}, nil, `TASKSYNC_KIE_RATE_LIMIT "many" is not a number`},
		"its own, both": {upstreamFlags{Providers: []string{"kie"}}, env("TASKSYNC_KIE_API_KEY", "k", "TASKSYNC_KIE_API_KEY_FILE", file), daemon.Provider{}, nil, "both TASKSYNC_KIE_API_KEY"},
	} {
		first, others, err := tc.flags.providers(tc.env)
		if tc.err != "" {
			require.ErrorContains(t, err, tc.err, name)
			continue
		}
		require.NoError(t, err, name)
		require.Equal(t, tc.first, first, name)
		require.Equal(t, tc.others, others, name)
	}
}
