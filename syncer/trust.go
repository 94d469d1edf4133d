package syncer

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tasksync/queries"
	"tasksync/task"
)

// source is one upstream and what is known of it.
type source struct {
	name     string // "" is the default one
	upstream Upstream
	warned   atomic.Int64 // when a failed fetch was last logged, in Unix nanoseconds

	mu        sync.Mutex
	knewAt    time.Time       // when it last knew a task
	witness   task.Ref        // how to ask for that task alone; none: no task id
	strangers map[string]bool // tasks that it did not know since, at most as many as make a trouble
	trouble   string          // why its word on tasks is not believed; "" while it is

	vouching sync.Mutex // one call for the witness at a time
	vouchAt  time.Time  // when vouch was found; vouching guards both
	vouch    task.Vouch
}

const (
	// vouchFor is how long an answer to the question of [Syncer.vouch] holds.
	vouchFor = 10 * time.Second
	// witnessFor is how long a provider must know a task that it has known: some
	// forget theirs after days.
	witnessFor = 24 * time.Hour
	// manyStrangers is how many tasks a provider must not know, and none between
	// them, for a trouble of the provider: fewer are a trouble of those rows.
	manyStrangers = 3
)

// knows reports whether obs shows that the provider has the task.
func knows(obs *task.Observation) bool {
	f := obs.Failure
	return f == nil || f.Verdict >= task.TaskDead && !f.Provisional
}

// note keeps what observations tell of the provider itself.
func (from *source) note(observations []task.Observation, refs []task.Ref, now time.Time) {
	from.mu.Lock()
	defer from.mu.Unlock()
	for i := range observations {
		obs := &observations[i]
		switch {
		case knows(obs):
			from.knewAt, from.strangers, from.trouble = now, nil, ""
			if at := slices.IndexFunc(refs, func(r task.Ref) bool { return r.TaskID == obs.TaskID }); at >= 0 {
				from.witness = refs[at]
				from.witness.Alone = true
			}
		case obs.Failure.Verdict == task.UnknownTask && len(from.strangers) < manyStrangers:
			if from.strangers == nil {
				from.strangers = map[string]bool{}
			}
			from.strangers[obs.TaskID] = true
		case obs.Failure.Reason == task.ReasonNoCall && now.Sub(from.knewAt) > time.Minute:
			from.trouble = "the address is not known there: " + obs.Failure.Message
		}
	}
}

func (from *source) knewSince(at time.Time) bool {
	from.mu.Lock()
	defer from.mu.Unlock()
	return !from.knewAt.IsZero() && !from.knewAt.Before(at)
}

// suspect makes it a trouble that many tasks are unknown; few are none.
func (from *source) suspect(trouble string) (many bool) {
	from.mu.Lock()
	defer from.mu.Unlock()
	if len(from.strangers) < manyStrangers {
		return false
	}
	from.trouble = trouble
	return true
}

// Trouble tells of each provider whose word on tasks is not believed, and why;
// "" is the default provider. Its rows stay pending.
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

// askVouchers finds out, for members whose provider is about to end them by not
// knowing their tasks, whether it still knows one that it must know, and decides
// again. A wrong base URL, a gateway in trouble or another account's key answer
// the same for every task, and must end none.
func (s *Syncer) askVouchers(ctx context.Context, due []*member) {
	for _, m := range due {
		if m.decision.Vouch {
			m.seen.Vouch = s.vouch(ctx, s.sources[m.g.Provider], m.seen.AskedAt)
			m.decision = s.decide(m)
		}
	}
}

// vouch asks for the task that the provider was last known to have, unless it has
// shown since that it knows tasks. Answers hold for a few seconds.
func (s *Syncer) vouch(ctx context.Context, from *source, since time.Time) task.Vouch {
	from.vouching.Lock()
	defer from.vouching.Unlock()
	now := s.cfg.Now()
	switch {
	case from.knewSince(since):
		return task.Vouched
	case from.vouch != task.VouchUnasked && now.Sub(from.vouchAt).Abs() < vouchFor:
		return from.vouch
	}
	from.vouch = s.askWitness(ctx, from)
	from.vouchAt = s.cfg.Now()
	return from.vouch
}

func (s *Syncer) askWitness(ctx context.Context, from *source) task.Vouch {
	witness := s.findWitness(ctx, from)
	if witness.TaskID == "" {
		s.distrust(from, "it has known no task so far")
		return task.NotVouched
	}
	observations, err := s.ask(ctx, from, []task.Ref{witness})
	from.note(observations, []task.Ref{witness}, s.cfg.Now())
	for i := range observations {
		switch obs := &observations[i]; {
		case knows(obs):
			return task.Vouched
		case obs.Failure.Verdict == task.UnknownTask:
			s.distrust(from, "it does not even know the last task that it completed")
		}
	}
	if err != nil {
		s.cfg.Logger.Debug("[TaskSync] Asking for a known task failed", "error", err)
	}
	return task.NotVouched
}

// distrust makes it a trouble of the configuration, if it concerns many tasks.
func (s *Syncer) distrust(from *source, why string) {
	many := from.suspect("it knows none of the tasks that it was asked for, and " + why)
	if many && s.seldom.First("trust "+from.name, s.cfg.Now()) {
		s.cfg.Logger.Error("[TaskSync] The upstream knows none of the tasks; rows stay pending", "provider", from.label(), "reason", why,
			"hint", "are TASKSYNC_API_URL, TASKSYNC_PROVIDER and the key those of the account that made the tasks?")
	}
}

func (from *source) label() string {
	if from.name == "" {
		return "default"
	}
	return from.name
}

// findWitness is a task that the provider must know: the last one that it knew, be
// it in the life of another daemon.
func (s *Syncer) findWitness(ctx context.Context, from *source) task.Ref {
	since := s.cfg.Now().Add(-witnessFor)
	from.mu.Lock()
	witness, at := from.witness, from.knewAt
	from.mu.Unlock()
	if witness.TaskID != "" && at.After(since) {
		return witness
	}
	rows, err := s.queries.GenerationListWitnesses(ctx, s.cfg.Pool, queries.GenerationListWitnessesParams{Provider: from.name, Since: since})
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
