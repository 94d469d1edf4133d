package looks

import (
	"maps"
	"math"
	"slices"
	"time"
)

// Market finds the price of a look where more looks are worth their price than the
// budget has. By max-min fairness of the users' demand, who asks for less than the
// level gets all of it at the pace's own price, and the others get the level each. The
// zero value has seen no demand. It is not safe for concurrent use.
//
// The demand is what would be asked for at the pace's own price. It does not depend on
// the price that is set, so nothing swings. Looks go with 1/√price, so who asks for
// twice the level pays four times as much. Nothing corrects what that misses, and no
// part of the budget is kept free: the looks that it has no room for wait, and the most
// valuable go first, which measured better than any dearer price.
type Market struct {
	all     asking // by all users, over a shorter time
	users   map[string]*asking
	level   float64 // looks per second
	levelAt time.Time
	budget  float64   // of the level
	swept   time.Time // when users who ask for nothing any more were forgotten
}

// asking is one user's demand in looks per second, smoothed.
type asking struct {
	rate float64
	at   time.Time
}

const (
	// demandSpan is how far back the demand is smoothed.
	demandSpan = 2 * time.Minute
	// sharesSpan is how far back the demand is smoothed by which daemons share a limit.
	sharesSpan = 30 * time.Second
	// levelTime is how long a level holds.
	levelTime = time.Second
	// leastAsked is the demand below which a user asks for nothing.
	leastAsked = 1e-3
	// dearest bounds the price, as a multiple of the pace's own.
	dearest = 1e4
)

func (a *asking) now(now time.Time, span time.Duration) float64 {
	return a.rate * math.Exp(-max(0, now.Sub(a.at)).Seconds()/span.Seconds())
}

func (a *asking) add(now time.Time, looks float64, span time.Duration) {
	a.rate, a.at = a.now(now, span)+looks/span.Seconds(), now
}

// Asked enters a look that was made, or a part of it, as so many looks as a plan at the
// pace's own price would have made since the row's last one; for a row that had ended,
// those until its end and half a look more. A look that waited for its turn has been
// asked for all the while: what was made can never exceed the budget, what was asked
// for does.
func (m *Market) Asked(now time.Time, user string, looks float64) {
	if m.users == nil {
		m.users = make(map[string]*asking)
	}
	a := m.users[user]
	if a == nil {
		a = &asking{}
		m.users[user] = a
	}
	a.add(now, looks, demandSpan)
	m.all.add(now, looks, sharesSpan)
	if now.Sub(m.swept).Abs() >= demandSpan {
		m.swept = now
		maps.DeleteFunc(m.users, func(_ string, a *asking) bool { return a.now(now, demandSpan) < leastAsked })
	}
}

// Demand is how many looks per second would be asked for at the pace's own price.
func (m *Market) Demand(now time.Time) float64 { return m.all.now(now, sharesSpan) }

// Price is what a look costs a user now. The budget is in looks per second; 0: no
// limit.
func (m *Market) Price(now time.Time, user string, o Offer) time.Duration {
	a := m.users[user]
	if a == nil || o.Budget <= 0 {
		return o.Own
	}
	return m.price(now, a.now(now, demandSpan), o)
}

// Dearest is what a look costs the user who asks for most.
func (m *Market) Dearest(now time.Time, o Offer) time.Duration {
	most := 0.0
	for _, a := range m.users {
		most = max(most, a.now(now, demandSpan))
	}
	return m.price(now, most, o)
}

// Offer is what a look costs where there are enough of them, and how many there are
// per second; 0: no limit.
type Offer struct {
	Own    time.Duration
	Budget float64
}

func (m *Market) price(now time.Time, rate float64, o Offer) time.Duration {
	if o.Budget <= 0 {
		return o.Own
	}
	if now.Sub(m.levelAt).Abs() >= levelTime || o.Budget != m.budget {
		m.level, m.levelAt, m.budget = m.fair(now, o.Budget), now, o.Budget
	}
	over := rate / m.level
	return time.Duration(float64(o.Own) * min(max(1, over*over), dearest))
}

// fair is the level at which the budget is used up.
func (m *Market) fair(now time.Time, budget float64) float64 {
	rates := make([]float64, 0, len(m.users))
	for _, a := range m.users {
		if rate := a.now(now, demandSpan); rate >= leastAsked {
			rates = append(rates, rate)
		}
	}
	slices.Sort(rates)
	for i, rate := range rates {
		level := budget / float64(len(rates)-i)
		if rate >= level {
			return level
		}
		budget -= rate
	}
	return math.Inf(1)
}
