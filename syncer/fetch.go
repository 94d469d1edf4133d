package syncer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"tasksync/task"
)

// logEvery spaces the warnings of one upstream.
const logEvery = time.Minute

// level is how loud a failed fetch is logged: once a minute as a warning, unless
// the adapter says so itself, or nothing was asked.
func (from *source) level(err error, now time.Time) slog.Level {
	f, ok := errors.AsType[*task.Failure](err)
	quiet := ok && (f.Verdict == task.Account || f.Unsent)
	last := from.warned.Load()
	if quiet || now.UnixNano()-last < int64(logEvery) || !from.warned.CompareAndSwap(last, now.UnixNano()) {
		return slog.LevelDebug
	}
	return slog.LevelWarn
}

// fetch asks the upstreams about their members, side by side, and enters what
// they said. It cannot fail: a member without an answer is one that was not
// reported.
func (s *Syncer) fetch(ctx context.Context, lane task.Lane, due []*member) {
	type kind struct { // an observation names its task only: one type at a time
		provider string
		taskType task.Type
		lane     task.Lane
	}
	now := s.cfg.Now()
	of := make(map[kind][]*member)
	for _, m := range due {
		if m.g.TaskID == "" {
			continue
		}
		k := kind{m.g.Provider, m.g.Type, lane}
		if s.cfg.Policy.Overdue(now, m.g) {
			k.lane = task.LaneBacklog
		}
		of[k] = append(of[k], m)
	}
	var group errgroup.Group
	for k, members := range of {
		group.Go(func() error {
			s.fetchFrom(task.InLane(ctx, k.lane), s.sources[k.provider], members)
			return nil
		})
	}
	_ = group.Wait() // no source returns an error
}

func (s *Syncer) fetchFrom(ctx context.Context, from *source, members []*member) {
	order(ctx, members)
	now := s.cfg.Now()
	refs := s.refsOf(members)
	s.cfg.Logger.Debug("[TaskSync] Fetching status from V2 API", "tasks", len(refs))
	observations, err := s.ask(ctx, from, refs)
	from.note(observations, refs, s.cfg.Now())
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
			m.seen.Observation = &task.Observation{TaskID: m.g.TaskID, Failure: ofTask(failure, err, m.g.TaskID)}
		}
	}
	if err != nil && ctx.Err() == nil {
		s.cfg.Logger.Log(ctx, from.level(err, s.cfg.Now()), "[TaskSync] Fetching status failed; rows stay pending", "provider", from.label(), "error", err, "answered", len(observations), "asked", len(refs))
	}
}

// order says which members are asked first, as under a rate limit only the first
// are asked: of a backlog the newest, whose users still wait; else chance decides.
func order(ctx context.Context, members []*member) {
	if task.LaneOf(ctx) == task.LaneBacklog {
		slices.SortStableFunc(members, func(a, b *member) int { return b.g.CreatedAt.Compare(a.g.CreatedAt) })
		return
	}
	rand.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
}

// ask calls the adapter and survives its panic.
func (s *Syncer) ask(ctx context.Context, from *source, refs []task.Ref) (obs []task.Observation, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &task.Failure{Verdict: task.Transient, Reason: "adapter_panic", Message: task.Redact(fmt.Sprint(p))}
		}
	}()
	return from.upstream.Fetch(ctx, refs)
}

// ofTask is the failure of a fetch for a task of which it has said nothing: unsent
// if the call that failed was for others.
func ofTask(f *task.Failure, err error, taskID string) *task.Failure {
	part, ok := errors.AsType[*task.PartError](err)
	if !ok || part.Asked[taskID] {
		return f
	}
	own := *f
	own.Unsent = true
	return &own
}

// callFailure is what the error of a fetch means for the tasks that it did not
// answer; nil: their calls did not come to an end. A verdict on a task cannot come
// from a call that answered none.
func callFailure(err error) *task.Failure {
	var f *task.Failure
	switch {
	case err == nil: // the answers have left them out
		return &task.Failure{Verdict: task.Transient, Reason: task.ReasonNotReported}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return nil
	case errors.As(err, &f) && f.Verdict == task.Account:
		return f
	case errors.As(err, &f):
		return &task.Failure{Verdict: task.Transient, Reason: f.Reason, RetryAfter: f.RetryAfter, Unsent: f.Unsent}
	default:
		return &task.Failure{Verdict: task.Transient, Reason: "fetch_error"}
	}
}

// refsOf names each task once, whatever the number of its rows. One that an answer
// about many has left out since its deadline wants an answer about itself.
func (s *Syncer) refsOf(members []*member) []task.Ref {
	at := make(map[string]int, len(members))
	var refs []task.Ref
	for _, m := range members {
		i, ok := at[m.g.TaskID]
		if !ok {
			i = len(refs)
			at[m.g.TaskID] = i
			refs = append(refs, task.Ref{TaskID: m.g.TaskID, Type: m.g.Type})
		}
		refs[i].Alone = refs[i].Alone || m.g.Memory.Reason == task.ReasonNotReported
		for _, c := range m.clips {
			if _, placeholder := s.cfg.Policy.Handlers.PlaceholderNumber(c.ClipID); !placeholder {
				refs[i].ClipIDs = append(refs[i].ClipIDs, c.ClipID)
			}
		}
	}
	return refs
}

// maxProbes bounds how many probes of one pass are under way at once.
const maxProbes = 16

// probeTimeout bounds the probes of a pass together. What has not answered by
// then has not answered: the deadline is kept while a CDN hangs.
const probeTimeout = 4 * time.Second

// probe looks at the URLs that decisions ask for, and decides again.
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
	_ = group.Wait() // no member returns an error
}

// maxRounds is how often a decision may ask for other URLs: once for a task that is
// done without audio, and once for what its deadline then needs.
const maxRounds = 2

// probeFor looks at what the decision on one member asks for. What is still open
// then, which cannot be, is looked at again with the next pass.
func (s *Syncer) probeFor(ctx context.Context, m *member) {
	m.seen.Probes = make(map[string]task.Probe)
	for range maxRounds {
		s.probeAll(ctx, m.decision.Probe, m.seen.Probes)
		if m.decision = s.decide(m); !m.decision.Open() {
			return
		}
	}
	m.decision = leave(m, ReasonNotDue, s.cfg.Now().Add(retryRefused))
}

// probeAll enters into found what is at the URLs.
func (s *Syncer) probeAll(ctx context.Context, urls []string, found map[string]task.Probe) {
	for _, url := range urls {
		found[url] = task.ProbeNoAnswer
		if s.cfg.Prober != nil {
			found[url] = s.probeOne(ctx, url)
		}
	}
}

// probeOne survives the prober's panic, which would end the process: it is in a
// goroutine of the pass.
func (s *Syncer) probeOne(ctx context.Context, url string) (found task.Probe) {
	defer func() {
		if p := recover(); p != nil {
			s.cfg.Logger.Error("[TaskSync] Panic while probing", "panic", task.Redact(fmt.Sprint(p)))
			found = task.ProbeNoAnswer
		}
	}()
	return s.cfg.Prober.Probe(ctx, url)
}
