package looks

import (
	"math"
	"time"
)

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
		return 2 * time.Second
	case Eager:
		return 125 * time.Millisecond
	default:
		return 500 * time.Millisecond
	}
}

// Market finds the price of a look where more looks are worth their price than
// the budget has. The zero value has seen no demand. It is not safe for concurrent
// use.
//
// The price follows from what would be asked for at the pace's own price. That does
// not depend on the price that is set, so nothing swings: looks go with 1/√price, so
// a demand of twice the budget makes a look four times as dear. Where rows take
// few looks this is not exact, so a slow correction follows what is asked for in
// fact.
type Market struct {
	own    float64 // looks per second at the pace's own price, smoothed
	actual float64 // looks per second that were planned, smoothed
	excess float64 // logarithm of the correction
	at     time.Time
}

const (
	// marketSpan is how far back the demand is smoothed.
	marketSpan = 30 * time.Second
	// excessSpan is how long the correction takes: longer than the looks of a row
	// are apart, so that it sees its own effect.
	excessSpan = 3 * time.Minute
	// budgetUsed is how much of the budget planned looks may use; the rest is for
	// looks that were not planned.
	budgetUsed = 0.9
	// dearest bounds the price, and the correction, as multiples.
	dearest = 1e4
)

// Planned enters a look that was planned so far ahead, and would have been planned
// as far as own at the pace's own price. The budget is in looks per second; 0: no
// limit.
func (m *Market) Planned(now time.Time, ahead, own time.Duration, budget float64) {
	past := 0.0
	if !m.at.IsZero() {
		past = max(0, now.Sub(m.at).Seconds())
	}
	m.at = now
	if budget > 0 && m.actual > 0 {
		m.excess += past / excessSpan.Seconds() * math.Log(m.actual/(budgetUsed*budget))
		m.excess = min(max(m.excess, 0), math.Log(dearest))
	}
	fade := math.Exp(-past / marketSpan.Seconds())
	weight := 1.0
	if own > 0 && ahead > own {
		weight = float64(ahead) / float64(own)
	}
	m.own = m.own*fade + weight/marketSpan.Seconds()
	m.actual = m.actual*fade + 1/marketSpan.Seconds()
}

// Demand is how many looks per second would be asked for at the pace's own price.
func (m *Market) Demand(now time.Time) float64 {
	return m.own * math.Exp(-max(0, now.Sub(m.at)).Seconds()/marketSpan.Seconds())
}

// Price is the price of a look now.
func (m *Market) Price(now time.Time, pace Pace, budget float64) time.Duration {
	own := pace.Price()
	if budget <= 0 {
		return own
	}
	over := m.Demand(now) / (budgetUsed * budget)
	if over <= 1 {
		return own
	}
	return time.Duration(float64(own) * min(over*over*math.Exp(m.excess), dearest))
}
