package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// An account is the system user that Postgres runs as. The zero value is this process's user.
type account struct {
	name     string
	uid, gid uint32
	other    bool // not this process's user
}

// runAs returns the account to run Postgres as: this process's user, or instead of root, which
// Postgres refuses, an unprivileged user of this machine.
func runAs() (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}
	for _, name := range []string{"postgres", "_postgres", "nobody"} {
		if a, err := lookupAccount(name); err == nil {
			return a, nil
		}
	}
	return account{}, errors.New("Postgres refuses to run as root, and there is no user postgres or nobody: " +
		"add one of them, or run as an ordinary user")
}

func lookupAccount(name string) (account, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return account{}, err
	}
	uid, uidErr := parseID(u.Uid)
	gid, gidErr := parseID(u.Gid)
	return account{name: name, uid: uid, gid: gid, other: true}, errors.Join(uidErr, gidErr)
}

// parseID reads a user or group id. On macOS the id of user nobody is negative.
func parseID(s string) (uint32, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	return uint32(n), err
}

// String names the account in error messages.
func (a account) String() string {
	if !a.other {
		return "this user"
	}
	return fmt.Sprintf("user %q", a.name)
}

// command returns a command that runs as the account, in a session of its own, so that signals
// from a terminal do not reach it. The end of ctx kills the command and its children.
func (a account) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = "/"
	cmd.Env = cleanEnv(os.Environ())
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if a.other {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// cleanEnv drops variables that would change how Postgres behaves. On macOS Postgres needs LC_ALL.
func cleanEnv(environ []string) []string {
	env := []string{"LC_ALL=C", "TZ=UTC"}
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		switch {
		case strings.HasPrefix(name, "PG"), strings.HasPrefix(name, "LC_"), strings.HasPrefix(name, "LANG"):
		case name == "TZ", name == "NOTIFY_SOCKET":
		default:
			env = append(env, entry)
		}
	}
	return env
}

// own makes the account the owner of path.
func (a account) own(path string) error {
	if !a.other {
		return nil
	}
	return os.Chown(path, int(a.uid), int(a.gid))
}

// reaches reports whether the account may enter dir. It tries, because file modes do not say it
// all: there are access lists and mount options.
func (a account) reaches(ctx context.Context, dir string) bool {
	if !a.other {
		return true
	}
	return a.command(ctx, "/bin/sh", "-c", `cd -- "$1"`, "sh", dir).Run() == nil
}

// folderMode returns the mode of a folder that this process owns and the account must enter.
func (a account) folderMode() os.FileMode {
	if a.other {
		return 0o711
	}
	return 0o700
}
