// Package outbound makes HTTP clients for URLs that come from outside: they connect to
// public addresses only, whatever a name resolves to and wherever a redirect leads.
package outbound

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
)

var (
	// ErrBadTarget is wrapped by the errors of clients for URLs that must not be
	// requested, as far as the URL itself tells.
	ErrBadTarget = errors.New("the URL leads to no public address")
	// ErrNotAllowed is wrapped by the errors of clients for names that resolve to an
	// address that is not public.
	ErrNotAllowed = errors.New("the address is not public")
)

// Guard keeps requests away from addresses that are not public: loopback, private
// networks, cloud metadata services.
type Guard struct {
	// Allow lists addresses that may be asked although they are not public.
	Allow []netip.Prefix
	// Hosts lists servers, as host:port, that may be asked although they are not
	// public: those that the operator has configured. A redirect leads there only from
	// one of them.
	Hosts []string
}

// Client returns a client that follows redirects, and is guarded by g. timeout bounds the
// dialing. It uses no proxy, since a proxy would resolve names unchecked.
func (g Guard) Client(timeout time.Duration) *http.Client {
	return &http.Client{Transport: g.transport(timeout), CheckRedirect: g.redirect}
}

// transport uses no proxy. An idle connection that it uses again was checked when
// it was made.
func (g Guard) transport(timeout time.Duration) *http.Transport {
	guarded := net.Dialer{Timeout: timeout, Control: g.control}
	plain := net.Dialer{Timeout: timeout}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if g.configured(address) {
				return plain.DialContext(ctx, network, address)
			}
			return guarded.DialContext(ctx, network, address)
		},
		DisableCompression:     true,
		MaxIdleConnsPerHost:    4,
		IdleConnTimeout:        30 * time.Second,
		ForceAttemptHTTP2:      true,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// control checks the address that a name was resolved to, right before the
// connection, so that a name which resolves differently the second time gains
// nothing.
func (g Guard) control(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !g.allowed(at.Addr()) {
		return ErrNotAllowed
	}
	return nil
}

func (g Guard) redirect(req *http.Request, via []*http.Request) error {
	if len(via) > 3 {
		return http.ErrUseLastResponse
	}
	if !g.GoodURL(req.URL) || g.configured(hostPort(req.URL)) && !g.configured(hostPort(via[0].URL)) {
		return ErrBadTarget
	}
	return nil
}

// configured reports whether address, a host:port, is one of Hosts.
func (g Guard) configured(address string) bool {
	return slices.ContainsFunc(g.Hosts, func(h string) bool { return strings.EqualFold(h, address) })
}

// hostPort returns the host:port that a request for u connects to.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// HostOf returns the entry of Hosts for a base URL; "" if it is no URL with a host.
func HostOf(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil || u.Hostname() == "" {
		return ""
	}
	return hostPort(u)
}

// GoodURL checks what can be checked of a URL without resolving a name.
func (g Guard) GoodURL(u *url.URL) bool {
	host := u.Hostname()
	if (u.Scheme != "http" && u.Scheme != "https") || host == "" || u.User != nil {
		return false
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err != nil || g.allowed(ip) || g.configured(hostPort(u))
}

func (g Guard) allowed(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	if contains(g.Allow, ip) {
		return true
	}
	if nat64.Contains(ip) { // check the IPv4 address in it
		b := ip.As16()
		ip = netip.AddrFrom4([4]byte(b[12:]))
	}
	return ip.IsGlobalUnicast() && !ip.IsPrivate() && !contains(notPublic, ip)
}

// Public reports whether ip is an address of the internet: none of a private network, of
// the machine itself or of another special purpose.
func Public(ip netip.Addr) bool { return Guard{}.allowed(ip) }

func contains(prefixes []netip.Prefix, ip netip.Addr) bool {
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(ip) })
}

var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// notPublic holds the blocks of the IANA special-purpose registries for which
// [netip.Addr] has no method.
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"), // carrier-grade NAT
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("192.88.99.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("::/96"), // IPv4-compatible
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("2001::/23"), // Teredo and others
	netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("2002::/16"), // 6to4
	netip.MustParsePrefix("3fff::/20"),
	netip.MustParsePrefix("5f00::/16"),
	netip.MustParsePrefix("fec0::/10"),
}
