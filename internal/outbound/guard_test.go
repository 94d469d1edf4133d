package outbound

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A server that the operator has configured may be private. Nobody else may send requests
// there.
func TestConfiguredHostsAreAskedOnlyDirectly(t *testing.T) {
	t.Parallel()
	inside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "/here", http.StatusFound)
		}
	}))
	t.Cleanup(inside.Close)
	outside := httptest.NewServer(http.RedirectHandler(inside.URL+"/here", http.StatusFound))
	t.Cleanup(outside.Close)
	g := Guard{Allow: []netip.Prefix{netip.MustParsePrefix("::1/128")}, Hosts: []string{HostOf(inside.URL)}}
	client := g.Client(time.Second)
	t.Cleanup(client.CloseIdleConnections)
	for _, path := range []string{"/here", "/moved"} {
		resp, err := client.Get(inside.URL + path)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
	}
	_, err := client.Get(outside.URL)
	require.ErrorIs(t, err, ErrNotAllowed, "another server of this machine")
	to, _ := http.NewRequest(http.MethodGet, inside.URL, http.NoBody)
	from, _ := http.NewRequest(http.MethodGet, "https://example.com", http.NoBody)
	require.ErrorIs(t, g.redirect(to, []*http.Request{from}), ErrBadTarget)
	require.NoError(t, g.redirect(to, []*http.Request{to}))
	require.Equal(t, "example.com:443", HostOf("https://example.com/v1"))
	require.Empty(t, HostOf(strings.Repeat("%", 3)))
}

func TestPublicAddresses(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]bool{
		"1.1.1.1": true, "104.16.0.1": true, "2606:4700::1111": true, "64:ff9b::101:101": true, "172.15.0.1": true, "172.32.0.1": true,
		"127.0.0.1": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false,
		"100.64.0.1": false, "0.0.0.0": false, "0.1.2.3": false, "224.0.0.1": false, "255.255.255.255": false, "240.0.0.1": false,
		"198.18.0.1": false, "192.0.2.1": false, "203.0.113.9": false, "198.51.100.1": false,
		"::": false, "::1": false, "::7f00:1": false, "::ffff:10.0.0.1": false, "::ffff:1.1.1.1": true, "fe80::1": false, "fc00::1": false,
		"fd12::1": false, "ff02::1": false, "fec0::1": false, "64:ff9b::7f00:1": false, "64:ff9b::a00:1": false,
		"64:ff9b:1::1": false, "2002:7f00:1::": false, "2001::1": false, "2001:db8::1": false,
	} {
		require.Equal(t, want, Guard{}.allowed(netip.MustParseAddr(addr)), addr)
	}
	require.Error(t, Guard{}.control("tcp4", "not an address", nil))
	require.True(t, Guard{}.GoodURL(&url.URL{Scheme: "https", Host: "cdn1.suno.ai"}))
}
