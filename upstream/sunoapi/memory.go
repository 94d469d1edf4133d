package sunoapi

import "sync"

// maxKnown bounds each of the two generations of remembered tasks.
const maxKnown = 50_000

// memory remembers at which endpoint a task was found, unless that is the first. It
// forgets the tasks that were found longest ago; they are looked for anew. The zero
// value is empty. It is safe for concurrent use.
type memory struct {
	mu         sync.Mutex
	young, old map[string]int // endpoint by task id; a task that is found again moves to young
}

// endpoint returns the endpoint to ask first, and whether the task was found there.
func (m *memory) endpoint(taskID string) (endpoint int, remembered bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if endpoint, remembered = m.young[taskID]; remembered {
		return endpoint, true
	}
	endpoint, remembered = m.old[taskID]
	return endpoint, remembered
}

// remember records that a task was found at the endpoint.
func (m *memory) remember(taskID string, endpoint int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if endpoint == 0 {
		delete(m.young, taskID)
		delete(m.old, taskID)
		return
	}
	if m.young == nil || len(m.young) >= maxKnown {
		m.young, m.old = map[string]int{}, m.young
	}
	m.young[taskID] = endpoint
}
