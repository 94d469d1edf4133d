package feed

import (
	"sync"
	"time"

	"tasksync/internal/recent"
)

// A memory knows the ids that were handed on a moment ago, so that a row that is
// found in two ways is handed on once. It is bounded in time and size: an id that
// it has forgotten is handed on again, which costs a request and does no harm.
type memory struct {
	mu  sync.Mutex
	ids recent.Map[entry]
}

// entry is how an id came to be handed on.
type entry struct {
	at time.Time
	// announced by a notification. A row that a scan or a sweep has found instead
	// may be announced too, a moment later: that notification is an echo.
	announced bool
}

const (
	// wideOverlap is how far the widest scan goes back: as far as the sweep leaves
	// young rows to the feed.
	wideOverlap = 5 * time.Second
	// memorySpan and memorySize are a little more than the widest scan and the rows
	// that it may find.
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

// echoFor is how long a notification of a row that was found counts as an echo.
// A row that the application sets pending again later is handed on again.
const echoFor = 5 * time.Second

// echo reports whether a notification of id says nothing new.
func (m *memory) echo(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.ids.Get(id)
	return ok && !e.announced && time.Since(e.at) < echoFor
}
