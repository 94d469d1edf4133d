package syncer

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"tasksync/internal/record"
	"tasksync/task"
)

// keptAnswers are the answers of one fetch, in the order in which they came. A nil one
// keeps none.
type keptAnswers struct {
	mu  sync.Mutex
	all []task.Answer
}

// keepAnswers returns a context whose calls leave their answers in kept, if they are to
// be kept.
func (s *Syncer) keepAnswers(ctx context.Context) (context.Context, *keptAnswers) {
	if !s.cfg.Recorder.Wants() {
		return ctx, nil
	}
	kept := &keptAnswers{}
	return task.KeepAnswers(ctx, func(a task.Answer) {
		kept.mu.Lock()
		defer kept.mu.Unlock()
		kept.all = append(kept.all, a)
	}), kept
}

// assign gives each member the last answer to a call that named its task. A call names
// tasks, or their clips, in its address or its body; if a fetch makes one call, that
// call names them all.
func (k *keptAnswers) assign(members []*member, lane task.Lane) {
	for _, m := range members {
		m.lane = lane
	}
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for i := range k.all {
		a := &k.all[i]
		var named []*member
		for _, m := range members {
			if len(k.all) == 1 || m.namedIn(a.Asked) {
				named = append(named, m)
			}
		}
		for _, m := range named {
			m.answer, m.alone = a, len(named) == 1
		}
	}
}

func (m *member) namedIn(asked string) bool {
	return strings.Contains(asked, strings.TrimSpace(m.g.TaskID)) ||
		slices.ContainsFunc(m.clips, func(c task.Clip) bool { return len(c.ClipID) >= 8 && strings.Contains(asked, c.ClipID) })
}

// record keeps what the looks of a pass told.
func (s *Syncer) record(via Via, due []*member, results map[string]Result) {
	if !s.cfg.Recorder.Wants() {
		return
	}
	made := make([]record.Made, 0, len(due))
	for _, m := range due {
		if r, ok := results[m.g.ID]; ok && !m.seen.AskedAt.IsZero() && !m.paused() {
			made = append(made, record.Made{Look: lookOf(via, m, r), GenerationID: m.g.ID, TaskID: m.g.TaskID, Alone: m.alone, Answer: m.answer})
		}
	}
	s.cfg.Recorder.Looked(made)
}

// paused reports whether an operator has paused the provider: then no look is made, and a
// record of it, every quarter of a minute, would leave no room for others.
func (m *member) paused() bool {
	obs := m.seen.Observation
	return obs != nil && obs.Failure != nil && obs.Failure.Reason == task.ReasonPaused
}

func lookOf(via Via, m *member, r Result) record.Look {
	l := record.Look{
		At: m.seen.SentAt().UTC(), Why: m.lane.String(), Via: string(via), Outcome: string(r.Outcome), Reason: r.Reason, Status: string(r.NewStatus),
		Clips: r.ItemsUpdated, Next: r.Next.UTC().Truncate(time.Millisecond),
	}
	if m.answered && !m.decision.Status.Terminal() {
		l.Stage = m.decision.Stage.String()
	}
	if m.answer != nil {
		l.Code, l.Took = m.answer.Code, m.answer.Took.Milliseconds()
	}
	if obs := m.seen.Observation; obs != nil {
		l.Said, l.Items, l.Waited = rawStatus(m), len(obs.Items), obs.Waited.Milliseconds()
		if f := obs.Failure; f != nil {
			l.Failure, l.Message, l.Unsent = f.Reason, task.Redact(f.Message), f.Unsent
			if l.Failure == "" {
				l.Failure = f.Verdict.String()
			}
		}
	}
	return l
}

// lateResults are the results of late looks.
func lateResults(due []*member) map[string]Result {
	results := make(map[string]Result, len(due))
	for _, m := range due {
		results[m.g.ID] = resultOf(m)
	}
	return results
}
