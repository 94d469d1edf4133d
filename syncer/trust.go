package syncer

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"tasksync/queries"
	"tasksync/task"
)

// source is one upstream, and what tasksync knows about it.
type source struct {
	name     string // "" is the default provider
	upstream Upstream
	outage   *outage

	mu      sync.Mutex
	knewAt  time.Time       // when the provider last showed that it knows a task
	witness task.Ref        // asks for that task alone; no task id: it has known none
	unknown map[string]bool // ids of tasks that it has not known since knewAt, manyUnknown at most
	trouble string          // why its provisional verdicts are not believed; "": no reason is known

	vouching *semaphore.Weighted // held during the call for the witness; guards vouchAt and vouch
	vouchAt  time.Time           // when vouch was found out
	vouch    task.Vouch
}

func newSource(name string, up Upstream, o *outage) *source {
	return &source{name: name, upstream: up, outage: o, vouching: semaphore.NewWeighted(1)}
}

const (
	// vouchFor is how long a result of [Syncer.vouch] holds.
	vouchFor = 10 * time.Second
	// witnessFor is how long a provider must know a task that it has known. Some
	// providers forget their tasks after days.
	witnessFor = 24 * time.Hour
	// manyUnknown is how many unknown tasks, without a known one in between, are a
	// trouble of the provider. Fewer are a trouble of their rows.
	manyUnknown = 3
)

// knows reports whether obs shows that the provider knows the task.
func knows(obs *task.Observation) bool {
	f := obs.Failure
	return f == nil || f.Verdict >= task.TaskDead && !f.Provisional
}

// learn records what observations say about the provider itself.
func (from *source) learn(observations []task.Observation, refs []task.Ref, now time.Time) {
	from.mu.Lock()
	defer from.mu.Unlock()
	for i := range observations {
		obs := &observations[i]
		switch {
		case knows(obs):
			from.knewAt, from.unknown, from.trouble = now, nil, ""
			if at := slices.IndexFunc(refs, func(r task.Ref) bool { return r.TaskID == obs.TaskID }); at >= 0 {
				from.witness = refs[at]
				from.witness.Alone = true
			}
		case obs.Failure.Verdict == task.UnknownTask && len(from.unknown) < manyUnknown:
			if from.unknown == nil {
				from.unknown = map[string]bool{}
			}
			from.unknown[obs.TaskID] = true
		case obs.Failure.Reason == task.ReasonNoCall && now.Sub(from.knewAt) > time.Minute:
			from.trouble = "the address is not known there: " + obs.Failure.Message
		}
	}
}

// knewSince reports whether the provider has known a task at that time or later.
func (from *source) knewSince(at time.Time) bool {
	from.mu.Lock()
	defer from.mu.Unlock()
	return !from.knewAt.IsZero() && !from.knewAt.Before(at)
}

// suspect sets the trouble if many tasks are unknown to the provider, and reports
// whether so many are.
func (from *source) suspect(trouble string) (many bool) {
	from.mu.Lock()
	defer from.mu.Unlock()
	if len(from.unknown) < manyUnknown {
		return false
	}
	from.trouble = trouble
	return true
}

// Trouble returns, by the name of the provider, why its provisional verdicts are not
// believed; "" is the default provider. Rows that such a verdict would end stay
// pending.
func (s *Syncer) Trouble() map[string]string {
	out := map[string]string{}
	for name, from := range s.sources {
		from.mu.Lock()
		if from.trouble != "" {
			out[name] = from.trouble
		}
		from.mu.Unlock()
	}
	return out
}

// askVouchers decides again on rows that a provisional verdict would end. First it
// finds out whether the provider still knows another task, one that it must know. A
// wrong base URL, a gateway in trouble or the key of another account make a provider
// deny every task, and must not end any row.
func (s *Syncer) askVouchers(ctx context.Context, due []*member) {
	for _, m := range due {
		if m.decision.Vouch {
			m.seen.Vouch = s.vouch(ctx, s.sources[m.g.Provider], m.seen.AskedAt)
			m.decision = s.decide(m)
		}
	}
}

