package syncer

import (
	"context"
	"time"

	"tasksync/queries"
	"tasksync/task"
)

// loadMemory fills in the memories of the members' rows.
func (s *Syncer) loadMemory(ctx context.Context, db queries.DBTX, members map[string]*member) error {
	ids := make([]string, 0, len(members))
	for id, m := range members {
		m.g.Memory = task.Memory{}
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return nil
	}
	rows, err := s.queries.MemoryListByGenerations(ctx, db, ids)
	if err != nil {
		return err
	}
	for _, r := range rows {
		members[r.GenerationID].g.Memory = memory(r)
	}
	return nil
}

func memory(r queries.MemoryListByGenerationsRow) task.Memory {
	return task.Memory{
		BeganAt: moment(r.BeganAt), Doubts: int(r.Doubts), DoubtedAt: moment(r.DoubtedAt), DoneAt: moment(r.DoneAt),
		AskedAt: moment(r.AskedAt), HeldAt: moment(r.HeldAt), Held: time.Duration(r.HeldMs) * time.Millisecond,
		Reason: r.Reason, FailingAt: moment(r.FailingAt), Rejected: r.Refused, RejectedAt: moment(r.RefusedAt),
		EndedAt: moment(r.EndedAt), LateAt: moment(r.LateAt), LateLooks: int(r.LateLooks), Written: r.Written,
	}
}

// moment returns t in a form that == can compare: in UTC, and the zero value if t
// is zero in any time zone.
func moment(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC()
}

// memories are changes of memories: the memories to store, and the generations
// whose memory is to be deleted.
type memories struct {
	upsert queries.MemoryUpsertManyParams
	forget []string
}

func (ms *memories) add(id string, m task.Memory) {
	if m == (task.Memory{}) {
		ms.forget = append(ms.forget, id)
		return
	}
	p := &ms.upsert
	p.GenerationIds = append(p.GenerationIds, id)
	p.BeganAts = append(p.BeganAts, m.BeganAt)
	p.Doubts = append(p.Doubts, int32(m.Doubts)) //nolint:gosec // at most as many as confirm a verdict
	p.DoubtedAts = append(p.DoubtedAts, m.DoubtedAt)
	p.DoneAts = append(p.DoneAts, m.DoneAt)
	p.AskedAts = append(p.AskedAts, m.AskedAt)
	p.HeldAts = append(p.HeldAts, m.HeldAt)
	p.HeldMs = append(p.HeldMs, m.Held.Milliseconds())
	p.Reasons = append(p.Reasons, m.Reason)
	p.FailingAts = append(p.FailingAts, m.FailingAt)
	p.Refusals = append(p.Refusals, m.Rejected)
	p.RefusedAts = append(p.RefusedAts, m.RejectedAt)
	p.EndedAts = append(p.EndedAts, m.EndedAt)
	p.LateAts = append(p.LateAts, m.LateAt)
	p.LateLooks = append(p.LateLooks, int32(m.LateLooks)) //nolint:gosec // a handful
	p.Writtens = append(p.Writtens, m.Written)
}

// writeMemories stores and deletes memories. db is the transaction of their rows, or
// the pool.
func (s *Syncer) writeMemories(ctx context.Context, db queries.DBTX, ms memories) error {
	if len(ms.upsert.GenerationIds) > 0 {
		if err := s.queries.MemoryUpsertMany(ctx, db, ms.upsert); err != nil {
			return err
		}
	}
	if len(ms.forget) > 0 {
		return s.queries.MemoryDeleteMany(ctx, db, ms.forget)
	}
	return nil
}
