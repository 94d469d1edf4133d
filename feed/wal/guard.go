package wal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tasksync/internal/database"
	"tasksync/internal/wait"
)

const (
	// guardEvery is how often Run checks its own slot.
	guardEvery = 5 * time.Second
	// checkTimeout bounds one check.
	checkTimeout = 5 * time.Second
	// dropTimeout bounds the drop of a slot, with the end of its reader.
	dropTimeout = 10 * time.Second
)

// Guard checks the slot once and drops it if it does harm: the slot holds more WAL
// than the limit, the server has removed WAL that the slot needs or is about to, or
// the slot was not read for a while. Every daemon calls Guard now and then, whichever
// feed it has: a daemon that is gone may have left the slot behind. Guard disconnects
// the reader of a slot before it drops the slot. It needs the right to replicate only
// if there is a slot to drop.
func (r *Reader) Guard(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout+dropTimeout)
	defer cancel()
	status, err := r.Status(ctx)
	if err != nil {
		return err
	}
	harm := r.harm(status)
	if harm == "" {
		harm = r.idle(status)
	}
	if harm == "" {
		return nil
	}
	return r.drop(ctx, status, harm)
}

// harm returns why the slot must be dropped, or "".
func (r *Reader) harm(s Status) string {
	switch {
	case !s.Present:
		return ""
	case s.RetainedBytes > r.cfg.SlotLimit:
		return fmt.Sprintf("it holds %d bytes of WAL, more than the limit of %d", s.RetainedBytes, r.cfg.SlotLimit)
	case s.WALStatus != "reserved" && s.WALStatus != "extended" && s.WALStatus != "":
		return "its WAL is " + s.WALStatus
	}
	return ""
}

// idle returns why the slot must be dropped if this daemon has seen no reader of it
// for SlotIdle, or "".
func (r *Reader) idle(s Status) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !s.Present || s.ActivePID != 0 {
		r.idleSince = time.Time{}
		return ""
	}
	if r.idleSince.IsZero() {
		r.idleSince = time.Now()
	}
	if time.Since(r.idleSince) < r.cfg.SlotIdle {
		return ""
	}
	return "nobody has read from it for " + r.cfg.SlotIdle.String()
}

// watch checks the slot that Run reads until the slot does harm, or ctx ends. A
// check that fails is no reason to stop reading.
func (r *Reader) watch(ctx context.Context) error {
	for {
		if err := wait.For(ctx, guardEvery); err != nil {
			return err
		}
		checkCtx, cancel := context.WithTimeout(ctx, checkTimeout)
		err := r.checkSlot(checkCtx)
		cancel()
		if _, harm := errors.AsType[harmError](err); harm || errors.Is(err, ErrUnavailable) {
			return err
		}
		if err != nil && ctx.Err() == nil {
			r.cfg.Logger.Warn("[TaskSync] Cannot look at the replication slot", "error", err)
		}
	}
}

// checkSlot checks the slot once. It also notices a publication that is gone or has
// lost the table, after which the stream would only fall silent.
func (r *Reader) checkSlot(ctx context.Context) error {
	if err := r.Check(ctx); err != nil {
		return err
	}
	status, err := r.Status(ctx)
	if err != nil {
		return err
	}
	if harm := r.harm(status); harm != "" {
		return harmError(harm)
	}
	p, err := r.queries.PublicationGet(ctx, r.cfg.Pool)
	if err != nil {
		return fmt.Errorf("look at the publication: %w", err)
	}
	if !p.Usable {
		return harmError("its publication is gone")
	}
	return nil
}

// harmError is the reason why Run has to drop its slot.
type harmError string

func (e harmError) Error() string { return string(e) }

// drop drops the slot and logs it. It ends the reader's connection first: a slot
// that is in use cannot be dropped.
func (r *Reader) drop(ctx context.Context, s Status, why string) error {
	if err := r.dropSlot(ctx, s.Slot); err != nil {
		r.cfg.Logger.Error("[TaskSync] Cannot drop the replication slot; it keeps WAL on the server's disk", "slot", s.Slot, "reason", why, "error", err)
		return err
	}
	r.metrics.dropped.Inc()
	r.metrics.set(Status{})
	r.cfg.Logger.Warn("[TaskSync] Dropped the replication slot; the sweep finds the rows that it held", "slot", s.Slot, "reason", why, "retained_bytes", s.RetainedBytes)
	return nil
}

func (r *Reader) dropSlot(ctx context.Context, slot string) error {
	ctx, cancel := context.WithTimeout(ctx, dropTimeout)
	defer cancel()
	for {
		if err := r.queries.ReplicationSlotTerminate(ctx, r.cfg.Pool, slot); err != nil {
			return explain("end the reader of the replication slot", err, terminateSteps)
		}
		err := r.queries.ReplicationSlotDrop(ctx, r.cfg.Pool, slot)
		if err == nil || database.Code(err) == database.UndefinedObject { // another daemon was faster
			return nil
		}
		if database.Code(err) != database.ObjectInUse {
			return explain("drop the replication slot", err, slotSteps)
		}
		if err := wait.For(ctx, 50*time.Millisecond); err != nil {
			return fmt.Errorf("drop the replication slot: its reader does not end: %w", err)
		}
	}
}
