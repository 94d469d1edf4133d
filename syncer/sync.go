package syncer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tasksync/looks"
	"tasksync/task"
)

// member is one generation on its way through a pass.
type member struct {
	g        task.Generation
	clips    []task.Clip
	words    map[string]string // by id of a clip: its status in the application's words
	seen     task.Seen
	answered bool // the provider answered about the task
	stale    bool // the row has changed its task since the task was seen
	decision task.Decision
	track    looks.Track  // what the looks at the row have told of its time
	sharing  int          // how many tasks of its provider the pass asks for
	twins    []*member    // all rows with its task, itself among them; nil: it has no twin
	holder   *holder      // the twin that has its clips; nil: none
	least    bool         // its clips are inserted with what the table cannot be without
	lane     task.Lane    // of its call
	answer   *task.Answer // the last one that a call for its task brought, if it is to be kept
	alone    bool         // that call was for its task only
	surplus  []task.Clip  // results without a placeholder, where only placeholders are filled
}

// Sync makes one pass over the generations and returns how the pass ended for each
// id of the request, in the order of the ids and without repetitions. It returns an
// error if the pass could not be made at all; then nothing was written.
//
// When ctx ends during the fetch, Sync still commits the answers that have come,
// and leaves rows without an answer as they are.
func (s *Syncer) Sync(ctx context.Context, req Request) ([]Result, error) {
	req.Via = cmp.Or(req.Via, ViaPoll)
	ids, results := splitIDs(req.IDs)
	ids, spared := s.looks.begin(ids, s.cfg.Now(), req.Spacing)
	defer s.looks.end(ids)
	began := time.Now()
	members, err := s.load(ctx, ids)
	if err != nil {
		s.traceFailedLoad(ctx, req.Via, began, err)
		return nil, fmt.Errorf("load rows: %w", err)
	}
	load := tracedLoad{began, time.Now()}
	if len(ids) > 0 {
		s.metrics.passes.Inc()
	}
	due := s.selectDue(req, ids, members, results)
	ctx, span := s.tracePass(ctx, req.Via, load, due)
	defer span.End()
	s.fetchAndDecide(ctx, req, due)
	s.commitAll(ctx, req.Via, due, members, results)
	s.learn(req.Via, due, results)
	s.record(req.Via, due, results)
	s.countResults(members, results)
	traceRows(ctx, members, results)
	for _, id := range spared { // not counted: they are no part of the pass
		results[id] = Result{ID: id, Outcome: task.OutcomeSkipped, Reason: ReasonSpared, Next: s.cfg.Now().Add(req.Spacing)}
	}
	return inOrder(req.IDs, results), nil
}

