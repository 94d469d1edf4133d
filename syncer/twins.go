package syncer

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"tasksync/task"
)

// Twins are pending rows that name the same task: a user has clicked twice. A look
// at one of them is a look at all: they are asked for once, decided on and written
// together.
//
// Each twin has a job, and the jobs may be in different cohorts and daemons. Only the
// youngest twin, the leader, is due in its job: it is looked at the most often, and
// its deadline is the last. The jobs of the others wait without a look while a leader
// is pending, and find their rows ended by its pass. A pass that a user or a callback
// has asked for looks at once, whichever twin it is for.

// taskKey is what twins have in common.
type taskKey struct {
	provider string
	taskType task.Type
	taskID   string
}

func keyOf(g task.Generation) taskKey { return taskKey{g.Provider, g.Type, g.TaskID} }

// findTwins tells the members that have twins of them, the leader first, and reports
// whether there are any.
func findTwins(members map[string]*member) bool {
	byTask := make(map[taskKey]*member, len(members))
	groups := make(map[taskKey][]*member)
	for _, m := range members {
		if !m.g.Status.Pending() || m.g.Type == "" || m.g.TaskID == "" {
			continue
		}
		k := keyOf(m.g)
		switch first, found := byTask[k]; {
		case !found:
			byTask[k] = m
		case groups[k] == nil:
			groups[k] = []*member{first, m}
		default:
			groups[k] = append(groups[k], m)
		}
	}
	for _, group := range groups {
		slices.SortFunc(group, func(a, b *member) int {
			return cmp.Or(b.g.CreatedAt.Compare(a.g.CreatedAt), cmp.Compare(b.g.ID, a.g.ID))
		})
		for _, m := range group {
			m.twins = group
		}
	}
	return len(groups) > 0
}

// leadTwins takes the members that are not leaders out of due, if the request leaves
// them to their leaders, and then adds to due the twins of the members in it.
func (s *Syncer) leadTwins(req Request, due []*member, members map[string]*member, results map[string]Result) []*member {
	if !findTwins(members) {
		return due
	}
	if req.LeaveTwins {
		due = slices.DeleteFunc(due, func(m *member) bool {
			if m.leads() {
				return false
			}
			results[m.g.ID] = Result{ID: m.g.ID, Outcome: task.OutcomeSkipped, Reason: ReasonTwin, Next: m.decision.Next, Track: m.track}
			return true
		})
	}
	for _, m := range due[:len(due):len(due)] {
		for _, twin := range m.twins {
			if !slices.Contains(due, twin) {
				twin.decision = s.decide(twin)
				due = append(due, twin)
			}
		}
	}
	return due
}

// leads reports whether no other member of the pass stands for m.
func (m *member) leads() bool { return len(m.twins) == 0 || m.twins[0] == m }

// holder is the row that has the clips of a member's task, in a table that permits a
// clip_id once.
type holder struct {
	id    string
	ended bool
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
		same := keyOf(m.g) == taskKey{s.cfg.Providers.Name(r.Provider), task.Type(r.TaskType), r.TaskID}
		if same && r.ID != m.g.ID {
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
