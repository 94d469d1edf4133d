package postgres

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// minMajor is the oldest major version of Postgres that is used.
const minMajor = 14

// binaries is a folder with initdb and postgres that run here.
type binaries struct {
	dir     string
	version string // "15.18"
}

func (b binaries) path(name string) string { return filepath.Join(b.dir, name) }

func (b binaries) major() string {
	major, _, _ := strings.Cut(b.version, ".")
	return major
}

// check returns an error if the version is not the wanted one ("": any) or too old.
func (b binaries) check(wanted string) error {
	if wanted != "" && b.major() != wanted {
		return fmt.Errorf("%s has Postgres %s, not %s", b.dir, b.version, wanted)
	}
	if n, err := strconv.Atoi(b.major()); err != nil || n < minMajor {
		return fmt.Errorf("%s has Postgres %s, older than %d", b.dir, b.version, minMajor)
	}
	return nil
}

var versionOutput = regexp.MustCompile(`\(PostgreSQL\) (\d+(?:\.\d+)*)`)

// inspect runs the programs in dir as the account, which proves that they run.
func inspect(ctx context.Context, dir string, a account) (binaries, error) {
	b := binaries{dir: dir}
	for _, name := range []string{"initdb", "postgres"} {
		out, err := a.command(ctx, b.path(name), "--version").Output()
		if err != nil {
			return b, fmt.Errorf("run %s as %s: %w", b.path(name), a, err)
		}
		found := versionOutput.FindSubmatch(out)
		if found == nil {
			return b, fmt.Errorf("%s --version says %q", b.path(name), out)
		}
		b.version = string(found[1])
	}
	return b, nil
}

// installed returns the folders in which Postgres may be installed on this machine, best first.
func installed(ctx context.Context) []string {
	var dirs []string
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		// Packages put links on the PATH, to the folder that holds both programs.
		if target, err := filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(target))
		}
		dirs = append(dirs, filepath.Dir(path))
	}
	return append(dirs, packaged()...)
}

// packaged returns the folders of distribution packages, the newest major version first.
func packaged() []string {
	var dirs []string
	for major := newestPinned() + 2; major >= minMajor; major-- {
		for _, pattern := range []string{
			"/usr/lib/postgresql/%d/bin",          // Debian
			"/usr/pgsql-%d/bin",                   // Red Hat
			"/opt/homebrew/opt/postgresql@%d/bin", // Homebrew
			"/usr/local/opt/postgresql@%d/bin",    // Homebrew on Intel
			"/usr/libexec/postgresql%d",           // Alpine
		} {
			dirs = append(dirs, fmt.Sprintf(pattern, major))
		}
	}
	return dirs
}
