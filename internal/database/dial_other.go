//go:build !linux

package database

import (
	"syscall"
	"time"
)

// userTimeout exists on Linux only; elsewhere the keepalives must do.
func userTimeout(time.Duration) func(network, addr string, conn syscall.RawConn) error { return nil }
