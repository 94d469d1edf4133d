package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// makeCache makes dir and the missing folders above it, and checks that dir can be trusted.
func makeCache(dir string, a account) error {
	if err := makeFolders(dir, a); err != nil {
		return err
	}
	return trusted(dir)
}

// makeFolders is os.MkdirAll for folders that the account can enter, whatever the umask.
func makeFolders(dir string, a account) error {
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := makeFolders(filepath.Dir(dir), a); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); errors.Is(err, os.ErrExist) {
		return nil // another process made it
	} else if err != nil {
		return err
	}
	if !a.other {
		return nil
	}
	return os.Chmod(dir, 0o755)
}

// trusted returns an error unless dir is a folder to which only this process's user can write:
// programs in dir are run.
func trusted(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok || int(owner.Uid) != os.Geteuid() || info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("%s is not a folder that only this user can write to: remove it", dir)
	}
	return nil
}

// inspectCached is inspect for a package in a cache. A damaged package (a cleaner of old files may
// have been there) is moved out of the way of the next download.
func inspectCached(ctx context.Context, cache string, pin packagePin, a account) (binaries, error) {
	if _, err := os.Stat(pin.dir(cache)); err != nil {
		return binaries{}, err
	}
	b, err := inspect(ctx, pin.binDir(cache), a)
	_, exited := errors.AsType[*exec.ExitError](err)
	if damaged := errors.Is(err, os.ErrNotExist) || exited; !damaged || ctx.Err() != nil {
		return b, err
	}
	return b, errors.Join(err, discard(cache, pin.dir(cache)))
}

// discard removes dir, a folder in cache, atomically.
func discard(cache, dir string) error {
	trash, err := os.MkdirTemp(cache, ".damaged-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(trash)
	return os.Rename(dir, filepath.Join(trash, "package"))
}
