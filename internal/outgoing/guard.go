package outgoing

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

	"tasksync/internal/outbound"
)

var errRefusedAddress = errors.New("the address that the name resolves to is refused")

// The operator gives the URL, so that a server beside the daemon, which has a private
// address, is a receiver like any other. What the operator cannot want is refused, when the
// connection is made, whatever the name resolves to: link-local addresses, where clouds
// have their metadata services, and a loopback address behind a name of the internet.

// allowed reports whether something may be sent to ip for a URL with that host.
func allowed(host string, ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	switch {
	case slices.Contains(metadata, ip):
		return false
	case ip.IsLoopback():
		return local(host)
	default:
		return outbound.Public(ip) || ip.IsPrivate() || sharedSpace.Contains(ip)
	}
}

// sharedSpace is what providers of private networks use like private addresses.
var sharedSpace = netip.MustParsePrefix("100.64.0.0/10") //nolint:gochecknoglobals // a constant

// metadata holds the metadata services that are not at link-local addresses.
var metadata = []netip.Addr{ //nolint:gochecknoglobals // a constant table
	netip.MustParseAddr("fd00:ec2::254"), netip.MustParseAddr("100.100.100.200"), netip.MustParseAddr("168.63.129.16"),
}

// local reports whether host is an address or a name that has no meaning on the internet.
func local(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	name := strings.TrimSuffix(strings.ToLower(host), ".")
	return !strings.Contains(name, ".") || slices.ContainsFunc([]string{".localhost", ".local", ".internal", ".lan", ".home.arpa", ".test"}, func(suffix string) bool {
		return strings.HasSuffix(name, suffix)
	})
}

// dialer returns a dial function that keeps to allowed, but for the hosts of proxies,
// which the environment names.
func dialer(proxies []string) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		d := net.Dialer{Timeout: dialTimeout}
		if !slices.Contains(proxies, host) {
			d.Control = func(_, resolved string, _ syscall.RawConn) error {
				if at, err := netip.ParseAddrPort(resolved); err != nil || !allowed(host, at.Addr()) {
					return errRefusedAddress
				}
				return nil
			}
		}
		return d.DialContext(ctx, network, address)
	}
}

// proxiesOf returns the hosts of the proxies that lead to the receivers.
func proxiesOf(receivers []Receiver) (hosts []string) {
	for _, r := range receivers {
		u, err := url.Parse(r.url)
		if err != nil {
			continue // NewReceiver has parsed it
		}
		if proxy, err := http.ProxyFromEnvironment(&http.Request{URL: u}); err == nil && proxy != nil {
			hosts = append(hosts, proxy.Hostname())
		}
	}
	return hosts
}

const (
	dialTimeout = 5 * time.Second
	// sendTimeout bounds one attempt.
	sendTimeout = 15 * time.Second
)

// newClient makes the HTTP client of all receivers. It follows no redirect: a signed body
// goes where the operator has said, or nowhere.
func newClient(receivers []Receiver) *http.Client {
	return &http.Client{
		Timeout:       sendTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            dialer(proxiesOf(receivers)),
			ForceAttemptHTTP2:      true,
			DisableCompression:     true,
			MaxIdleConnsPerHost:    receiverWorkers,
			IdleConnTimeout:        30 * time.Second,
			TLSHandshakeTimeout:    dialTimeout,
			MaxResponseHeaderBytes: 64 << 10,
		},
	}
}
