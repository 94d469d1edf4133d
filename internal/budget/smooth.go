package budget

import (
	"math"
	"sync"
	"time"
)

// Smooth is what a share is worth to plans: the calls of a window that a daemon can count
// on. Rows keep the looks that were planned while the share was small for a moment, as it
// is in a new daemon, or none without the database. It is safe for concurrent use.
type Smooth struct {
	limit float64

	mu    sync.Mutex
	value float64
	at    time.Time
}

const (
	// smoothSpan is how far back a share is smoothed.
	smoothSpan = 30 * time.Second
	// onTheWay: what one daemon gives back another has only a window later, so the shares
	// are less than the limit together, and grow where calls wait.
	onTheWay = 1.25
)

// NewSmooth returns a Smooth for a limit, which is what it tells before the first share.
func NewSmooth(limit int) *Smooth { return &Smooth{limit: float64(limit), value: float64(limit)} }

// Next takes the share of now.
func (s *Smooth) Next(share int, now time.Time) float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if share > 0 {
		if !s.at.IsZero() {
			s.value += (float64(share) - s.value) * (1 - math.Exp(-max(0, now.Sub(s.at)).Seconds()/smoothSpan.Seconds()))
		}
		s.at = now
	}
	return min(s.limit, onTheWay*s.value)
}
