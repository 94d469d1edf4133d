package syncer

import (
	"context"
	"fmt"

	"tasksync/task"
)

// holder is the row that has the clips of a member's task, in a table that permits a
// clip_id once.
type holder struct {
	id    string
	ended bool
}

// commitBesideHolders commits the members again if their transaction was rejected with
// cause because other rows have their clips: twins are many, and one look is one
// transaction for many of them.
func (s *Syncer) commitBesideHolders(ctx context.Context, via Via, members []*member, cause error) error {
	if !duplicateClip(cause) || !s.findHolders(ctx, members) {
		return cause
	}
	return s.commitCohort(ctx, via, members, lockTimeout)
}

// findHolders sets the holders of the members whose clips another row has, and reports
// whether there are any. Twins have the same clips, so that one query tells the holder of
// all members with a task.
func (s *Syncer) findHolders(ctx context.Context, members []*member) (found bool) {
	known := make(map[taskKey]*holder)
	for _, m := range members {
		if len(m.twins) == 0 {
			continue
		}
		held, asked := known[keyOf(m.g)]
		if !asked {
			var err error
			if held, err = s.holderOf(ctx, m); err != nil {
				s.cfg.Logger.Debug("[TaskSync] Reading the owner of clips failed", append(attrs(m.g), "error", redactPg(err))...)
				return false
			}
			known[keyOf(m.g)] = held
		}
		if held != nil && held.id != m.g.ID {
			m.holder, found = held, true
		}
	}
	return found
}

// holderOf returns the row with the same task that has the clips of the member; nil
// if there is none: then the ids are another task's.
func (s *Syncer) holderOf(ctx context.Context, m *member) (*holder, error) {
	ids := make([]string, 0, len(m.decision.Clips))
	for _, c := range m.decision.Clips {
		ids = append(ids, c.ClipID)
	}
	if len(ids) == 0 {
		return nil, nil //nolint:nilnil // no clips, no holder
	}
	rows, err := s.queries.ClipOwnerList(ctx, s.cfg.Pool, ids)
	for _, r := range rows {
		// Whatever its type and its word for the provider: who has the same task_id and
		// the same clip_id, has the same task.
		if r.TaskID == m.g.TaskID && r.ID != m.g.ID {
			return &holder{id: r.ID, ended: !s.cfg.Words.Read(r.Status).Pending()}, err
		}
	}
	return nil, err
}

// leaveClips returns what the decision becomes for a member whose clips another row
// has. The member gets no clips. If the task is complete and the other row has ended,
// the member fails and names that row: a complete row without a song would be a lie,
// and the application may give back what the second click has cost.
func (s *Syncer) leaveClips(m *member, d task.Decision) task.Decision {
	switch {
	case d.Status == task.Complete && !m.holder.ended:
		return skip(m, ReasonTwin, s.cfg.Now().Add(retrySoon))
	case d.Status != task.Complete:
		d.Clips, d.Memory.Written = nil, m.g.Memory.Written
		return d
	}
	out := task.Decision{
		Outcome: task.OutcomeFailed, Reason: ReasonTwin, Status: task.Failed, ErrorCode: task.APIError,
		ErrorMessage: fmt.Sprintf("The results of this task are in row %s: it has the same task_id, and music_clips permits each clip_id once.", m.holder.id),
	}
	for _, c := range m.clips {
		if c.Status == "" || c.Status.Pending() {
			c.Status = task.Failed
			out.Clips = append(out.Clips, c)
		}
	}
	return out
}