// vouch finds out whether provisional verdicts of the provider can be believed. They
// can if the provider has known a task at the time since or later, or if it still
// knows the witness: the last task that it has shown to know. A result holds for a
// few seconds, so that many rows cost one call. When ctx ends before a result, the
// verdicts are not believed, by this caller alone.
func (s *Syncer) vouch(ctx context.Context, from *source, since time.Time) task.Vouch {
	if from.knewSince(since) {
		return task.Vouched
	}
	if !from.vouching.TryAcquire(1) && from.vouching.Acquire(ctx, 1) != nil {
		return task.NotVouched
	}
	defer from.vouching.Release(1)
	now := s.cfg.Now()
	switch {
	case from.knewSince(since): // another caller's call has shown it
		return task.Vouched
	case from.vouch != task.VouchUnasked && now.Sub(from.vouchAt).Abs() < vouchFor:
		return from.vouch
	}
	vouch, found := s.askWitness(ctx, from)
	if found {
		from.vouch, from.vouchAt = vouch, s.cfg.Now()
	}
	return vouch
}

// askWitness asks the provider for the witness, in the lane of looks that are due.
// A call that fails does not vouch. found is false if ctx has ended before an answer,
// or no call was made, perhaps because ctx would have ended: another caller may find
// out more.
func (s *Syncer) askWitness(ctx context.Context, from *source) (vouch task.Vouch, found bool) {
	witness := s.findWitness(ctx, from)
	switch {
	case witness.TaskID == "" && ctx.Err() != nil:
		return task.NotVouched, false
	case witness.TaskID == "":
		s.distrust(from, "it has known no task so far")
		return task.NotVouched, true
	}
	observations, err := s.ask(ctx, from, []task.Ref{witness})
	from.learn(observations, []task.Ref{witness}, s.cfg.Now())
	for i := range observations {
		switch obs := &observations[i]; {
		case knows(obs):
			return task.Vouched, true
		case obs.Failure.Verdict == task.UnknownTask:
			s.distrust(from, "it does not even know the last task that it completed")
		}
	}
	if err != nil {
		s.cfg.Logger.Debug("[TaskSync] Asking for a known task failed", "error", err)
	}
	f, ok := errors.AsType[*task.Failure](err)
	unsent := ok && f.Unsent
	return task.NotVouched, len(observations) > 0 || ctx.Err() == nil && !unsent
}

// distrust records that the provider cannot be believed, and logs it, if many
// tasks are unknown: then the configuration is most likely wrong.
func (s *Syncer) distrust(from *source, why string) {
	many := from.suspect("it knows none of the tasks that it was asked for, and " + why)
	if many && s.told.First("trust "+from.name, s.cfg.Now()) {
		s.cfg.Logger.Error("[TaskSync] The provider knows none of the tasks; rows stay pending", "provider", from.label(), "reason", why,
			"hint", "check TASKSYNC_API_URL, TASKSYNC_PROVIDER and the key: do they belong to the account that made the tasks?")
	}
}

// label returns the name of the provider for logs.
func (from *source) label() string {
	if from.name == "" {
		return "default"
	}
	return from.name
}

// findWitness returns a ref to the witness. If this daemon has seen none lately, it
// takes a task that the database shows as completed. Without a witness, the ref has
// no task id.
func (s *Syncer) findWitness(ctx context.Context, from *source) task.Ref {
	since := s.cfg.Now().Add(-witnessFor)
	from.mu.Lock()
	witness, at := from.witness, from.knewAt
	from.mu.Unlock()
	if witness.TaskID != "" && at.After(since) {
		return witness
	}
	rows, err := s.queries.GenerationListWitnesses(ctx, s.cfg.Pool, queries.GenerationListWitnessesParams{Providers: s.cfg.Providers.Of(from.name), Since: since})
	if err != nil || len(rows) == 0 {
		return task.Ref{}
	}
	r := rows[0]
	ref := task.Ref{TaskID: r.TaskID, Type: task.Type(r.TaskType), Alone: true}
	for _, id := range r.ClipIds {
		if _, placeholder := s.cfg.Policy.Handlers.PlaceholderNumber(id); !placeholder {
			ref.ClipIDs = append(ref.ClipIDs, id)
		}
	}
	return ref
}
