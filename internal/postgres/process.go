package postgres

import (
	"context"
	"errors"
	"os/exec"
	"sync/atomic"
	"syscall"
	"time"
)

// A process is a postmaster that was started. It is reaped when it ends, for whatever reason.
type process struct {
	cmd      *exec.Cmd
	stopping atomic.Bool   // stop was called
	exited   chan struct{} // closed when the process has ended
	err      error         // of its end; read it after exited
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

// fast and immediate are Postgres's shutdown modes: fast ends sessions and writes a checkpoint,
// immediate drops everything and leaves the rest to recovery.
var (
	fast      = []signalStep{{syscall.SIGINT, 10 * time.Second}, {syscall.SIGQUIT, 6 * time.Second}, {syscall.SIGKILL, 5 * time.Second}}
	immediate = fast[1:]
)

// stop sends the signals of steps until the process has ended and has been reaped.
func (p *process) stop(steps []signalStep) error {
	p.stopping.Store(true)
	for _, step := range steps {
		// An error means that the process has ended, and then exited says so.
		_ = p.cmd.Process.Signal(step.signal)
		select {
		case <-p.exited:
			return nil
		case <-time.After(step.wait):
		}
	}
	return errors.New("it survived SIGKILL")
}
