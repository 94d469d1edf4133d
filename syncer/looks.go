package syncer

import (
	"sync"
	"time"

	"tasksync/internal/recent"
)

// maxLooks is how many answered looks are remembered at least, more than are made
// within any useful spacing. A row whose look is forgotten is looked at again.
const maxLooks = 25_000

// recentLooks remembers, for all passes together, which generations a pass is
// looking at, and when a look at each generation was last answered.
type recentLooks struct {
	mu      sync.Mutex
	passes  map[string]int // passes that look at a generation, by its id
	answers recent.Map[time.Time]
}

func newRecentLooks() *recentLooks {
	return &recentLooks{passes: make(map[string]int), answers: recent.Map[time.Time]{Size: maxLooks}}
}

// begin records that a pass over ids has begun, and returns the ids that the pass
// is to look at, mine. With a spacing it spares the ids that another pass is looking
// at, and the ids that had an answer less than spacing ago. The caller must call end
// with mine.
func (l *recentLooks) begin(ids []string, now time.Time, spacing time.Duration) (mine, spared []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		if spacing > 0 && (l.passes[id] > 0 || l.answeredWithin(id, now, spacing)) {
			spared = append(spared, id)
			continue
		}
		mine = append(mine, id)
		l.passes[id]++
	}
	return mine, spared
}

// answeredWithin reports whether a look at id was answered less than spacing ago;
// false if the clock was since set back by more than spacing.
func (l *recentLooks) answeredWithin(id string, now time.Time, spacing time.Duration) bool {
	at, ok := l.answers.Get(id)
	return ok && now.Sub(at).Abs() < spacing
}

// end records that the pass over ids has ended.
func (l *recentLooks) end(ids []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		if l.passes[id]--; l.passes[id] == 0 {
			delete(l.passes, id)
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
