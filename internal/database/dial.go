package database

import (
	"net"
	"time"
)

// goneAfter is how long the other end of a direct connection may leave data or a
// keepalive unacknowledged before the connection counts as dead. The feed gives a
// statement on its session the same time.
const goneAfter = 2 * time.Second

// dialer has the system detect connections that are half open. The feed's session
// would notice by itself, but a reader of the WAL cannot tell a server that is
// gone from one that is at work on a large transaction; the system can.
func dialer() *net.Dialer {
	return &net.Dialer{Control: setUserTimeout, KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: time.Second, Interval: time.Second, Count: int(goneAfter / time.Second),
	}}
}
