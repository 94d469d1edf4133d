package syncer

import (
	"cmp"
	"slices"
	"time"

	"tasksync/task"
)

// Twins are pending rows that name the same task: a user has clicked twice, or an
// application has a row for each listener. A look at one of them is a look at all.
//
// The youngest twin is the leader: it is looked at the most often, and its deadline is
// the last. Each load finds the leaders of its rows, so that all daemons have the same
// ones. Only the leader is due in its job. The jobs of the others wait without a look
// while a leader is pending, and find their rows ended by its pass. A pass that a user
// or a callback has asked for asks for the leader at once, whichever twin it is for.
//
// A pass writes the answer about a leader into all its twins, however many: see
// [Syncer.follow].

// TwinsEvery is how long the job of a twin waits, at least, until it finds out whether a
// leader still stands for it. The leader may be gone without an end.
const TwinsEvery = 15 * time.Second

// taskKey is what twins have in common.
type taskKey struct {
	provider string
	taskType task.Type
	taskID   string
}

func keyOf(g task.Generation) taskKey { return taskKey{g.Provider, g.Type, g.TaskID} }

// findTwins tells the members that have twins of them, the leader first, and reports
// whether there are any. The members are the rows of a request and the leaders of their
// tasks; a leader that has older twins has at least one of them among the members.
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

// leadTwins leaves one member of each task in due: the leader. It takes out the members
// that are not leaders, and puts their leaders in if the request does not leave them to
// the jobs of these.
func (s *Syncer) leadTwins(req Request, due []*member, members map[string]*member, results map[string]Result) []*member {
	if !findTwins(members) {
		return due
	}
	leaders := make([]*member, 0, len(due))
	isDue := make(map[*member]bool, len(due))
	for _, m := range due {
		leader := m
		if !m.leads() {
			results[m.g.ID] = Result{ID: m.g.ID, Outcome: task.OutcomeSkipped, Reason: ReasonTwin, Next: later(m.decision.Next, s.cfg.Now().Add(TwinsEvery)), Track: m.track}
			leader = m.twins[0]
			if req.LeaveTwins {
				continue
			}
			leader.decision = s.decide(leader)
		}
		if !isDue[leader] {
			isDue[leader] = true
			leaders = append(leaders, leader)
		}
	}
	return leaders
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// leads reports whether no other row stands for m.
func (m *member) leads() bool { return len(m.twins) == 0 || m.twins[0] == m }

// sameTask returns the members of the pass with the task of m, m among them.
func (m *member) sameTask() []*member {
	if len(m.twins) == 0 {
		return []*member{m}
	}
	return m.twins
}
