package upstream

import (
	"cmp"
	"slices"

	"tasksync/task"
)

// groups are the calls of the first level: for tasks that are asked for alone,
// and for the others as many as a batch call holds, and as are trusted together.
func (f *fetch) groups(asks []*asked) []group {
	var kinds []string
	byKind := map[string][]*asked{}
	var singles []group
	trust := map[*asked]int{}
	for _, a := range asks {
		kind, batch := f.kind(a.ref)
		trust[a] = f.Suspects.trust(a.ref.TaskID, f.Batch)
		if !batch || a.ref.Alone || trust[a] == 1 {
			singles = append(singles, group{asks: []*asked{a}, single: true})
			continue
		}
		if byKind[kind] == nil {
			kinds = append(kinds, kind)
		}
		byKind[kind] = append(byKind[kind], a)
	}
	var groups []group
	for _, kind := range kinds {
		some := byKind[kind]
		slices.SortStableFunc(some, func(a, b *asked) int { return cmp.Compare(trust[b], trust[a]) })
		for len(some) > 0 {
			n, limit := 1, trust[some[0]]
			for n < min(len(some), limit) && trust[some[n]] == limit {
				n++
			}
			groups = append(groups, group{kind: kind, asks: some[:n], single: n == 1 && f.Suspects.single(some[0].ref.TaskID)})
			some = some[n:]
		}
	}
	return append(groups, singles...)
}

func (f *fetch) kind(ref task.Ref) (kind string, batch bool) {
	switch {
	case f.Batch < 2:
		return "", false
	case f.Kind == nil:
		return "", true
	}
	return f.Kind(ref)
}
