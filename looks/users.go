package looks

import (
	"maps"
	"math"
	"slices"
	"time"
)

// Users tells who asks for how much, so that those who ask for little do not pay a
// price that others have driven up. The zero value has seen no demand. It is not
// safe for concurrent use.
//
// By max-min fairness a user who asks for less than the level gets all of it, and the
// others get the level each. A price by user that followed from that would look at
// rows evenly rather than where looks are worth most, so it is one price for all
// who come near the level.
type Users struct {
	by      map[string]*asking
	level   float64 // looks per second
	levelAt time.Time
	swept   time.Time // when users who ask for nothing any more were forgotten
}

// asking is one user's demand in looks per second, smoothed.
type asking struct {
	rate float64
	at   time.Time
}

const (
	// usersSpan is how far back the demand of users is smoothed.
	usersSpan = time.Minute
	// levelTime is how long a level holds.
	levelTime = time.Second
	// leastAsked is the demand below which a user asks for nothing.
	leastAsked = 1e-3
)

func (a *asking) now(now time.Time) float64 {
	return a.rate * math.Exp(-max(0, now.Sub(a.at)).Seconds()/usersSpan.Seconds())
}

// Asked enters so many looks that a user has asked for at the pace's own price.
func (u *Users) Asked(now time.Time, user string, looks float64) {
	if u.by == nil {
		u.by = make(map[string]*asking)
	}
	a := u.by[user]
	if a == nil {
		a = &asking{}
		u.by[user] = a
	}
	a.rate, a.at = a.now(now)+looks/usersSpan.Seconds(), now
	if now.Sub(u.swept).Abs() >= usersSpan {
		u.swept = now
		maps.DeleteFunc(u.by, func(_ string, a *asking) bool { return a.now(now) < leastAsked })
	}
}

// Quote is what a call costs and how many there are.
type Quote struct {
	Own, Market time.Duration // the pace's own price, and that of the market
	Budget      float64       // calls per second
}

// Price is what the user pays, between the pace's own price and that of the market: the
// market's for those who ask for the level at least, the pace's own up to half of it.
func (u *Users) Price(now time.Time, user string, q Quote) time.Duration {
	a := u.by[user]
	if q.Market <= q.Own || a == nil {
		return q.Market
	}
	if now.Sub(u.levelAt).Abs() >= levelTime {
		u.level, u.levelAt = u.fair(now, q.Budget), now
	}
	part := min(max(0, 2*a.now(now)/u.level-1), 1)
	return time.Duration(float64(q.Own) * math.Pow(float64(q.Market)/float64(q.Own), part))
}

// fair is the level at which the budget is used up.
func (u *Users) fair(now time.Time, budget float64) float64 {
	rates := make([]float64, 0, len(u.by))
	for _, a := range u.by {
		if rate := a.now(now); rate >= leastAsked {
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
