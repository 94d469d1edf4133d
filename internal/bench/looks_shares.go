package main

import (
	"cmp"
	"slices"
	"time"
)

// How daemons renew their shares, as package budget does.
const (
	leaseTime  = 5 * time.Second
	renewEvery = 1500 * time.Millisecond
)

// shares is the function tasksync.renew_share of the database in Go.
type shares struct{ holders []holder }

type holder struct {
	demand, share, held int
	until, heldUntil    time.Duration
}

func newShares(daemons int) *shares { return &shares{holders: make([]holder, daemons)} }

// renew gives the share of a daemon until now + leaseTime: as much as its demand has of
// the limit, and its part of half of the rest, but no slot that another daemon may
// have used less than a window ago.
func (s *shares) renew(mine, demand int, now time.Duration) int {
	h := &s.holders[mine]
	taken, others := 0, 0
	for i, other := range s.holders {
		if i == mine {
			continue
		}
		taken += other.counts(now)
		if other.until > now {
			others++
		}
	}
	h.demand = min(max(1, demand), limitRequests)
	granted, rest := s.fair(mine, now)
	granted = max(0, min(granted+(rest+others)/(2*(others+1)), limitRequests-taken))
	switch {
	case h.share > granted:
		h.held, h.heldUntil = h.counts(now), max(h.until+limitWindow, h.heldUntil)
	case h.heldUntil <= now:
		h.held = granted
	}
	h.share, h.until = granted, now+leaseTime
	return granted
}

// counts is what a holder may have used less than a window ago.
func (h holder) counts(now time.Duration) int {
	switch {
	case h.heldUntil > now:
		return max(h.share, h.held)
	case h.until+limitWindow < now:
		return 0
	default:
		return h.share
	}
}

// fair is what a daemon has of the limit by max-min fairness, and what no demand
// needs.
func (s *shares) fair(mine int, now time.Duration) (granted, rest int) {
	rest = limitRequests
	var order []int
	for i := range s.holders {
		if i == mine || s.holders[i].until > now {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(s.holders[a].demand, s.holders[b].demand), cmp.Compare(a, b))
	})
	for k, i := range order {
		wanting := len(order) - k
		part := min(s.holders[i].demand, (rest+wanting-1)/wanting)
		rest -= part
		if i == mine {
			granted = part
		}
	}
	return granted, rest
}
