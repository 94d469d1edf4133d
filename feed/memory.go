package feed

import (
	"sync"
	"time"

	"tasksync/internal/recent"
)

// A memory knows the ids that were handed on a moment ago, so that a row that is
// found in two ways is handed on once. It is bounded in time and size: an id that
// it has forgotten is handed on again, which costs a second job and does no harm.
type memory struct {
	mu  sync.Mutex
	ids recent.Map[entry]
}

// entry is how an id came to be handed on.
type entry struct {
	at time.Time
	// announced says that a notification brought the id. If something else did, like
	// a scan, the row may be announced a moment later: that notification is an echo.
	announced bool
}

const (
	// wideOverlap is how far a wide scan goes back: the sweep leaves rows that are
	// younger than this to the feed.
	wideOverlap = 5 * time.Second
	// memorySpan is a little more than wideOverlap, and memorySize more than the rows
	// of that time.
	memorySpan = wideOverlap + 2*time.Second
	memorySize = 200_000
)

func newMemory() *memory {
	return &memory{ids: recent.Map[entry]{Span: memorySpan, Size: memorySize}}
}

// add notes ids as handed on.
func (m *memory) add(announced bool, ids ...string) {
	e := entry{at: time.Now(), announced: announced}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range ids {
		m.ids.Put(id, e, e.at)
	}
}

// unknown returns those of ids that were not handed on a moment ago.
func (m *memory) unknown(ids []string) []string {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []string
	for _, id := range ids {
		if e, ok := m.ids.Get(id); !ok || now.Sub(e.at) > 2*m.ids.Span {
			out = append(out, id)
		}
	}
	return out
}

// echoFor is how long after a row was found its notification counts as an echo. A
// row that the application sets pending again later than that is handed on again.
const echoFor = 5 * time.Second

// echo reports whether a notification of id says nothing new.
func (m *memory) echo(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.ids.Get(id)
	return ok && !e.announced && time.Since(e.at) < echoFor
}
