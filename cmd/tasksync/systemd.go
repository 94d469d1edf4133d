package main

import (
	"context"
	"net/http"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"tasksync/internal/wait"
)

// supervise tells systemd, if it is there (NOTIFY_SOCKET), that the daemon works; and, if
// the unit has a WatchdogSec, again and again while /healthz at addr answers: a process
// that hangs is restarted. When ctx ends it says that the daemon stops by intention.
func supervise(ctx context.Context, addr string) {
	tell := func(state string) { _, _ = daemon.SdNotify(false, state) } // without systemd it does nothing
	tell(daemon.SdNotifyReady)
	defer tell(daemon.SdNotifyStopping)
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil || interval == 0 {
		<-ctx.Done()
		return
	}
	for wait.For(ctx, interval/3) == nil {
		if healthy(ctx, addr, interval/3) {
			tell(daemon.SdNotifyWatchdog)
		}
	}
}

func healthy(ctx context.Context, addr string, within time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	status, _, err := askAdmin(ctx, addr, "/healthz")
	return err == nil && status == http.StatusOK
}
