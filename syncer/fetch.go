package syncer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"tasksync/task"
)

// fetch asks all upstreams at once about their members, and enters what they
// answered. It returns no error: a member without an answer was not reported. It leaves
// out members without a task id, or with a provider that is not configured.
func (s *Syncer) fetch(ctx context.Context, req Request, due []*member) {
	type key struct { // an observation does not name the type of its task, so that each type has a fetch of its own
		provider string
		taskType task.Type
		lane     task.Lane
	}
	now := s.cfg.Now()
	groups := make(map[key][]*member)
	for _, m := range due {
		if m.g.TaskID == "" || s.sources[m.g.Provider] == nil {
			continue
		}
		k := key{m.g.Provider, m.g.Type, s.laneOf(req, m, now)}
		for _, twin := range m.twins { // all in one call, in the lane that is served first
			k.lane = min(k.lane, s.laneOf(req, twin, now))
		}
		groups[k] = append(groups[k], m)
	}
	var group errgroup.Group
	for k, members := range groups {
		group.Go(func() error {
			s.fetchFrom(ctx, s.sources[k.provider], k.lane, members)
			return nil
		})
	}
	_ = group.Wait() // no function returns an error
}

// lately is how recent a look must be for a user's wish for another one to wait.
const lately = 30 * time.Second

// laneOf returns the lane in which the call for a member waits.
func (s *Syncer) laneOf(req Request, m *member, now time.Time) task.Lane {
	switch {
	case req.Lane == task.LaneBacklog || s.cfg.Policy.Overdue(now, m.g):
		return task.LaneBacklog
	case req.Lane == task.LaneHint:
		return task.LaneHint
	case !now.Before(s.cfg.Policy.Deadline(now, m.g)):
		return task.LaneDeadline
	case req.Lane == task.LaneUser && s.age(m, now)-time.Duration(m.track.Last)*time.Millisecond > lately:
		return task.LaneHint
	case req.Lane != 0:
		return req.Lane
	case req.First:
		return task.LaneFirst
	default:
		return task.LaneDue
	}
}

// fetchFrom asks one upstream about members of one task type, in one lane.
func (s *Syncer) fetchFrom(ctx context.Context, from *source, lane task.Lane, members []*member) {
	sortMembers(lane, members)
	now := s.cfg.Now()
	refs := s.refsOf(members)
	s.cfg.Logger.Debug("[TaskSync] Fetching status from V2 API", "tasks", len(refs))
	keeping, kept := s.keepAnswers(task.InLane(ctx, lane))
	observations, err := s.ask(keeping, from, refs)
	kept.assign(members, lane)
	from.learn(observations, refs, s.cfg.Now())
	byTask := make(map[string]*task.Observation, len(observations))
	for i := range observations {
		byTask[observations[i].TaskID] = &observations[i]
	}
	failure := callFailure(err)
	for _, m := range members {
		m.seen.AskedAt = now
		if obs, ok := byTask[m.g.TaskID]; ok {
			m.seen.Observation, m.answered = obs, true
			s.cfg.Logger.Debug("[TaskSync] V2 API status fetched", append(attrs(m.g), "status", obs.Raw, "result_count", len(obs.Items))...)
		} else if failure != nil {
			m.seen.Observation = &task.Observation{TaskID: m.g.TaskID, Failure: failureFor(failure, err, m.g.TaskID)}
		}
	}
	if !errors.Is(ctx.Err(), context.Canceled) { // else the caller has gone away
		traceFetch(ctx, from.outage.provider, err)
		s.tellFetch(from.outage, err, answersIn(observations), len(refs))
	}
}

// sortMembers orders the members as they are to be asked for, because a rate limit
// may stop the fetch halfway: in the backlog the newest first, because their users
// still wait; elsewhere by chance, so that none always comes last.
func sortMembers(lane task.Lane, members []*member) {
	if lane == task.LaneBacklog {
		slices.SortStableFunc(members, func(a, b *member) int { return b.g.CreatedAt.Compare(a.g.CreatedAt) })
		return
	}
	rand.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
}

// ask calls the adapter and survives a panic in it.
func (s *Syncer) ask(ctx context.Context, from *source, refs []task.Ref) (obs []task.Observation, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &task.Failure{Verdict: task.Transient, Reason: "adapter_panic", Message: task.Redact(fmt.Sprint(p))}
		}
	}()
	return from.upstream.Fetch(ctx, refs)
}

