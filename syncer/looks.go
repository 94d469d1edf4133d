package syncer

import (
	"sync"
	"time"

	"tasksync/internal/recent"
)

// maxLooks is how many answered looks are remembered at least. More are not made
// within any useful spacing; a row that is forgotten is looked at again.
const maxLooks = 25_000

// recentLooks remembers, for all passes together, which generations are being
// looked at, and when a look at them was last answered.
type recentLooks struct {
	mu       sync.Mutex
	underWay map[string]int // passes, by generation
	answers  recent.Map[time.Time]
}

func newRecentLooks() *recentLooks {
	return &recentLooks{underWay: make(map[string]int), answers: recent.Map[time.Time]{Size: maxLooks}}
}

// begin records that a pass over ids has begun. With a spacing it leaves out, as
// spared, the ids that another pass is looking at, and those that had an answer
// less than spacing ago. The caller must call end with the others, mine.
func (l *recentLooks) begin(ids []string, now time.Time, spacing time.Duration) (mine, spared []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		if spacing > 0 && (l.underWay[id] > 0 || l.within(id, now, spacing)) {
			spared = append(spared, id)
			continue
		}
		mine = append(mine, id)
		l.underWay[id]++
	}
	return mine, spared
}

// within reports whether a look at id was answered less than spacing ago. If the
// clock was set back by more than spacing, it was not.
func (l *recentLooks) within(id string, now time.Time, spacing time.Duration) bool {
	at, ok := l.answers.Get(id)
	return ok && now.Sub(at).Abs() < spacing
}

// end records that the pass over ids has ended.
func (l *recentLooks) end(ids []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		if l.underWay[id]--; l.underWay[id] == 0 {
			delete(l.underWay, id)
		}
	}
}

// answered records the members whose looks were answered. A row without an answer
// may be looked at again at any time.
func (l *recentLooks) answered(members []*member, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range members {
		if m.answered {
			l.answers.Put(m.g.ID, now, now)
		}
	}
}
