package daemon

import (
	"net"
	"time"
)

// goneAfter is for how long the other end of a direct connection may not answer,
// be it to what was sent or to the system's own question, before the connection
// counts as dead. The feed gives a statement on its session as long.
const goneAfter = 2 * time.Second

// dialer has the system find out about connections that are half open. The feed's
// session would notice by itself, but a reader of the WAL cannot tell a server
// that is gone from one that is at work on a large transaction; the system can.
func dialer() *net.Dialer {
	return &net.Dialer{Control: giveUp, KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: time.Second, Interval: time.Second, Count: int(goneAfter / time.Second),
	}}
}
