package postgres

import (
	"context"
	"errors"
	"os/exec"
	"sync/atomic"
	"syscall"
	"time"
)

// A process is a postmaster that was started. It is reaped when it ends, whoever ended it.
type process struct {
	cmd      *exec.Cmd
	stopping atomic.Bool   // its end is ours
	exited   chan struct{} // closed when it has ended
	err      error         // how it ended; read it after exited
}

// startProcess starts a postmaster on the cluster, guarded by the watchdog.
func startProcess(c *cluster, bin binaries, w *watchdog) (*process, error) {
	cmd := c.account.command(context.Background(), bin.path("postgres"),
		"-D", c.path("data"), "-c", "config_file="+c.path("postgresql.conf"))
	if err := c.startLogged(cmd); err != nil {
		return nil, err
	}
	w.guard(cmd.Process.Pid)
	p := &process{cmd: cmd, exited: make(chan struct{})}
	go func() {
		defer close(p.exited)
		p.err = cmd.Wait()
		w.guard(0)
	}()
	return p, nil
}

// A signalStep is a signal and how long to wait for its effect.
type signalStep struct {
	signal syscall.Signal
	wait   time.Duration
}

// fast and immediate are Postgres's own words for two ways to shut down: the first ends sessions
// and writes a checkpoint, the second drops everything and leaves it to the recovery.
var (
	fast      = []signalStep{{syscall.SIGINT, 10 * time.Second}, {syscall.SIGQUIT, 6 * time.Second}, {syscall.SIGKILL, 5 * time.Second}}
	immediate = fast[1:]
)

// stop ends the process by the first of steps that does, and returns when it has been reaped.
func (p *process) stop(steps []signalStep) error {
	p.stopping.Store(true)
	for _, step := range steps {
		// An error means that it has ended, and then exited says so.
		_ = p.cmd.Process.Signal(step.signal)
		select {
		case <-p.exited:
			return nil
		case <-time.After(step.wait):
		}
	}
	return errors.New("it survived SIGKILL")
}
