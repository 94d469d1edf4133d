package syncer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"tasksync/task"
)

// source is one upstream and what is known of it.
type source struct {
	upstream   Upstream
	proven     atomic.Bool  // it has known a task
	distrusted sync.Once    // it was said that it has not
	warned     atomic.Int64 // when a failed fetch was last logged, in Unix nanoseconds
}

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
func (s *Syncer) fetch(ctx context.Context, due []*member) {
	type kind struct { // an observation names its task only: one type at a time
		provider string
		taskType task.Type
	}
	of := make(map[kind][]*member)
	for _, m := range due {
		if k := (kind{m.g.Provider, m.g.Type}); m.g.TaskID != "" {
			of[k] = append(of[k], m)
		}
	}
	var group errgroup.Group
	for k, members := range of {
		group.Go(func() error {
			s.fetchFrom(ctx, s.sources[k.provider], members)
			return nil
		})
	}
	_ = group.Wait() // no source returns an error
}

func (s *Syncer) fetchFrom(ctx context.Context, from *source, members []*member) {
	// Under a rate limit only the first are asked; chance decides who that is.
	rand.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	refs := refsOf(members)
	s.cfg.Logger.Debug("[TaskSync] Fetching status from V2 API", "tasks", len(refs))
	observations, err := s.ask(ctx, from, refs)
	byTask := make(map[string]*task.Observation, len(observations))
	for i := range observations {
		byTask[observations[i].TaskID] = &observations[i]
	}
	s.distrust(from, observations)
	failure := callFailure(err)
	for _, m := range members {
		if obs, ok := byTask[m.g.TaskID]; ok {
			m.seen.Observation, m.answered = obs, true
			s.cfg.Logger.Debug("[TaskSync] V2 API status fetched", append(attrs(m.g), "status", obs.Raw, "result_count", len(obs.Items))...)
		} else if failure != nil {
			m.seen.Observation = &task.Observation{TaskID: m.g.TaskID, Failure: failure}
		}
	}
	if err != nil && ctx.Err() == nil {
		s.cfg.Logger.Log(ctx, from.level(err, s.cfg.Now()), "[TaskSync] Fetching status failed; rows stay pending", "provider", cmp.Or(members[0].g.Provider, "default"), "error", err, "answered", len(observations), "asked", len(refs))
	}
}

// distrust takes "unknown task" for a passing failure until the upstream has
// known one task: a base URL that leads nowhere answers the same for every task,
// and must not fail them all.
func (s *Syncer) distrust(from *source, observations []task.Observation) {
	for i := range observations {
		if f := observations[i].Failure; f == nil || f.Verdict >= task.TaskDead {
			from.proven.Store(true)
		}
	}
	if from.proven.Load() {
		return
	}
	for i := range observations {
		if f := observations[i].Failure; f != nil && f.Verdict == task.UnknownTask {
			observations[i].Failure = &task.Failure{Verdict: task.Transient, Reason: f.Reason, RetryAfter: f.RetryAfter}
			from.distrusted.Do(func() {
				s.cfg.Logger.Warn("[TaskSync] The upstream knows none of the tasks so far; is TASKSYNC_API_URL right, and TASKSYNC_PROVIDER?", "reason", f.Reason)
			})
		}
	}
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

// callFailure is what a failed call means for the tasks that it did not
// answer. A verdict on a task cannot come from a call that answered none.
func callFailure(err error) *task.Failure {
	var f *task.Failure
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return nil
	case errors.As(err, &f) && f.Verdict == task.Account:
		return f
	case errors.As(err, &f):
		return &task.Failure{Verdict: task.Transient, Reason: f.Reason, RetryAfter: f.RetryAfter, Unsent: f.Unsent}
	default:
		return &task.Failure{Verdict: task.Transient, Reason: "fetch_error"}
	}
}

// refsOf names each task once, whatever the number of its rows.
func refsOf(members []*member) []task.Ref {
	at := make(map[string]int, len(members))
	var refs []task.Ref
	for _, m := range members {
		i, ok := at[m.g.TaskID]
		if !ok {
			i = len(refs)
			at[m.g.TaskID] = i
			refs = append(refs, task.Ref{TaskID: m.g.TaskID, Type: m.g.Type})
		}
		for _, c := range m.clips {
			if _, placeholder := task.PlaceholderNumber(c.ClipID); !placeholder {
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
const probeTimeout = 5 * time.Second

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
			m.seen.Probes = s.probeAll(ctx, m.decision.Probe)
			m.decision = s.decide(m)
			return nil
		})
	}
	_ = group.Wait() // no member returns an error
}

func (s *Syncer) probeAll(ctx context.Context, urls []string) map[string]task.Probe {
	found := make(map[string]task.Probe, len(urls))
	for _, url := range urls {
		found[url] = task.ProbeNoAnswer
		if s.cfg.Prober != nil {
			found[url] = s.probeOne(ctx, url)
		}
	}
	return found
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
