package postgres

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

//go:embed watchdog.sh
var watchdogScript string

// A watchdog is a shell that outlives this process only to clean up. It runs as the same user, so
// it has the same permissions. Its methods return no errors: if the watchdog was killed, there is
// nothing to be done about it.
type watchdog struct {
	cmd  *exec.Cmd
	mu   sync.Mutex
	pipe *os.File // wakes the watchdog when it is closed, by dismiss or by the end of this process
}

func startWatchdog() (*watchdog, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	cmd := exec.Command("/bin/sh", "-c", watchdogScript, "tasksync-postgres-watchdog")
	cmd.Dir = "/"
	cmd.Stdin = r
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		w.Close()
		return nil, fmt.Errorf("start watchdog: %w", err)
	}
	return &watchdog{cmd: cmd, pipe: w}, nil
}

// remove has the watchdog remove dir in the end.
func (w *watchdog) remove(dir string) { w.tell("dir " + dir) }

// guard has the watchdog stop process pid in the end, and no other; 0: none.
func (w *watchdog) guard(pid int) {
	if pid == 0 {
		w.tell("pid")
		return
	}
	w.tell(fmt.Sprint("pid ", pid))
}

// dismiss ends the watchdog without a clean-up, and waits for it. Call it once.
func (w *watchdog) dismiss() {
	w.tell("done")
	w.pipe.Close()
	_ = w.cmd.Wait()
}

func (w *watchdog) tell(line string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, _ = fmt.Fprintln(w.pipe, line)
}
