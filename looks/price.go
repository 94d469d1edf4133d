package looks

import "time"

// Pace is how much a row's waiting counts against requests.
type Pace string

// The paces, of which Balanced is the default.
const (
	Frugal   Pace = "frugal"
	Balanced Pace = "balanced"
	Eager    Pace = "eager"
)

// Price is what a look costs at this pace, as the time that rows may wait instead.
func (p Pace) Price() time.Duration {
	switch p {
	case Frugal:
		return 3 * time.Second
	case Eager:
		return 125 * time.Millisecond
	default:
		return 500 * time.Millisecond
	}
}