// failureFor returns the failure of a task without an observation: f, the failure
// of its fetch, but unsent if calls were made for other tasks only.
func failureFor(f *task.Failure, err error, taskID string) *task.Failure {
	part, ok := errors.AsType[*task.PartError](err)
	if !ok || part.Asked[taskID] {
		return f
	}
	own := *f
	own.Unsent = true
	return &own
}

// callFailure returns what the error of a fetch means for tasks without an
// observation; nil if ctx ended before their calls did. A call without an answer
// cannot give a verdict on a task, so that the failure is transient or the
// account's.
func callFailure(err error) *task.Failure {
	f, ok := errors.AsType[*task.Failure](err)
	switch {
	case err == nil: // the answers left these tasks out
		return &task.Failure{Verdict: task.Transient, Reason: task.ReasonNotReported}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return nil
	case ok && f.Verdict == task.Account:
		return f
	case ok:
		return &task.Failure{Verdict: task.Transient, Reason: f.Reason, RetryAfter: f.RetryAfter, Unsent: f.Unsent}
	default:
		return &task.Failure{Verdict: task.Transient, Reason: "fetch_error"}
	}
}

// refsOf returns one ref for each task, even if several rows name it. A task is
// asked for alone if, past the deadline, the last answer about many left it out.
func (s *Syncer) refsOf(members []*member) []task.Ref {
	at := make(map[string]int, len(members))
	var refs []task.Ref
	for _, m := range members {
		i, ok := at[m.g.TaskID]
		if !ok {
			i = len(refs)
			at[m.g.TaskID] = i
			refs = append(refs, task.Ref{TaskID: m.g.TaskID, Type: m.g.Type, User: m.g.UserID, Value: s.valueOf(m)})
		}
		for _, twin := range m.sameTask() {
			refs[i].Alone = refs[i].Alone || twin.g.Memory.Reason == task.ReasonNotReported
			for _, c := range twin.clips {
				if _, placeholder := s.cfg.Policy.Handlers.PlaceholderNumber(c.ClipID); !placeholder {
					refs[i].ClipIDs = append(refs[i].ClipIDs, c.ClipID)
				}
			}
		}
	}
	return refs
}

// maxProbes bounds how many members of a pass have a probe running at once.
const maxProbes = 16

// probeTimeout bounds all probes of a pass together, so that the deadline is
// kept while a CDN hangs. A probe that has not ended by then counts as not
// answered.
const probeTimeout = 4 * time.Second

// probe probes the URLs that the decisions ask for, and decides again.
func (s *Syncer) probe(ctx context.Context, due []*member) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	var group errgroup.Group
	group.SetLimit(maxProbes)
	for _, m := range due {
		if len(m.decision.Probe) == 0 {
			continue
		}
		group.Go(func() error {
			s.probeFor(ctx, m)
			return nil
		})
	}
	_ = group.Wait() // no function returns an error
}

// probeTurns is how often the decision on one member may ask for probes: once for
// a task that is complete without audio, and once more if the deadline passes
// meanwhile.
const probeTurns = 2

// probeFor probes what the decision on one member asks for. If the decision is
// then still open, which cannot happen, the next pass looks at the row again.
func (s *Syncer) probeFor(ctx context.Context, m *member) {
	m.seen.Probes = make(map[string]task.Probe)
	for range probeTurns {
		s.probeAll(ctx, m.decision.Probe, m.seen.Probes)
		if m.decision = s.decide(m); !m.decision.Open() {
			return
		}
	}
	m.decision = skip(m, ReasonNotDue, s.cfg.Now().Add(retrySoon))
}

// probeAll probes the URLs, one after the other, and enters the results into found.
func (s *Syncer) probeAll(ctx context.Context, urls []string, found map[string]task.Probe) {
	for _, url := range urls {
		found[url] = task.ProbeNoAnswer
		if s.cfg.Prober != nil {
			found[url] = s.probeOne(ctx, url)
		}
	}
}

// probeOne probes a URL. It survives a panic in the prober, which runs in a
// goroutine of the pass, where a panic would end the process.
func (s *Syncer) probeOne(ctx context.Context, url string) (found task.Probe) {
	defer func() {
		if p := recover(); p != nil {
			s.cfg.Logger.Error("[TaskSync] Panic while probing", "panic", task.Redact(fmt.Sprint(p)))
			found = task.ProbeNoAnswer
		}
	}()
	ctx, span := childSpan(ctx, "probe")
	defer span.End()
	return s.cfg.Prober.Probe(ctx, url)
}
