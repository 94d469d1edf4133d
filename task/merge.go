package task

import "slices"

// merged is the clips of a generation while an observation is joined into them.
type merged struct {
	handlers Handlers
	clips    []Clip  // loaded first, in their order, then new ones
	before   []Clip  // the loaded ones, untouched
	results  []int   // indexes into clips that the observation spoke of
	stray    []Clip  // results that found no place: see isStray
	written  written // what tasksync has written into the clips, this observation included
}

// merge joins results into clips, each into its place; one without is a new
// clip, unless it is a stray. What the application wrote over a value of
// tasksync's stays.
func (hs Handlers) merge(clips, results []Clip, w written) *merged {
	m := &merged{handlers: hs, clips: slices.Clone(clips), before: clips, written: w}
	results = once(results)
	at := m.places(results)
	for i, r := range results {
		switch {
		case r.ClipID == "":
		case at[i] < 0 && m.isStray(r, clips, results):
			m.stray = append(m.stray, r)
		default:
			m.apply(at[i], r)
		}
	}
	return m
}

// once joins what an answer says twice of one clip into the first mention.
func once(results []Clip) []Clip {
	out := slices.Clone(results)
	for i, r := range results {
		first := slices.IndexFunc(results, func(c Clip) bool { return c.ClipID == r.ClipID })
		if first < i {
			out[first], out[i] = join(out[first], r), Clip{}
		}
	}
	return out
}

// places are the indexes of the clips that the results describe; -1: none. A
// result finds its clip by exact clip id; else it takes the placeholder of its
// position; else the first one that no other result has a right to. Results
// with ids choose before those without: they are certain, and a placeholder
// that an old view without ids took from them would never be filled.
func (m *merged) places(results []Clip) []int {
	at := slices.Repeat([]int{-1}, len(results))
	find := func(named bool, by func(i int) int) {
		for i, r := range results {
			if at[i] < 0 && m.handlers.isNamed(r) == named && r.ClipID != "" {
				at[i] = by(i)
			}
		}
	}
	exact := func(i int) int { return m.exact(results[i].ClipID, at) }
	position := func(i int) int { return m.placeholder(results[i], func(n int) bool { return n == i }, at) }
	anyone := func(i int) int { return m.placeholder(results[i], func(int) bool { return true }, at) }

	find(true, exact)
	find(true, position)
	find(true, anyone)
	find(false, exact)
	find(false, position)
	return at
}

// isStray reports whether r, which has no place among clips, gets none: it has
// no id and has not ended, but ids of the task are known already. It may be an
// old view of one of those, and a clip made for it would never be filled.
func (m *merged) isStray(r Clip, clips, results []Clip) bool {
	isNamed := m.handlers.isNamed
	return !isNamed(r) && !r.Status.Terminal() && (slices.ContainsFunc(clips, isNamed) || slices.ContainsFunc(results, isNamed))
}

// exact finds the untaken clip with this id; -1 if there is none.
func (m *merged) exact(clipID string, taken []int) int {
	i := slices.IndexFunc(m.clips, func(c Clip) bool { return c.ClipID == clipID })
	if slices.Contains(taken, i) {
		return -1
	}
	return i
}

// placeholder finds the untaken placeholder of the lowest number that want
// accepts; -1 if there is none. One that has ended is still the place of a
// result without an id, but not of one that has its own.
func (m *merged) placeholder(r Clip, want func(n int) bool, taken []int) int {
	best, bestNumber := -1, 0
	for i, c := range m.clips {
		n, ok := m.handlers.PlaceholderNumber(c.ClipID)
		if !ok || n < 0 || !want(n) || slices.Contains(taken, i) {
			continue
		}
		if c.Status.Terminal() && m.handlers.isNamed(r) {
			continue
		}
		if best < 0 || n < bestNumber {
			best, bestNumber = i, n
		}
	}
	return best
}

// apply joins r into the clip at index i, or appends it if i is negative.
func (m *merged) apply(i int, r Clip) {
	var have Clip
	if i < 0 {
		m.clips = append(m.clips, r)
		i = len(m.clips) - 1
	} else {
		have = m.clips[i]
		m.clips[i] = m.join(have, r)
	}
	m.written.keep(have, &m.clips[i])
	m.results = append(m.results, i)
}

// join is the least upper bound, under the id that the provider has given.
func (m *merged) join(have, seen Clip) Clip {
	out := join(have, seen)
	if m.handlers.isNamed(seen) {
		out.ClipID = seen.ClipID
	}
	return out
}

// join is the least upper bound of two descriptions of one clip. Where both
// have a value, the one of the further status stays; at equal status the
// greater one, so that the order of arrival decides nothing.
func join(have, seen Clip) Clip {
	pick := func(a, b string) string { return max(a, b) }
	length := max(have.Duration, seen.Duration)
	switch {
	case seen.Status.rank() > have.Status.rank():
		pick = func(a, b string) string { return orElse(b, a) }
		length = orElse(seen.Duration, have.Duration)
	case seen.Status.rank() < have.Status.rank():
		pick = orElse[string]
		length = orElse(have.Duration, seen.Duration)
	}
	out := have
	out.Status = have.Status.Join(seen.Status)
	out.Title = pick(have.Title, seen.Title)
	out.AudioURL = joinAudio(have.AudioURL, seen.AudioURL, pick)
	out.StreamAudioURL = pick(have.StreamAudioURL, seen.StreamAudioURL)
	out.VideoURL = pick(have.VideoURL, seen.VideoURL)
	out.ImageURL = pick(have.ImageURL, seen.ImageURL)
	out.Lyrics = pick(have.Lyrics, seen.Lyrics)
	out.Tags = pick(have.Tags, seen.Tags)
	out.ModelName = pick(have.ModelName, seen.ModelName)
	out.Duration = length
	return out
}

// joinAudio never lets a final URL give way to a preview or a sentinel that
// something else wrote into the row.
func joinAudio(have, seen string, pick func(a, b string) string) string {
	if finalURL(have) == "" || seen == "" {
		return orElse(seen, have)
	}
	return pick(have, seen)
}

func orElse[T comparable](a, b T) T {
	var zero T
	if a == zero {
		return b
	}
	return a
}

// ofResults are the clips that the observation spoke of, as they stand now.
func (m *merged) ofResults() []Clip {
	out := slices.Clone(m.stray)
	for _, at := range m.results {
		out = append(out, m.clips[at])
	}
	return out
}

// completeResult reports whether a clip is complete that the observation spoke
// of. Clips that only earlier ones spoke of do not count: whether those were
// seen is chance, and the end must not depend on it.
func (m *merged) completeResult() bool {
	return slices.ContainsFunc(m.ofResults(), func(c Clip) bool { return c.Status == Complete })
}

// close marks what is still under way as failed: a placeholder that nothing
// filled, a result that never came to its end.
func (m *merged) close() {
	for i := range m.clips {
		if s := m.clips[i].Status; s == "" || s.Pending() { // a word of the application's own stays
			m.clips[i].Status = Failed
		}
	}
}

// changed are the clips that differ from what was loaded, new ones included.
func (m *merged) changed() []Clip {
	var out []Clip
	for i, c := range m.clips {
		if i >= len(m.before) || c != m.before[i] {
			out = append(out, c)
		}
	}
	return out
}
