package wal

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pglogrepl"

	"tasksync/internal/database"
	"tasksync/internal/wait"
)

const (
	// createTimeout bounds the making of a slot, which waits for all transactions
	// that are open. A slot in the making holds WAL too.
	createTimeout = 15 * time.Second
	// slotPoll is the time between two checks of a slot that another daemon reads.
	slotPoll = 100 * time.Millisecond
)

// open waits until the slot has no other reader, makes it if there is none, and
// starts to read.
func (r *Reader) open(ctx context.Context) (*connection, error) {
	for {
		status, err := r.await(ctx)
		if err != nil {
			return nil, err
		}
		conn, err := r.connect(ctx)
		if err != nil {
			return nil, err
		}
		if err = r.start(ctx, conn, status); err == nil {
			return conn, nil
		}
		closeConn(conn)
		switch {
		case database.Code(err) == database.ObjectInUse || database.Code(err) == database.DuplicateObject: // another daemon was faster
			if err := wait.For(ctx, slotPoll); err != nil {
				return nil, err
			}
		case status.Present && lost(err):
			return nil, r.dropBecause(ctx, err)
		default:
			return nil, err
		}
	}
}

// await returns when the slot has no reader, and is either fit to be read or not
// there. It evicts a reader only when it sees the reader a second time, so that a
// reader that is about to end can do so by itself.
func (r *Reader) await(ctx context.Context) (Status, error) {
	evict := r.evictWhileAllowed()
	for seen := 0; ; {
		status, err := r.Status(ctx)
		if err != nil {
			return status, err
		}
		if harm := r.harm(status); harm != "" {
			if err := r.drop(ctx, status, harm); err != nil {
				return status, err
			}
			continue
		}
		switch status.ActivePID {
		case 0:
			return status, nil
		case seen:
			if err := evict(ctx, seen); err != nil {
				return status, err
			}
		default:
			seen = status.ActivePID
			r.cfg.Logger.Info("[TaskSync] Another process reads the WAL; waiting for its end", "slot", status.Slot, "pid", seen)
		}
		if err := wait.For(ctx, slotPoll); err != nil {
			return status, err
		}
	}
}

// evictWhileAllowed returns a function that calls Config.Evict until the role turns
// out to lack the right to end the reader, and does nothing from then on.
func (r *Reader) evictWhileAllowed() func(ctx context.Context, pid int) error {
	refused := false
	return func(ctx context.Context, pid int) error {
		if refused {
			return nil
		}
		ctx, cancel := context.WithTimeout(ctx, checkTimeout)
		defer cancel()
		err := r.cfg.Evict(ctx, pid)
		if database.Code(err) == database.InsufficientPrivilege {
			refused = true
			r.cfg.Logger.Warn("[TaskSync] The other reader of the WAL may not be ended; waiting until the server does", "pid", pid, "error", err, "next_step", stepSignal)
			return nil
		}
		return err
	}
}

// start makes the slot if there is none, and starts to read it where its last reader
// has stopped.
func (r *Reader) start(ctx context.Context, conn *connection, s Status) error {
	if err := requireDatabase(ctx, conn, s.Database); err != nil {
		return err
	}
	if !s.Present {
		if err := r.create(ctx, conn, s.Slot); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	err := pglogrepl.StartReplication(ctx, conn.PgConn, s.Slot, 0, pglogrepl.StartReplicationOptions{
		PluginArgs: []string{"proto_version '1'", "publication_names 'tasksync'", "messages 'true'"},
	})
	if err != nil {
		return fmt.Errorf("start to read the WAL: %w", err)
	}
	return nil
}

func (r *Reader) create(ctx context.Context, conn *connection, slot string) error {
	createCtx, cancel := context.WithTimeout(ctx, createTimeout)
	defer cancel()
	_, err := pglogrepl.CreateReplicationSlot(createCtx, conn.PgConn, slot, "pgoutput", pglogrepl.CreateReplicationSlotOptions{
		Mode: pglogrepl.LogicalReplication, SnapshotAction: "NOEXPORT_SNAPSHOT",
	})
	switch {
	case err == nil:
		r.cfg.Logger.Info("[TaskSync] Made a replication slot", "slot", slot)
		return nil
	case late(createCtx, ctx):
		return fmt.Errorf("%w: make a replication slot: %w: %s", ErrUnavailable, err, stepOldest)
	default:
		return explain("make a replication slot", err, slotSteps)
	}
}

// dropBecause drops the slot because of err, and returns err wrapped in
// ErrSlotDropped. It does so even if ctx has ended.
func (r *Reader) dropBecause(ctx context.Context, err error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dropTimeout)
	defer cancel()
	status, statusErr := r.Status(ctx)
	if statusErr != nil {
		return fmt.Errorf("%w: %w", err, statusErr)
	}
	if status.Present {
		if dropErr := r.drop(ctx, status, err.Error()); dropErr != nil {
			return fmt.Errorf("%w: %w", err, dropErr)
		}
	}
	return fmt.Errorf("%w: %w", ErrSlotDropped, err)
}
