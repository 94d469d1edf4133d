package syncer

import (
	"context"

	"github.com/jackc/pgx/v5"

	"tasksync/queries"
	"tasksync/task"
)

func (c *changes) addShifts(m *member) {
	var items []task.Item
	if m.seen.Observation != nil {
		items = m.seen.Observation.Items
	}
	for id, by := range c.handlers.Shifts(m.clips, items) {
		c.shift.Ids = append(c.shift.Ids, id)
		c.shift.Shifts = append(c.shift.Shifts, by.Microseconds())
	}
}

// shiftClips sets the created_at of clips apart. Results do not depend on it: where a
// trigger or a missing privilege forbids it, the clips keep their times.
func (s *Syncer) shiftClips(ctx context.Context, tx pgx.Tx, p queries.ClipShiftManyParams) error {
	if plan, err := s.clips.Plan(ctx, tx); err != nil || plan.Made {
		return err
	}
	err := pgx.BeginFunc(ctx, tx, func(savepoint pgx.Tx) error {
		_, err := s.queries.ClipShiftMany(ctx, savepoint, p)
		return err
	})
	if err != nil && s.told.First("shift", s.cfg.Now()) {
		s.cfg.Logger.Info("[TaskSync] The created_at of clips could not be set apart; their order is that of their clip_id", "error", redactPg(err))
	}
	return nil
}
