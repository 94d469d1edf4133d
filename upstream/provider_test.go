package upstream

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestProviderDefaults(t *testing.T) {
	t.Parallel()
	p := Provider{
		Name: "p", BaseURL: "https://api.example",
		Limits: Limits{Batch: 50, Requests: 20, Window: 10 * time.Second, MinInterval: time.Second},
	}
	for name, tc := range map[string]struct {
		requests     int
		window       time.Duration
		wantRequests int
		wantWindow   time.Duration
	}{
		"the provider's own":             {0, 0, 20, 10 * time.Second},
		"its own number in another span": {0, time.Minute, 20, time.Minute},
		"none":                           {-1, 0, 0, 0},
		"another":                        {3, time.Hour, 3, time.Hour},
	} {
		c, limits, err := p.Open(Config{Provider: "q", APIKey: "k", Requests: tc.requests, Window: tc.window})
		require.NoError(t, err, name)
		require.Equal(t, Limits{Batch: 50, Requests: tc.wantRequests, Window: tc.wantWindow, MinInterval: time.Second}, limits, name)
		require.Equal(t, tc.wantRequests, c.gate.queue.Limit(), name)
		require.Equal(t, "p", c.pause.provider, name)
		require.Equal(t, "api.example", c.base.Host, name)
	}
	c, _, err := p.Open(Config{APIKey: "k", BaseURL: "https://other.example"})
	require.NoError(t, err)
	require.Equal(t, "other.example", c.base.Host)
}

func TestProviderNamesTheWrongField(t *testing.T) {
	t.Parallel()
	for field, tc := range map[string]struct {
		provider Provider
		cfg      Config
	}{
		"APIKey: required":  {Provider{Name: "p", BaseURL: "https://h"}, Config{}},
		"BaseURL: required": {Provider{Name: "p", Keyless: true}, Config{}},
		"BaseURL: not":      {Provider{Name: "p", BaseURL: "https://h"}, Config{APIKey: "k", BaseURL: "api"}},
		"Provider: ":        {Provider{}, Config{Provider: "p", APIKey: "k"}},
	} {
		_, _, err := tc.provider.Open(tc.cfg)
		require.ErrorContains(t, err, field)
	}
	_, _, err := Provider{Name: "p", BaseURL: "https://h", Keyless: true}.Open(Config{})
	require.NoError(t, err)
}
