package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"tasksync/daemon"
)

// feedFlags say how tasksync hears of new rows.
type feedFlags struct {
	Feed             string        `env:"TASKSYNC_FEED" default:"auto" enum:"auto,notify,wal,poll" help:"How tasksync hears of new rows: ${enum}." group:"feed"`
	ListenURL        string        `name:"listen-url" env:"TASKSYNC_LISTEN_URL" placeholder:"URL" help:"A direct connection to the same database, if DATABASE_URL leads to a pooler in transaction mode." group:"feed"`
	FeedPollInterval time.Duration `env:"TASKSYNC_FEED_POLL_INTERVAL" default:"250ms" help:"Time between two reads of feed poll (${default})." group:"feed"`
	SlotLimit        string        `env:"TASKSYNC_SLOT_LIMIT" default:"1GiB" placeholder:"SIZE" help:"WAL that the replication slot of feed wal may hold back before the slot is dropped (${default})." group:"feed"`
}

// feed sets the fields of cfg that the flags are for.
func (f feedFlags) feed(cfg *daemon.Config) error {
	limit, err := parseSize(f.SlotLimit)
	if err != nil {
		return usageError{fmt.Errorf("TASKSYNC_SLOT_LIMIT %w", err)}
	}
	cfg.Feed, cfg.ListenURL, cfg.FeedPollInterval, cfg.SlotLimit = f.Feed, f.ListenURL, f.FeedPollInterval, limit
	return nil
}

// parseSize reads a number of bytes, like 500MiB, 2GB or 1073741824.
func parseSize(text string) (int64, error) {
	number, unit := strings.TrimSpace(text), int64(1)
	for _, u := range []struct {
		name  string
		bytes int64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}} {
		if rest, ok := strings.CutSuffix(number, u.name); ok {
			number, unit = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n <= 0 || n > math.MaxInt64/unit {
		return 0, fmt.Errorf("%q is not a size, like 1GiB, 500MB or a number of bytes", text)
	}
	return n * unit, nil
}
