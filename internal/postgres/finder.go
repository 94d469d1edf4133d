package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
)

// nextStep ends the error of a search without a result.
const nextStep = "install Postgres, or set PG_BIN to a folder with initdb and postgres"

// A finder finds binaries. Tests replace its fields.
type finder struct {
	explicit  string                         // PG_BIN
	installed func(context.Context) []string // folders to inspect
	caches    func(account) []string         // folders for downloads; the first usable one is used
	packages  []packagePin
	platform  string // in the spelling of the packages
	registry  string
}

func machineFinder() *finder {
	return &finder{
		explicit:  os.Getenv("PG_BIN"),
		installed: installed,
		caches:    cacheDirs,
		packages:  pins,
		platform:  platform(),
		registry:  registry(),
	}
}

func platform() string {
	arch := runtime.GOARCH
	if arch == "amd64" {
		arch = "x64"
	}
	return runtime.GOOS + "-" + arch
}

// cacheDirs returns the folders for downloads. For root it is not below its home, which the account
// of Postgres cannot enter. The last one may be in a folder that every user can write to: see trusted.
func cacheDirs(a account) []string {
	var dirs []string
	if a.other {
		dirs = append(dirs, "/var/cache/tasksync/postgres")
	} else if dir, err := os.UserCacheDir(); err == nil {
		dirs = append(dirs, filepath.Join(dir, "tasksync", "postgres"))
	}
	return append(dirs, filepath.Join(os.TempDir(), "tasksync-postgres-cache-"+strconv.Itoa(os.Geteuid())))
}

// find returns binaries of cfg.Version that the account can run: from PG_BIN, which must be usable,
// else from an installed Postgres, else from a cache, else from a download.
func (f *finder) find(ctx context.Context, cfg Config, a account) (binaries, error) {
	if f.explicit != "" {
		b, err := inspect(ctx, f.explicit, a)
		if err != nil {
			return b, fmt.Errorf("PG_BIN must be a folder with initdb and postgres: %w", err)
		}
		if b.check(cfg.Version) == nil {
			return b, nil
		}
	}
	for _, dir := range f.installed(ctx) {
		if b, err := inspect(ctx, dir, a); err == nil && b.check(cfg.Version) == nil {
			return b, nil
		}
	}
	if ctx.Err() != nil {
		return binaries{}, context.Cause(ctx) // inspect fails for that reason
	}
	b, err := f.findPackage(ctx, cfg, a)
	if err != nil {
		return b, fmt.Errorf("no usable Postgres on this machine, and: %w; %s", err, nextStep)
	}
	return b, nil
}

// findPackage returns the binaries of a package, from a cache or a download.
func (f *finder) findPackage(ctx context.Context, cfg Config, a account) (binaries, error) {
	pin, err := f.pick(cfg.Version)
	if err != nil {
		return binaries{}, err
	}
	for _, cache := range f.caches(a) {
		if trusted(cache) != nil {
			continue
		}
		if b, err := inspectCached(ctx, cache, pin, a); err == nil {
			return b, nil
		}
	}
	cache, err := f.openCache(ctx, a)
	if err != nil {
		return binaries{}, err
	}
	cfg.Progress("Downloading Postgres " + pin.major() + " to " + cache)
	if err := f.install(ctx, cache, pin); err != nil {
		return binaries{}, err
	}
	return inspect(ctx, pin.binDir(cache), a)
}

// pick returns this platform's package of a major version, or the newest one if major is "".
func (f *finder) pick(major string) (packagePin, error) {
	for _, p := range f.packages {
		if p.platform == f.platform && (major == "" || p.major() == major) {
			return p, nil
		}
	}
	if major == "" {
		return packagePin{}, fmt.Errorf("there is no Postgres to download for %s", f.platform)
	}
	return packagePin{}, fmt.Errorf("there is no Postgres %s to download for %s", major, f.platform)
}

// openCache makes the first cache folder that is trusted and that the account can enter.
func (f *finder) openCache(ctx context.Context, a account) (string, error) {
	var errs []error
	for _, dir := range f.caches(a) {
		err := makeCache(dir, a)
		if err == nil && !a.reaches(ctx, dir) {
			err = fmt.Errorf("%s cannot enter %s", a, dir)
		}
		if err == nil {
			return dir, nil
		}
		errs = append(errs, err)
	}
	return "", fmt.Errorf("no folder to download to: %w", errors.Join(errs...))
}
