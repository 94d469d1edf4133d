package syncer

import (
	"cmp"
	"sync"
	"time"

	"tasksync/internal/planner"
	"tasksync/internal/recent"
	"tasksync/looks"
	"tasksync/task"
)

// maxTracks is how many tracks are remembered at least, beside those that jobs
// remember themselves.
const maxTracks = 25_000

// tracks remembers what the looks of this daemon have told of rows, for passes that
// no job makes.
type tracks struct {
	mu   sync.Mutex
	byID recent.Map[looks.Track]
}

func newTracks() *tracks { return &tracks{byID: recent.Map[looks.Track]{Size: maxTracks}} }

// latest returns the track of the later look at the row's task: the one given, or the
// one remembered. A track that is older than the row is of an earlier life: the row
// was retried since.
func (t *tracks) latest(m *member, given looks.Track, age time.Duration) looks.Track {
	t.mu.Lock()
	defer t.mu.Unlock()
	if known, ok := t.byID.Get(trackKey(m.g)); ok && cmp.Or(cmp.Compare(known.Last, given.Last), cmp.Compare(known.Looks, given.Looks)) > 0 {
		given = known
	}
	if given.Last > age.Milliseconds() {
		return looks.Track{}
	}
	return given
}

func trackKey(g task.Generation) string { return g.ID + " " + g.TaskID }

func (t *tracks) put(g task.Generation, track looks.Track, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.byID.Put(trackKey(g), track, now)
}

// row is the member as the planner takes it.
func (s *Syncer) row(m *member, age time.Duration) planner.Row {
	return planner.Row{Provider: m.g.Provider, Type: m.g.Type, User: m.g.UserID, Track: m.track, Age: age, Sharing: m.sharing}
}

// age is how old the row is.
func (s *Syncer) age(m *member, now time.Time) time.Duration {
	return max(0, now.Sub(s.cfg.Policy.Began(now, m.g)))
}

// planLooks lets decisions on the members plan the next look, and tells the members
// how many of them one call would ask for.
func (s *Syncer) planLooks(due []*member) {
	if s.cfg.Planner == nil {
		return
	}
	sharing := map[string]int{}
	for _, m := range due {
		if m.leads() {
			sharing[m.g.Provider]++
		}
	}
	for _, m := range due {
		m.sharing = max(m.sharing, sharing[m.g.Provider])
		row, every := s.row(m, 0), time.Duration(0)
		m.seen.Every = func(stage task.Stage, age time.Duration) time.Duration {
			if every == 0 { // a look is decided on more than once, and asked for once
				row.Age = age
				every = s.cfg.Planner.Every(row, stage)
			}
			return every
		}
	}
}

// track enters the look of the pass into the tracks of the members that it found
// under way.
func (s *Syncer) track(due []*member) {
	for _, m := range due {
		if m.answered && !m.decision.Status.Terminal() && !m.decision.Open() {
			m.track = m.track.Looked(s.age(m, m.seen.SentAt()), m.decision.Stage)
			s.tracks.put(m.g, m.track, s.cfg.Now())
		}
	}
}

// learn measures the members that their providers have ended, and whose end this pass
// has written, and lets the planner learn from them. A row past its deadline teaches
// nothing: it may have waited for a look for long. Of twins one teaches.
func (s *Syncer) learn(via Via, due []*member, results map[string]Result) {
	now := s.cfg.Now()
	for _, m := range due {
		age := s.age(m, now)
		if !m.answered || !m.leads() || m.holder != nil || !results[m.g.ID].NewStatus.Terminal() || age > s.cfg.Policy.Timeout || m.decision.Late {
			continue
		}
		s.metrics.ended(via, m.track.Looks+1, now.Sub(s.endOf(via, m)))
		if s.cfg.Planner == nil {
			continue
		}
		if via == ViaWebhook { // the row had ended before its look began to wait
			age = s.age(m, m.seen.AskedAt)
		}
		s.cfg.Planner.Ended(s.row(m, age), via == ViaWebhook)
	}
}

// endOf is when the task of a member ended, as far as its looks tell: in the middle
// between the last one that found it under way and the one that found the end. A
// callback's look begins with the end.
func (s *Syncer) endOf(via Via, m *member) time.Time {
	if via == ViaWebhook {
		return m.seen.AskedAt
	}
	found := m.seen.SentAt()
	underWay := s.cfg.Policy.Began(found, m.g).Add(time.Duration(m.track.Last) * time.Millisecond)
	return found.Add(-max(0, found.Sub(underWay)) / 2)
}

// joinAhead is how long before its time a row may be looked at with others.
const joinAhead = 10 * time.Second

// joins reports whether a member that is not due yet is asked for with others that
// are: in a call that can carry it, its look costs nothing. It must have waited for
// half of its time, and for the least time of its provider; a fixed interval is kept.
func (s *Syncer) joins(m *member, at, now time.Time) bool {
	p := s.cfg.Planner
	if p == nil || !p.Batched(m.g.Provider) || m.track.Last == 0 || s.cfg.Policy.PollInterval > 0 || m.g.Memory.Reason != "" {
		return false
	}
	last := s.cfg.Policy.Began(now, m.g).Add(time.Duration(m.track.Last) * time.Millisecond)
	waited, ahead := now.Sub(last), at.Sub(now)
	return waited >= ahead && waited >= p.Least(m.g.Provider) && ahead <= joinAhead
}

// valueOf is what the look at a member is worth among the others.
func (s *Syncer) valueOf(m *member) float64 {
	if s.cfg.Planner == nil {
		return 0
	}
	return s.cfg.Planner.Value(s.row(m, s.age(m, s.cfg.Now())))
}
