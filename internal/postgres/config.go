package postgres

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Config says which Postgres to run and how. The zero value works.
type Config struct {
	// Dir is the folder of the cluster. It is made if it is missing, and used again, with its
	// data, if an earlier Start has made it. Default: a new temporary folder, removed by Stop.
	Dir string

	// Version is a major version, such as "15". Default: the version of the cluster in Dir, else
	// the first version found on this machine, else the newest that can be downloaded.
	Version string

	// Durable keeps committed data through a crash of the machine, as a production server does;
	// benchmarks need it. Default: off. A crash of Postgres alone loses nothing either way.
	Durable bool

	// Settings are further lines of postgresql.conf. They override the package's, except the port.
	Settings map[string]string

	// Progress, unless nil, is called with a few words before each step that takes time.
	Progress func(msg string)

	finder   *finder  // for tests; nil: machineFinder
	tempDirs []string // for tests; nil: see withDefaults
}

var (
	settingName  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)
	majorVersion = regexp.MustCompile(`^[1-9][0-9]+$`)
)

// withDefaults returns cfg with the defaults that do not depend on what is installed.
func (cfg Config) withDefaults() (Config, error) {
	if cfg.Progress == nil {
		cfg.Progress = func(string) {}
	}
	if cfg.tempDirs == nil {
		cfg.tempDirs = []string{os.TempDir(), "/tmp", "/var/tmp"}
	}
	if cfg.Version != "" && !majorVersion.MatchString(cfg.Version) {
		return cfg, fmt.Errorf(`Version: %q is not a major version such as "15"`, cfg.Version)
	}
	for name := range cfg.Settings {
		if !settingName.MatchString(name) {
			return cfg, fmt.Errorf("Settings: %q is not the name of a setting", name)
		}
	}
	if cfg.Dir == "" {
		return cfg, nil
	}
	return cfg.withDir()
}

// withDir makes Dir absolute and takes the version from the cluster in it, if there is one.
func (cfg Config) withDir() (Config, error) {
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return cfg, fmt.Errorf("Dir: %w", err)
	}
	cfg.Dir = dir
	text, err := os.ReadFile(filepath.Join(dir, "data", "PG_VERSION"))
	if errors.Is(err, os.ErrNotExist) {
		return cfg, nil
	}
	if err != nil {
		return cfg, fmt.Errorf("Dir: %w", err)
	}
	has := strings.TrimSpace(string(text))
	if cfg.Version != "" && cfg.Version != has {
		return cfg, fmt.Errorf("Dir: %s holds a cluster of Postgres %s, not %s: choose another folder or version",
			dir, has, cfg.Version)
	}
	cfg.Version = has
	return cfg, nil
}

// settings returns the contents of postgresql.conf. Nothing here may depend on the machine: tests
// and demos must see the same server everywhere.
func (cfg Config) settings() map[string]string {
	settings := map[string]string{
		"listen_addresses":        "127.0.0.1",
		"unix_socket_directories": "",
		"max_connections":         "200",
		"shared_buffers":          "128MB",
		"wal_level":               "logical",
		"max_wal_senders":         "50",
		"max_replication_slots":   "50",
		"timezone":                "UTC",
		"log_timezone":            "UTC",
		"logging_collector":       "off",
	}
	if !cfg.Durable {
		// Not synchronous_commit: without fsync a commit costs only a write to the kernel. Without
		// that write a restart of Postgres would lose commits, and logical decoding would delay them.
		settings["fsync"] = "off"
		settings["full_page_writes"] = "off"
	}
	maps.Copy(settings, cfg.Settings)
	return settings
}
