package task

import "slices"

// merged is the clips of a generation while an observation is joined into them.
type merged struct {
	clips   []Clip // loaded first, in their order, then new ones
	before  []Clip // the loaded ones, untouched
	results []int  // indexes into clips that the observation spoke of
}

// merge joins results into clips. A result finds its clip by exact clip id;
// else it takes the placeholder of its position; else, when no placeholder is
// of its position, the first one that no other result has a right to; else it
// is a new clip.
func merge(clips, results []Clip) *merged {
	m := &merged{clips: slices.Clone(clips), before: clips}
	found := make([]int, len(results))
	for i, r := range results {
		found[i] = m.exact(r.ClipID)
	}
	for i, r := range results {
		if found[i] < 0 && r.ClipID != "" && !slices.ContainsFunc(results[:i], sameClip(r)) {
			found[i] = m.placeholder(r, func(n int) bool { return n == i }, found)
		}
	}
	for i, r := range results {
		if r.ClipID == "" {
			continue
		}
		if found[i] < 0 {
			found[i] = m.exact(r.ClipID) // named twice in one answer
		}
		if found[i] < 0 && !isPlaceholder(r.ClipID) {
			found[i] = m.placeholder(r, func(int) bool { return true }, found)
		}
		m.apply(found[i], r)
	}
	return m
}

func sameClip(c Clip) func(Clip) bool {
	return func(o Clip) bool { return o.ClipID == c.ClipID }
}

func (m *merged) exact(clipID string) int {
	return slices.IndexFunc(m.clips, func(c Clip) bool { return c.ClipID == clipID })
}

// placeholder finds the untaken placeholder of the lowest number that want
// accepts; -1 if there is none. One that has ended is still the place of a
// result without an id, but not of one that has its own.
func (m *merged) placeholder(r Clip, want func(n int) bool, taken []int) int {
	best, bestNumber := -1, 0
	for i, c := range m.clips {
		n, ok := PlaceholderNumber(c.ClipID)
		if !ok || !want(n) || slices.Contains(taken, i) {
			continue
		}
		if c.Status.Terminal() && !isPlaceholder(r.ClipID) {
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
	if i < 0 {
		m.clips = append(m.clips, r)
		i = len(m.clips) - 1
	} else {
		m.clips[i] = join(m.clips[i], r)
	}
	if !slices.Contains(m.results, i) {
		m.results = append(m.results, i)
	}
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
	if !isPlaceholder(seen.ClipID) {
		out.ClipID = seen.ClipID
	}
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
	out := make([]Clip, len(m.results))
	for i, at := range m.results {
		out[i] = m.clips[at]
	}
	return out
}

// close marks what is still under way as failed: a placeholder that nothing
// filled, a result that never came to its end.
func (m *merged) close() {
	for i := range m.clips {
		if !m.clips[i].Status.Terminal() {
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
