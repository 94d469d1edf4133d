package syncer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tasksync/task"
)

// member is one generation on its way through a pass.
type member struct {
	g        task.Generation
	clips    []task.Clip
	seen     task.Seen
	answered bool // the upstream said something of the task
	stale    bool // what was seen is of a task that the row no longer names
	decision task.Decision
}

// Sync makes one pass over the generations and tells, for each id that was
// given, how it ended; the order is that of the ids, without repetitions. The
// error is for a pass that could not be made at all: then nothing was written.
//
// When ctx ends during the fetch, what was answered by then is still committed,
// and a member that was not is left as it is.
func (s *Syncer) Sync(ctx context.Context, req Request) ([]Result, error) {
	req.Via = cmp.Or(req.Via, ViaPoll)
	ids, results := sortIDs(req.IDs)
	ids, spared := s.looks.begin(ids, s.cfg.Now(), req.Spacing)
	defer s.looks.end(ids)
	members, err := s.load(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("load generations: %w", err)
	}
	if len(ids) > 0 {
		s.metrics.passes.Inc()
	}
	due := s.selectDue(req, ids, members, results)
	s.look(ctx, req, due)
	for id, r := range s.commit(context.WithoutCancel(ctx), req.Via, due) {
		results[id] = r
	}
	s.account(members, results)
	for _, id := range spared { // after that: they are no part of the pass
		results[id] = Result{ID: id, Outcome: task.OutcomeSkipped, Reason: ReasonSpared, Next: s.cfg.Now().Add(req.Spacing)}
	}
	return inOrder(req.IDs, results), nil
}

// sortIDs refuses what is no id, and gives the others without repetitions.
func sortIDs(given []string) (ids []string, results map[string]Result) {
	results = make(map[string]Result, len(given))
	for _, id := range given {
		if task.IsUUID(id) {
			ids = append(ids, canonical(id))
		} else {
			results[id] = Result{ID: id, Outcome: task.OutcomeFailed, Reason: ReasonInvalidID}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), results
}

// canonical is an id as Postgres gives it back.
func canonical(id string) string {
	if task.IsUUID(id) {
		return strings.ToLower(id)
	}
	return id
}

func inOrder(given []string, results map[string]Result) []Result {
	out := make([]Result, 0, len(results))
	for _, id := range given {
		id = canonical(id)
		if r, ok := results[id]; ok {
			out = append(out, r)
			delete(results, id)
		}
	}
	return out
}

// retryUnknown is when a row is looked at again whose provider this daemon does
// not have: another one may have the job by then.
const retryUnknown = 30 * time.Second

// selectDue picks the members to ask for and enters the results of the others.
func (s *Syncer) selectDue(req Request, ids []string, members map[string]*member, results map[string]Result) []*member {
	var due []*member
	now := s.cfg.Now()
	for _, id := range ids {
		m, found := members[id]
		if !found {
			results[id] = Result{ID: id, Outcome: task.OutcomeSkipped, Reason: task.ReasonNotFound}
			continue
		}
		if r, left := s.leftUnasked(req, m, now); left {
			results[id] = r
			continue
		}
		m.decision = s.decide(m) // on nothing seen: tells whether it is a row of ours
		if m.decision.Next.IsZero() && m.decision.Outcome == task.OutcomeSkipped {
			results[id] = resultOf(m)
			s.noteUnknown(m.g)
			continue
		}
		due = append(due, m)
	}
	return due
}

// leftUnasked is the result of a row under way that is not asked for now: it is
// not due, its provider is not configured, or the backlog has to ask for it.
func (s *Syncer) leftUnasked(req Request, m *member, now time.Time) (r Result, left bool) {
	if !m.g.Status.Pending() || m.g.Type == "" {
		return r, false
	}
	r = Result{ID: m.g.ID, Outcome: task.OutcomeSkipped}
	switch at := req.NotBefore[m.g.ID]; {
	case at.After(now):
		r.Reason, r.Next = ReasonNotDue, at
	case s.sources[m.g.Provider] == nil:
		r.Reason, r.Next = ReasonUnknownProvider, now.Add(retryUnknown)
		s.noteUnknown(m.g)
	case req.LeaveOverdue && m.g.TaskID != "" && s.cfg.Policy.Overdue(now, m.g):
		r.Reason, r.Next = ReasonOverdue, now
	default:
		return r, false
	}
	return r, true
}

// look asks the upstream about the members and decides what follows.
func (s *Syncer) look(ctx context.Context, req Request, due []*member) {
	if len(due) == 0 {
		return
	}
	if req.First {
		s.metrics.firstLook(s.cfg.Now(), due)
	}
	fetchCtx, cancel := context.WithTimeout(ctx, s.cfg.FetchTimeout)
	defer cancel()
	s.fetch(fetchCtx, req.Lane, due)
	s.looks.answered(due, s.cfg.Now())
	for _, m := range due {
		m.decision = s.decide(m)
	}
	s.askVouchers(fetchCtx, due)
	s.probe(ctx, due)
	if ctx.Err() != nil {
		s.putOff(due, errors.Is(ctx.Err(), context.Canceled))
	}
}

// putOff leaves alone what could not be asked to the end because the pass was
// told to stop.
func (s *Syncer) putOff(due []*member, cancelled bool) {
	for _, m := range due {
		if m.seen.Observation == nil || (cancelled && len(m.seen.Probes) > 0) {
			m.decision = leave(m, task.ReasonNotReported, s.cfg.Now())
		}
	}
}

// leave is the decision that changes nothing.
func leave(m *member, reason string, next time.Time) task.Decision {
	return task.Decision{Outcome: task.OutcomeSkipped, Reason: reason, Status: m.g.Status, Memory: m.g.Memory, Next: next}
}

// decide runs the pure decision and survives its panic: a row that breaks it
// is left as it is and costs its cohort nothing.
func (s *Syncer) decide(m *member) (d task.Decision) {
	defer func() {
		if p := recover(); p != nil {
			s.cfg.Logger.Error("[TaskSync] Panic while deciding; the row stays as it is", append(attrs(m.g), "panic", fmt.Sprint(p))...)
			d = leave(m, "panic", s.cfg.Now().Add(retryRefused))
			d.Outcome = task.OutcomeFailed
		}
	}()
	return s.cfg.Policy.Decide(s.cfg.Now(), m.g, m.clips, m.seen)
}

func resultOf(m *member) Result {
	d := m.decision
	r := Result{ID: m.g.ID, Outcome: d.Outcome, Reason: d.Reason, ItemsUpdated: len(d.Clips), Next: d.Next}
	if d.Status != m.g.Status {
		r.NewStatus = d.Status
	}
	return r
}

func attrs(g task.Generation) []any {
	return []any{"generation_id", g.ID, "user_id", g.UserID, "task_id", task.Redact(g.TaskID), "task_type", g.Type}
}
