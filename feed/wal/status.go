package wal

import (
	"context"
	"fmt"
	"strings"
)

// Status describes the slot of this database.
type Status struct {
	Slot          string // the slot's name, whether there is such a slot or not
	Database      string
	Present       bool
	ActivePID     int    // the server process of the slot's reader; 0: there is none
	WALStatus     string // reserved, extended, unreserved or lost
	Confirmed     string // everything up to this position is handed on
	RetainedBytes int64  // WAL that the server keeps for the slot
	LagBytes      int64  // WAL since Confirmed
}

// Status reads the state of the slot and sets the metrics. It is safe for concurrent
// use, and needs no special right.
func (r *Reader) Status(ctx context.Context) (Status, error) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	s, err := r.queries.ReplicationSlotGet(ctx, r.cfg.Pool)
	if err != nil {
		return Status{}, fmt.Errorf("read the state of the replication slot: %w", err)
	}
	status := Status{
		Slot: s.Name, Database: s.Database, Present: s.Present, ActivePID: int(s.ActivePid), WALStatus: s.WalStatus,
		Confirmed: s.Confirmed, RetainedBytes: s.RetainedBytes, LagBytes: s.LagBytes,
	}
	r.metrics.set(status)
	return status, nil
}

// Check returns nil if Run could read the WAL, as far as Check can tell without
// reading: the server's settings allow it, and there is a slot or room for one.
// Its error wraps ErrUnavailable, unless the server could not be asked.
func (r *Reader) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	adopted, err := r.queries.AdoptionList(ctx, r.cfg.Pool)
	if err != nil {
		return fmt.Errorf("look for an adopted table: %w", err)
	}
	if len(adopted) > 0 {
		return fmt.Errorf("%w: music_generations is a view (adopt): %s", ErrUnavailable, stepAdopted)
	}
	server, err := r.queries.ReplicationSettingsGet(ctx, r.cfg.Pool)
	if err != nil {
		return fmt.Errorf("read the server's settings: %w", err)
	}
	if server.WalLevel != "logical" {
		return fmt.Errorf("%w: wal_level is %s: %s", ErrUnavailable, server.WalLevel, stepWALLevel)
	}
	if !server.InWal {
		return fmt.Errorf("%w: music_generations is UNLOGGED or a view, whose rows the WAL does not have: %s", ErrUnavailable, stepUnlogged)
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

// CheckRole returns nil if the role of the pool may do what Run does. Its error wraps
// ErrUnavailable, unless the server could not be asked.
func (r *Reader) CheckRole(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	role, err := r.queries.ReplicationRightsGet(ctx, r.cfg.Pool)
	switch {
	case err != nil:
		return fmt.Errorf("read the role's rights: %w", err)
	case !role.MayReplicate:
		return fmt.Errorf("%w: the role may not replicate: %s", ErrUnavailable, stepReplication)
	case !role.MayPublish:
		return fmt.Errorf("%w: there is no publication: %s%s", ErrUnavailable, stepPublication, createPlain)
	}
	return nil
}
