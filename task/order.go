package task

import (
	"cmp"
	"slices"
	"time"
)

// Shifts returns how far the created_at of clips must move, by the clips' keys, so that
// created_at orders them; nil if it does. An application that makes placeholders in
// one statement gives them the same time, and one that makes them side by side gives
// them times by chance: then the numbers of the placeholders count, and once those
// are gone, the order of the provider's items. Times only move ahead, by as little as
// possible: a microsecond, or a millisecond if the database keeps no more.
//
// Clips that came at different looks stay in the order in which they came.
func (hs Handlers) Shifts(clips []Clip, items []Item) map[string]time.Duration {
	if len(clips) < 2 {
		return nil
	}
	type placed struct {
		Clip
		place int
	}
	ordered, numbered := make([]placed, 0, len(clips)), true
	step := time.Millisecond
	for _, c := range clips {
		n, ok := hs.PlaceholderNumber(c.ClipID)
		if !ok {
			n = slices.IndexFunc(items, func(it Item) bool { return it.ID == c.ClipID })
		}
		if n < 0 || c.ID == "" || c.CreatedAt.IsZero() {
			continue
		}
		numbered = numbered && ok
		if c.CreatedAt.Truncate(time.Millisecond) != c.CreatedAt {
			step = time.Microsecond
		}
		ordered = append(ordered, placed{c, n})
	}
	slices.SortStableFunc(ordered, func(a, b placed) int {
		if numbered {
			return cmp.Compare(a.place, b.place)
		}
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.place, b.place))
	})
	var shifts map[string]time.Duration
	for i := 1; i < len(ordered); i++ {
		before, c := ordered[i-1].CreatedAt, &ordered[i].CreatedAt
		if c.After(before) {
			continue
		}
		if shifts == nil {
			shifts = make(map[string]time.Duration)
		}
		shifts[ordered[i].ID] = before.Add(step).Sub(*c)
		*c = before.Add(step)
	}
	return shifts
}
