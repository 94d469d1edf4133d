package cdn

import (
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
	errBadTarget  = errors.New("the URL leads to no public address")
	errNotAllowed = errors.New("the address is not public")
)

// addressGuard keeps probes away from addresses that are not public: loopback,
// private networks, cloud metadata services.
type addressGuard struct{ allow []netip.Prefix }

// transport uses no proxy. An idle connection that it uses again was checked when
// it was made.
func (g addressGuard) transport(timeout time.Duration) *http.Transport {
	dialer := net.Dialer{Timeout: timeout, Control: g.control}
	return &http.Transport{
		DialContext:            dialer.DialContext,
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
func (g addressGuard) control(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !g.allowed(at.Addr()) {
		return errNotAllowed
	}
	return nil
}

func (g addressGuard) redirect(req *http.Request, via []*http.Request) error {
	if len(via) > 3 {
		return http.ErrUseLastResponse
	}
	if !g.goodURL(req.URL) {
		return errBadTarget
	}
	return nil
}

// goodURL checks what can be checked without resolving a name.
func (g addressGuard) goodURL(u *url.URL) bool {
	host := u.Hostname()
	if (u.Scheme != "http" && u.Scheme != "https") || host == "" || u.User != nil {
		return false
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err != nil || g.allowed(ip)
}

func (g addressGuard) allowed(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	if contains(g.allow, ip) {
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
func Public(ip netip.Addr) bool { return addressGuard{}.allowed(ip) }

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
