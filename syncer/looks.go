package syncer

import (
	"sync"
	"time"
)

// maxLooks bounds how many looks are remembered, twice. That is more than are
// made in the spacings that are of use; what is forgotten is looked at again.
const maxLooks = 25_000

// looks remembers, of all passes together, which generations are being looked at
// and when the upstream last answered for them. Its zero value is ready.
type looks struct {
	mu       sync.Mutex
	underWay map[string]int       // passes, by generation
	young    map[string]time.Time // answers, by generation
	old      map[string]time.Time // those before that
}

// begin enters a pass over the generations. With a spacing it leaves out, as
// spared, those that another pass is looking at, or had an answer for within the
// spacing before now. The caller has to call end with the others.
func (l *looks) begin(ids []string, now time.Time, spacing time.Duration) (mine, spared []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.underWay == nil {
		l.underWay = make(map[string]int)
	}
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

// within holds for a clock that was put back, too: then it is no answer of the
// spacing.
func (l *looks) within(id string, now time.Time, spacing time.Duration) bool {
	at, ok := l.young[id]
	if !ok {
		at, ok = l.old[id]
	}
	return ok && now.Sub(at).Abs() < spacing
}

// end is that of a pass.
func (l *looks) end(ids []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		if l.underWay[id]--; l.underWay[id] == 0 {
			delete(l.underWay, id)
		}
	}
}

// answered notes whom the upstream has answered for. One that it said nothing of
// is worth another look at any time.
func (l *looks) answered(members []*member, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range members {
		if !m.answered {
			continue
		}
		if l.young == nil || len(l.young) >= maxLooks {
			l.young, l.old = make(map[string]time.Time), l.young
		}
		l.young[m.g.ID] = now
	}
}
