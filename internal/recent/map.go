package recent

import "time"

// Map remembers the latest values: at least Size of them, and at most twice as
// many. The caller sets Size. A Map is not safe for concurrent use.
//
// A Map keeps two generations. The older one is dropped when the younger one is
// full, or began more than Span ago, so a value stays for one to two Spans.
type Map[V any] struct {
	Size int           // entries of a generation
	Span time.Duration // 0: values are dropped only when there are too many

	young, old map[string]V
	since      time.Time // when the young generation began
}

// Put remembers v under key.
func (m *Map[V]) Put(key string, v V, now time.Time) {
	if m.young == nil || len(m.young) >= m.Size || m.Span > 0 && now.Sub(m.since) > m.Span {
		m.old, m.young, m.since = m.young, make(map[string]V, len(m.young)), now
	}
	m.young[key] = v
}

// Get returns the value that was last put under key, if it is still remembered.
func (m *Map[V]) Get(key string) (v V, ok bool) {
	if v, ok = m.young[key]; !ok {
		v, ok = m.old[key]
	}
	return v, ok
}

// Delete forgets the value under key.
func (m *Map[V]) Delete(key string) {
	delete(m.young, key)
	delete(m.old, key)
}
