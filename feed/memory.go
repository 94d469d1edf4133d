package feed

import (
	"sync"
	"time"
)

// A memory knows the ids that were handed on a moment ago, so that a row that is
// heard of twice is handed on once. It is bounded in time and size: what it has
// forgotten is handed on again, which costs a request and does no harm.
//
// It keeps two generations of entries. The elder one is dropped when the younger
// one is full or old, so an id stays for between one and two spans.
type memory struct {
	span time.Duration
	size int

	mu             sync.Mutex
	younger, elder map[string]entry
	since          time.Time // when the younger generation began
}

// entry is how an id came to be handed on.
type entry struct {
	at time.Time
	// told of by a notification. What was found by a look or a sweep instead may
	// be announced too, a moment later: that is its echo.
	told bool
}

// memorySpan and memorySize are a little more than the widest look and what it
// may find.
const (
	memorySpan = wideOverlap + 2*time.Second
	memorySize = 200_000
)

func newMemory() *memory {
	return &memory{span: memorySpan, size: memorySize, younger: map[string]entry{}, since: time.Now()}
}

// add notes ids as handed on.
func (m *memory) add(told bool, ids ...string) {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range ids {
		if len(m.younger) >= m.size || now.Sub(m.since) > m.span {
			m.elder, m.younger, m.since = m.younger, make(map[string]entry, len(m.younger)), now
		}
		m.younger[id] = entry{at: now, told: told}
	}
}

func (m *memory) get(id string) (entry, bool) {
	if e, ok := m.younger[id]; ok {
		return e, true
	}
	e, ok := m.elder[id]
	return e, ok
}

// unknown are those of ids that were not handed on a moment ago.
func (m *memory) unknown(ids []string) []string {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []string
	for _, id := range ids {
		if e, ok := m.get(id); !ok || now.Sub(e.at) > 2*m.span {
			out = append(out, id)
		}
	}
	return out
}

// echoFor is how long a notification of a row that was found is taken for the
// echo of it. A row that the application sets pending again later than that is
// handed on again.
const echoFor = 5 * time.Second

// echo reports whether a notification of id tells nothing new.
func (m *memory) echo(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.get(id)
	return ok && !e.told && time.Since(e.at) < echoFor
}
