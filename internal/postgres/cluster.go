package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A cluster is a folder with the data of one Postgres:
//
//	data/            made by initdb; the account owns it
//	password         of the superuser; the account may read it
//	postgresql.conf  written anew by every Start
//	log              the output of initdb and postgres
//
// This process's user owns the folder itself: root must not write to a folder in which another
// user can plant links.
type cluster struct {
	dir      string
	temp     bool // Stop removes dir
	account  account
	password string
}

// makeCluster makes or opens the folder. The watchdog learns of a temporary folder.
func makeCluster(ctx context.Context, cfg Config, a account, w *watchdog) (*cluster, error) {
	c := &cluster{dir: cfg.Dir, account: a}
	if cfg.Dir == "" {
		return c, c.makeTemp(ctx, cfg.tempDirs, w)
	}
	return c, c.makeDir(ctx)
}

// makeTemp makes a folder in the first of parents where the account can enter it.
func (c *cluster) makeTemp(ctx context.Context, parents []string, w *watchdog) error {
	var errs []error
	for _, parent := range parents {
		dir, err := os.MkdirTemp(parent, "tasksync-postgres-")
		if err != nil {
			errs = append(errs, err)
			continue
		}
		w.remove(dir)
		c.dir, c.temp = dir, true
		if err := os.Chmod(dir, c.account.folderMode()); err != nil {
			return err
		}
		if c.account.reaches(ctx, dir) {
			return nil
		}
		errs = append(errs, fmt.Errorf("%s cannot enter %s", c.account, parent))
		if err := os.Remove(dir); err != nil {
			return err
		}
	}
	return fmt.Errorf("no temporary folder (set TMPDIR to one that %s can enter): %w", c.account, errors.Join(errs...))
}

func (c *cluster) makeDir(ctx context.Context) error {
	_, err := os.Stat(c.dir)
	missing := errors.Is(err, os.ErrNotExist)
	if err := os.MkdirAll(c.dir, c.account.folderMode()); err != nil {
		return fmt.Errorf("Dir: %w", err)
	}
	if missing {
		if err := os.Chmod(c.dir, c.account.folderMode()); err != nil {
			return fmt.Errorf("Dir: %w", err)
		}
	}
	if !c.account.reaches(ctx, c.dir) {
		return fmt.Errorf("Dir: Postgres runs as %s, which cannot enter %s: choose another folder", c.account, c.dir)
	}
	return nil
}

func (c *cluster) path(name string) string { return filepath.Join(c.dir, name) }

// init makes the data, unless it exists, and the password, or reads it.
func (c *cluster) init(ctx context.Context, bin binaries, cfg Config, w *watchdog) error {
	if _, err := os.Stat(c.path("data")); err == nil {
		return c.readPassword()
	}
	cfg.Progress("Creating a Postgres " + bin.version + " database")
	if err := c.makePassword(); err != nil {
		return err
	}
	// The folder has another name until it is complete: the data of an interrupted initdb is useless.
	data := c.path("data.new")
	if err := os.RemoveAll(data); err != nil {
		return err
	}
	if err := os.Mkdir(data, 0o700); err != nil {
		return err
	}
	if err := c.account.own(data); err != nil {
		return err
	}
	if err := c.initdb(ctx, bin, data, cfg.Durable, w); err != nil {
		return err
	}
	return os.Rename(data, c.path("data"))
}

func (c *cluster) initdb(ctx context.Context, bin binaries, data string, durable bool, w *watchdog) error {
	args := []string{
		"--pgdata", data, "--username", superuser, "--pwfile", c.path("password"), "--auth", "scram-sha-256",
		"--encoding", "UTF8", "--locale", "C", "--no-instructions",
	}
	if !durable {
		args = append(args, "--no-sync")
	}
	cmd := c.account.command(ctx, bin.path("initdb"), args...)
	if err := c.startLogged(cmd); err != nil {
		return fmt.Errorf("initdb: %w", err)
	}
	w.guard(cmd.Process.Pid)
	err := cmd.Wait()
	w.guard(0)
	if ctx.Err() != nil {
		return fmt.Errorf("initdb: %w", context.Cause(ctx))
	}
	if err != nil {
		return fmt.Errorf("initdb: %w%s", err, c.logTail())
	}
	return nil
}

// startLogged starts cmd, whose output is appended to the log file.
func (c *cluster) startLogged(cmd *exec.Cmd) error {
	log, err := os.OpenFile(c.path("log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	return cmd.Start()
}

func (c *cluster) makePassword() error {
	c.password = rand.Text()
	if err := os.WriteFile(c.path("password"), []byte(c.password+"\n"), 0o600); err != nil {
		return err
	}
	return c.account.own(c.path("password"))
}

func (c *cluster) readPassword() error {
	text, err := os.ReadFile(c.path("password"))
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("Dir: %s holds data of another program: choose another folder", c.dir)
	}
	c.password = strings.TrimSpace(string(text))
	return err
}

// configure writes postgresql.conf.
func (c *cluster) configure(settings map[string]string) error {
	quote := strings.NewReplacer(`'`, `''`, `\`, `\\`, "\n", `\n`)
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&text, "%s = '%s'\n", name, quote.Replace(settings[name]))
	}
	path := c.path("postgresql.conf")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		return err
	}
	return c.account.own(path)
}

// logTail returns the last lines of the log, as the end of an error message.
func (c *cluster) logTail() string {
	const lines = 15
	text, err := os.ReadFile(c.path("log"))
	if err != nil {
		return ""
	}
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	return "; its log ends:\n" + strings.Join(all[max(0, len(all)-lines):], "\n")
}

// remove removes a temporary folder. It tries more than once, because processes of a killed
// Postgres may still write there for a moment.
func (c *cluster) remove() error {
	if !c.temp {
		return nil
	}
	var err error
	for range 20 {
		if err = os.RemoveAll(c.dir); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}
