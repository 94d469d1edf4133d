package syncer

import (
	"context"
	"encoding/json"
	"fmt"

	"tasksync/queries"
	"tasksync/task"
)

// withoutInserts takes the new clips out of a decision, if only placeholders are
// filled. They are the member's surplus: see [Syncer.keepSurplus].
func (s *Syncer) withoutInserts(m *member, d task.Decision) task.Decision {
	m.surplus = nil
	if !s.cfg.UpdateClips {
		return d
	}
	kept := make([]task.Clip, 0, len(d.Clips))
	for _, c := range d.Clips {
		switch {
		case c.ID != "":
			kept = append(kept, c)
		case c.Status == task.Complete:
			m.surplus = append(m.surplus, c)
		}
	}
	if d.Clips = kept; len(kept) == 0 && d.Outcome == task.OutcomeSynced && d.Status == m.g.Status {
		d.Outcome, d.Reason = task.OutcomeSkipped, task.ReasonUnchanged
	}
	return d
}

// keepSurplus stores the results of a row that has ended and had no placeholder for
// them in tasksync.late_results, counts them and says so. Until the row ends its
// placeholders may still come.
func (s *Syncer) keepSurplus(ctx context.Context, db queries.DBTX, members []*member) error {
	for _, m := range members {
		if len(m.surplus) == 0 || !m.decision.Status.Terminal() {
			continue
		}
		if err := s.keepBeside(ctx, db, m, m.surplus); err != nil {
			return err
		}
	}
	return nil
}

// tellSurplus counts the surplus of a member that was committed.
func (s *Syncer) tellSurplus(m *member) {
	if len(m.surplus) == 0 || !m.decision.Status.Terminal() {
		return
	}
	s.metrics.surplus.Add(float64(len(m.surplus)))
	if s.told.First("surplus", s.cfg.Now()) {
		s.cfg.Logger.Warn("[TaskSync] Results have no placeholder in music_clips; they are kept in tasksync.late_results", append(attrs(m.g), "results", len(m.surplus),
			"hint", "make a placeholder for each result before the task ends, or let tasksync insert clips (TASKSYNC_CLIPS=write)")...)
	}
}

// keepBeside stores clips beside their row.
func (s *Syncer) keepBeside(ctx context.Context, db queries.DBTX, m *member, kept []task.Clip) error {
	encoded, err := json.Marshal(lateClips(kept))
	if err != nil {
		return fmt.Errorf("encode clips: %w", err)
	}
	return s.queries.LateResultInsertMany(ctx, db, queries.LateResultInsertManyParams{
		GenerationIds: []string{m.g.ID}, UserIds: []string{m.g.UserID}, TaskIds: []string{m.g.TaskID},
		UpstreamStatuses: []string{rawStatus(m)}, Clips: [][]byte{encoded},
	})
}