// splitIDs returns the UUIDs among given, sorted and without repetitions, and a
// result for each other id.
func splitIDs(given []string) (ids []string, results map[string]Result) {
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

// canonical returns id in the form in which Postgres returns it.
func canonical(id string) string {
	if task.IsUUID(id) {
		return strings.ToLower(id)
	}
	return id
}

// inOrder returns the results in the order of the given ids.
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

// retryUnknown is how long a row with an unknown provider waits for the next pass.
// Another daemon, which has the provider, may have the job by then.
const retryUnknown = 30 * time.Second

// selectDue returns the members to ask for, and enters the results of the others
// into results.
func (s *Syncer) selectDue(req Request, ids []string, members map[string]*member, results map[string]Result) []*member {
	var due []*member
	now := s.cfg.Now()
	for id, m := range members {
		m.track = s.tracks.latest(m, req.Tracks[id], s.age(m, now))
	}
	joining := slices.ContainsFunc(ids, func(id string) bool { return !req.NotBefore[id].After(now) })
	for _, id := range ids {
		m, found := members[id]
		if !found {
			results[id] = Result{ID: id, Outcome: task.OutcomeSkipped, Reason: task.ReasonNotFound}
			continue
		}
		if r, skipped := s.skipUnasked(req, m, now); skipped && !(joining && r.Reason == ReasonNotDue && s.joins(m, r.Next, now)) {
			results[id] = r
			continue
		}
		m.decision = s.decide(m) // with nothing seen: a row that is not ours is skipped for good
		if m.decision.Next.IsZero() && m.decision.Outcome == task.OutcomeSkipped {
			results[id] = resultOf(m)
			s.WarnUnknown(m.g)
			continue
		}
		due = append(due, m)
	}
	return s.leadTwins(req, due, members, results)
}

// skipUnasked returns the result of a pending row that is not to be asked for now:
// the row is not due, its provider is not configured, or a job of the backlog asks
// for it.
func (s *Syncer) skipUnasked(req Request, m *member, now time.Time) (r Result, skipped bool) {
	if !m.g.Status.Pending() || m.g.Type == "" {
		return r, false
	}
	r = Result{ID: m.g.ID, Outcome: task.OutcomeSkipped, Track: m.track}
	switch at := req.NotBefore[m.g.ID]; {
	case at.After(now):
		r.Reason, r.Next = ReasonNotDue, at
	case s.sources[m.g.Provider] == nil:
		r.Reason, r.Next = ReasonUnknownProvider, now.Add(retryUnknown)
		s.WarnUnknown(m.g)
	case req.LeaveOverdue && m.g.TaskID != "" && s.cfg.Policy.Overdue(now, m.g):
		r.Reason, r.Next = ReasonOverdue, now
	default:
		return r, false
	}
	return r, true
}

// fetchAndDecide asks the upstreams about the members, finds out what their
// decisions ask for, and leaves the last decision in each member.
func (s *Syncer) fetchAndDecide(ctx context.Context, req Request, due []*member) {
	if len(due) == 0 {
		return
	}
	if req.First {
		s.metrics.firstLook(s.cfg.Now(), due)
	}
	fetchCtx, cancel := context.WithTimeout(ctx, s.cfg.FetchTimeout)
	defer cancel()
	s.planLooks(due)
	s.fetch(fetchCtx, req, due)
	s.looks.answered(due, s.cfg.Now())
	for _, m := range due {
		m.decision = s.decide(m)
	}
	s.askVouchers(fetchCtx, due)
	s.probe(ctx, due)
	s.track(due)
	if ctx.Err() != nil {
		s.skipUnanswered(due, errors.Is(ctx.Err(), context.Canceled))
	}
}

// skipUnanswered skips the members that a pass whose ctx has ended did not find out
// everything about: a cancelled probe says nothing about its URL.
func (s *Syncer) skipUnanswered(due []*member, cancelled bool) {
	for _, m := range due {
		if m.seen.Observation == nil || (cancelled && len(m.seen.Probes) > 0) {
			m.decision = skip(m, task.ReasonNotReported, s.cfg.Now())
		}
	}
}

// skip returns the decision that changes nothing.
func skip(m *member, reason string, next time.Time) task.Decision {
	return task.Decision{Outcome: task.OutcomeSkipped, Reason: reason, Status: m.g.Status, Memory: m.g.Memory, Next: next}
}

// decide makes the pure decision and survives a panic in it: the row that causes
// the panic stays as it is, and its cohort goes on.
func (s *Syncer) decide(m *member) (d task.Decision) {
	defer func() {
		if p := recover(); p != nil {
			s.cfg.Logger.Error("[TaskSync] Panic while deciding; the row stays as it is", append(attrs(m.g), "panic", fmt.Sprint(p))...)
			d = skip(m, "panic", s.cfg.Now().Add(retrySoon))
			d.Outcome = task.OutcomeFailed
		}
	}()
	d = s.withoutInserts(m, s.shown(m, s.cfg.Policy.Decide(s.cfg.Now(), m.g, m.clips, m.seen)))
	if m.holder != nil {
		d = s.leaveClips(m, d)
	}
	return d
}

func resultOf(m *member) Result {
	d := m.decision
	r := Result{ID: m.g.ID, Outcome: d.Outcome, Reason: d.Reason, ItemsUpdated: len(d.Clips), Next: d.Next, Track: m.track}
	if d.Status != m.g.Status {
		r.NewStatus = d.Status
	}
	return r
}

func attrs(g task.Generation) []any {
	return []any{"generation_id", g.ID, "user_id", g.UserID, "task_id", task.Redact(g.TaskID), "task_type", g.Type}
}
