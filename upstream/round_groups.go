package upstream

import (
	"cmp"
	"context"
	"slices"

	"tasksync/task"
)

// groups returns the calls of the first level: one for each task that is asked for
// alone, and batch calls of the others, each as large as the batch limits of its
// tasks allow.
func (r *roundState) groups(looks []*look) []group {
	var kinds []string
	byKind := map[string][]*look{}
	var singles []group
	limits := map[*look]int{}
	for _, l := range looks {
		kind, batch := r.kind(l.ref)
		limits[l] = r.Suspects.batchLimit(l.ref.TaskID, r.Batch)
		if !batch || l.ref.Alone || limits[l] == 1 {
			singles = append(singles, group{looks: []*look{l}, single: true})
			continue
		}
		if byKind[kind] == nil {
			kinds = append(kinds, kind)
		}
		byKind[kind] = append(byKind[kind], l)
	}
	var groups []group
	for _, kind := range kinds {
		some := byKind[kind]
		slices.SortStableFunc(some, func(a, b *look) int { return cmp.Compare(limits[b], limits[a]) })
		for len(some) > 0 {
			n, limit := 1, limits[some[0]]
			for n < min(len(some), limit) && limits[some[n]] == limit {
				n++
			}
			groups = append(groups, group{looks: some[:n], single: n == 1 && r.Suspects.single(some[0].ref.TaskID)})
			some = some[n:]
		}
	}
	return append(groups, singles...)
}

func (r *roundState) kind(ref task.Ref) (kind string, batch bool) {
	switch {
	case r.Batch < 2:
		return "", false
	case r.Kind == nil:
		return "", true
	}
	return r.Kind(ref)
}

// claim returns a context whose call waits for the looks of g: among the calls of
// their user, if they have one alone, and worth what they are worth together.
func (g group) claim(ctx context.Context) context.Context {
	user, value := g.looks[0].ref.User, 0.0
	for _, l := range g.looks {
		value += l.ref.Value
		if l.ref.User != user {
			user = ""
		}
	}
	return withClaim(ctx, user, value)
}
