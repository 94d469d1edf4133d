package feed

import "sync"

// A state tells Config.State whether new rows are heard of at once, and if not, why.
// It is safe for concurrent use.
type state struct {
	changed func(reason string) // Config.State
	metrics *metrics

	mu     sync.Mutex
	reason string // the last reason that changed was called with
}

// up says that new rows are heard of at once, by this or another daemon.
func (s *state) up() { s.tell("") }

// down says why new rows are not heard of at once.
func (s *state) down(reason string) {
	s.metrics.mode("", "")
	s.tell(reason)
}

func (s *state) tell(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.metrics.up.Set(oneIf(reason == ""))
	if reason != "" || s.reason != "" {
		s.reason = reason
		s.changed(reason)
	}
}
