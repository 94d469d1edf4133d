//go:build !linux

package database

import "syscall"

// setUserTimeout exists on Linux only; elsewhere the keepalives must do.
func setUserTimeout(_, _ string, _ syscall.RawConn) error { return nil }
