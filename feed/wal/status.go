package wal

import (
	"context"
	"fmt"
	"strings"
)

// Status is how the slot of this database stands.
type Status struct {
	Slot          string // its name, whether it is there or not
	Database      string
	Present       bool
	ActivePID     int    // the server process of its reader; 0: nobody reads
	WALStatus     string // reserved, extended, unreserved or lost
	Confirmed     string // everything up to this position is handed on
	RetainedBytes int64  // WAL that the server keeps for it
	LagBytes      int64  // WAL since Confirmed
}

// Status looks at the slot. It is safe for concurrent use, needs no right of its
// own, and sets the metrics.
func (r *Reader) Status(ctx context.Context) (Status, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	s, err := r.queries.ReplicationSlotGet(ctx, r.cfg.Pool)
	if err != nil {
		return Status{}, fmt.Errorf("look at the replication slot: %w", err)
	}
	status := Status{
		Slot: s.Name, Database: s.Database, Present: s.Present, ActivePID: int(s.ActivePid), WALStatus: s.WalStatus,
		Confirmed: s.Confirmed, RetainedBytes: s.RetainedBytes, LagBytes: s.LagBytes,
	}
	r.metrics.see(status)
	return status, nil
}

// Check tells whether Run could read the WAL, as far as that can be seen without
// doing it: whether the server's settings allow it, and there is a slot or room
// for one. Its error wraps ErrUnavailable, unless the server could not be asked.
func (r *Reader) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	server, err := r.queries.ReplicationSettingsGet(ctx, r.cfg.Pool)
	if err != nil {
		return fmt.Errorf("look at the server's settings: %w", err)
	}
	if server.WalLevel != "logical" {
		return fmt.Errorf("%w: wal_level is %s: %s", ErrUnavailable, server.WalLevel, stepWALLevel)
	}
	if strings.Contains(server.StandbyNames, "*") {
		return fmt.Errorf("%w: synchronous_standby_names is %s: %s", ErrUnavailable, server.StandbyNames, stepStandbys)
	}
	status, err := r.Status(ctx)
	if err != nil {
		return err
	}
	if !status.Present && server.UsedSlots >= server.MaxSlots {
		return fmt.Errorf("%w: all %d replication slots are taken: %s", ErrUnavailable, server.MaxSlots, stepSlots)
	}
	return nil
}
