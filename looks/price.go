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
		return 4 * time.Second
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
// few looks this is not exact, so a slow correction follows what is asked for at the
// price that is set. A look that waited for its turn has been asked for all the while:
// what was made can never exceed the budget, what was asked for does.
type Market struct {
	own    float64   // looks per second at the pace's own price, smoothed
	asked  float64   // looks per second at the price that was set, smoothed
	others float64   // looks per second that no price changes, smoothed
	excess float64   // logarithm of the correction
	at     time.Time // of the smoothed values

	corrected time.Time
}

const (
	// marketSpan is how far back the demand is smoothed.
	marketSpan = 30 * time.Second
	// excessSpan is how long the correction takes: longer than the looks of a row
	// are apart, so that it sees its own effect.
	excessSpan = 3 * time.Minute
	// budgetUsed is how much of the budget planned looks may use; the rest is for
	// looks that come unevenly.
	budgetUsed = 0.9
	// leastPlanned is the part of the budget that is left to planned looks, however
	// many others there are.
	leastPlanned = 0.05
	// dearest bounds the price, and the correction, as multiples.
	dearest = 1e4
)

// Looked enters a planned look that was made. Since the row's last look a plan at the
// pace's own price would have made so many looks as own says, and one at the price
// that was set so many as asked says; for a row that had ended, those until its end and
// half a look more. The budget is in looks per second; 0: no limit.
func (m *Market) Looked(now time.Time, own, asked, budget float64) {
	m.fade(now)
	past := 0.0 // since the last correction
	if !m.corrected.IsZero() {
		past = max(0, now.Sub(m.corrected).Seconds())
	}
	m.corrected = now
	if budget > 0 && m.asked > 0 {
		m.excess += past / excessSpan.Seconds() * math.Log(m.asked/m.room(budget))
		least := min(0, -2*math.Log(m.own/m.room(budget))) // the price stays above the pace's own
		m.excess = min(max(m.excess, least), math.Log(dearest))
	}
	m.own += own / marketSpan.Seconds()
	m.asked += asked / marketSpan.Seconds()
}

// Unplanned enters so many looks that are made at any price: a row's first one, or one
// after a hint.
func (m *Market) Unplanned(now time.Time, looks float64) {
	m.fade(now)
	m.others += looks / marketSpan.Seconds()
}

// fade forgets what is long ago.
func (m *Market) fade(now time.Time) {
	past := 0.0
	if !m.at.IsZero() {
		past = max(0, now.Sub(m.at).Seconds())
	}
	keep := math.Exp(-past / marketSpan.Seconds())
	m.own, m.asked, m.others, m.at = m.own*keep, m.asked*keep, m.others*keep, now
}

// room is how many planned looks per second the budget has room for.
func (m *Market) room(budget float64) float64 {
	return max(budgetUsed*budget-m.others, leastPlanned*budget)
}

// Demand is how many looks per second would be asked for at the pace's own price.
func (m *Market) Demand(now time.Time) float64 {
	return (m.own + m.others) * math.Exp(-max(0, now.Sub(m.at)).Seconds()/marketSpan.Seconds())
}

// Price is the price of a look now.
func (m *Market) Price(now time.Time, pace Pace, budget float64) time.Duration {
	own := pace.Price()
	if budget <= 0 {
		return own
	}
	m.fade(now)
	over := m.own / m.room(budget)
	if over <= 1 {
		return own
	}
	return time.Duration(float64(own) * min(max(1, over*over*math.Exp(m.excess)), dearest))
}
