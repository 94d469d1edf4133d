package task

import "slices"

// merged is the clips of a generation while an observation is joined into them.
type merged struct {
	handlers Handlers
	clips    []Clip  // the loaded clips in their order, then new clips
	before   []Clip  // the loaded clips, unchanged
	results  []int   // indexes of the clips that the observation describes
	strays   []Clip  // results that get no clip: see isStray
	written  written // what tasksync wrote into the clips, including this observation
}

// merge joins each result into its clip. A result without a clip becomes a new
// clip, unless it is a stray. A value that the application wrote over tasksync's
// stays as the application wrote it.
func (hs Handlers) merge(clips, results []Clip, w written) *merged {
	m := &merged{handlers: hs, clips: slices.Clone(clips), before: clips, written: w}
	results = joinRepeats(results)
	at := m.findPlaces(results)
	for i, r := range results {
		switch {
		case r.ClipID == "":
		case at[i] < 0 && m.isStray(r, clips, results):
			m.strays = append(m.strays, r)
		default:
			m.apply(at[i], r)
		}
	}
	return m
}

// joinRepeats joins results with the same clip id into the first of them, and
// empties the others.
func joinRepeats(results []Clip) []Clip {
	out := slices.Clone(results)
	for i, r := range results {
		first := slices.IndexFunc(results, func(c Clip) bool { return c.ClipID == r.ClipID })
		if first < i {
			out[first], out[i] = join(out[first], r), Clip{}
		}
	}
	return out
}

// findPlaces returns, for each result, the index of the clip that it describes;
// -1: none. A result takes the clip with its clip id; else the placeholder of
// its position; else, if it has an id of the provider's, the free placeholder with
// the lowest number. Results with such ids choose first: an outdated answer without
// ids must not take their placeholders.
func (m *merged) findPlaces(results []Clip) []int {
	at := slices.Repeat([]int{-1}, len(results))
	find := func(named bool, by func(i int) int) {
		for i, r := range results {
			if at[i] < 0 && m.handlers.isNamed(r) == named && r.ClipID != "" {
				at[i] = by(i)
			}
		}
	}
	sameID := func(i int) int { return m.freeClip(results[i].ClipID, at) }
	position := func(i int) int { return m.freePlaceholder(results[i], func(n int) bool { return n == i }, at) }
	lowest := func(i int) int { return m.freePlaceholder(results[i], func(int) bool { return true }, at) }

	find(true, sameID)
	find(true, position)
	find(true, lowest)
	find(false, sameID)
	find(false, position)
	return at
}

// isStray reports whether r, which describes none of clips, gets no clip: r has no
// id and has not ended, while ids of the task's clips are known. Then r may be an
// outdated description of such a clip, and a new clip would never be filled.
func (m *merged) isStray(r Clip, clips, results []Clip) bool {
	isNamed := m.handlers.isNamed
	return !isNamed(r) && !r.Status.Terminal() && (slices.ContainsFunc(clips, isNamed) || slices.ContainsFunc(results, isNamed))
}

// freeClip returns the index of the clip with this id; -1 if there is none, or if
// it is taken.
func (m *merged) freeClip(clipID string, taken []int) int {
	i := slices.IndexFunc(m.clips, func(c Clip) bool { return c.ClipID == clipID })
	if slices.Contains(taken, i) {
		return -1
	}
	return i
}

// freePlaceholder returns the index of the placeholder with the lowest number that
// want accepts and that is not taken; -1 if there is none. A placeholder that has
// ended is still free for a result without an id, but not for a result with one.
func (m *merged) freePlaceholder(r Clip, want func(n int) bool, taken []int) int {
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
		m.clips[i] = m.joinNamed(have, r)
	}
	m.written.reconcile(have, &m.clips[i])
	m.results = append(m.results, i)
}

// joinNamed returns the join of have and seen, with the provider's id if seen has
// one.
func (m *merged) joinNamed(have, seen Clip) Clip {
	out := join(have, seen)
	if m.handlers.isNamed(seen) {
		out.ClipID = seen.ClipID
	}
	return out
}

// join returns the least upper bound of two descriptions of one clip. Where both
// have a value, the value with the further status stays; if the statuses are
// equal, the greater value stays, so that the order of arrival does not matter.
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

// joinAudio returns the audio URL of the joined clip. seen is final or empty. If
// have is not final, because the application wrote a preview or a sentinel into
// the row, seen replaces it.
func joinAudio(have, seen string, pick func(a, b string) string) string {
	if finalURL(have) == "" || seen == "" {
		return orElse(seen, have)
	}
	return pick(have, seen)
}

// orElse returns a, or b if a is zero.
func orElse[T comparable](a, b T) T {
	var zero T
	if a == zero {
		return b
	}
	return a
}

// resultClips returns the clips that the observation describes, as they are
// after the join, and the strays.
func (m *merged) resultClips() []Clip {
	out := slices.Clone(m.strays)
	for _, at := range m.results {
		out = append(out, m.clips[at])
	}
	return out
}

// hasCompleteResult reports whether a clip that the observation describes is
// complete. Clips that only earlier observations described do not count: whether
// those observations were seen is chance, and must not decide how the row ends.
func (m *merged) hasCompleteResult() bool {
	return slices.ContainsFunc(m.resultClips(), func(c Clip) bool { return c.Status == Complete })
}

// failPending marks clips that have not ended as failed: placeholders that were
// not filled, and results that were not finished.
func (m *merged) failPending() {
	for i := range m.clips {
		if s := m.clips[i].Status; s == "" || s.Pending() { // the application's own words stay
			m.clips[i].Status = Failed
		}
	}
}

// changed returns the clips that differ from the loaded ones, and new clips.
func (m *merged) changed() []Clip {
	var out []Clip
	for i, c := range m.clips {
		if i >= len(m.before) || c != m.before[i] {
			out = append(out, c)
		}
	}
	return out
}
