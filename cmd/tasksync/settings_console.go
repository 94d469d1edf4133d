package main

import (
	"fmt"
	"net/netip"

	"tasksync/daemon"
)

// consoleFlags say who sees the operator's page, and what it may do.
type consoleFlags struct {
	ConsolePassword string   `env:"TASKSYNC_CONSOLE_PASSWORD" placeholder:"TEXT" help:"Password of the operator's page at /console on the admin address; at least 12 characters (default: the page is off). Prefer the environment: flags show in process lists." group:"console"`
	ConsoleHeader   string   `name:"console-proxy-header" env:"TASKSYNC_CONSOLE_PROXY_HEADER" placeholder:"NAME" help:"Header in which a proxy that has signed people in says who asks, like X-Forwarded-User; then the page needs no password from them." group:"console"`
	ConsoleProxies  []string `env:"TASKSYNC_CONSOLE_PROXIES" placeholder:"CIDR" help:"Addresses of that proxy, like 10.0.0.0/8 (default: loopback)." group:"console"`
	ConsoleActions  bool     `env:"TASKSYNC_CONSOLE_ACTIONS" help:"Let the page retry rows, pause providers and change jobs (default: it only reads)." group:"console"`
}

func (f consoleFlags) console() (daemon.Console, error) {
	c := daemon.Console{Password: f.ConsolePassword, ProxyHeader: f.ConsoleHeader, Actions: f.ConsoleActions}
	for _, text := range f.ConsoleProxies {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			one, failed := netip.ParseAddr(text)
			if failed != nil {
				return c, usageError{fmt.Errorf("TASKSYNC_CONSOLE_PROXIES: %q is no address or range, like 10.0.0.0/8", text)}
			}
			p = netip.PrefixFrom(one, one.BitLen())
		}
		c.Proxies = append(c.Proxies, p)
	}
	return c, nil
}
