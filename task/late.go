package task

import (
	"strings"
	"time"
)

// LateMode is what becomes of a result that comes after the deadline has failed
// its row.
type LateMode string

// The modes.
const (
	// LateOff looks at no row that has ended.
	LateOff LateMode = "off"
	// LateEvent keeps the result beside the row, which stays failed.
	LateEvent LateMode = "event"
	// LateComplete completes the row: the one step out of failed.
	LateComplete LateMode = "complete"
)

// Late results are looked for this often, at the latest this long after the end.
const (
	lateLooks = 5
	lateMost  = 24 * time.Hour
)

// lateOffset is how long after the end of a row look n is due: a fifth of its
// deadline, then five times as long each (2 min, 10 min, 50 min, 4 h, 21 h for ten
// minutes).
func (p Policy) lateOffset(n int) time.Duration {
	offset := p.Timeout / 5
	for range n {
		offset *= 5
	}
	return min(max(offset, time.Second), lateMost)
}

// lateMemory is what to remember of a row that its deadline ended: that it may
// yet get a result, or the audio for which it has but a preview.
func (p *pass) lateMemory(m *merged, ended Status) Memory {
	wanted := ended == Failed || lacksAudio(m.clips)
	if p.Late == LateOff || p.Late == "" || !wanted || p.g.TaskID == "" {
		return Memory{}
	}
	return Memory{EndedAt: p.now, LateAt: p.now.Add(p.lateOffset(0)), Written: m.written.String()}
}

// lacksAudio reports whether a complete clip has a preview and no more.
func lacksAudio(clips []Clip) bool {
	for _, c := range clips {
		if c.Status == Complete && finalURL(c.AudioURL) == "" && usableURL(c.StreamAudioURL) != "" {
			return true
		}
	}
	return false
}

// DecideLate judges a look at a row that its deadline has ended. The row may
// become complete with its clips ([LateComplete]), get the audio for its previews,
// or stay as it is; [Decision.Late] marks a result, whose clips are then all in
// Clips, whether they are to be written or only kept.
func (p Policy) DecideLate(now time.Time, g Generation, clips []Clip, seen Seen) Decision {
	if !p.AwaitsLate(g) { // nothing is remembered any more
		return Decision{Outcome: Skipped, Reason: ReasonNotPending, Status: g.Status}
	}
	pass := pass{Policy: p, h: p.Handlers[g.Type], now: now, g: g, seen: seen, obs: observation(g, seen), mem: g.Memory}
	if g.Status == Complete {
		return pass.lateAudio(clips)
	}
	return pass.lateResult(clips)
}

// AwaitsLate reports whether a row that has ended is looked at for a late result.
func (p Policy) AwaitsLate(g Generation) bool {
	_, known := p.Handlers[g.Type]
	return known && !g.Memory.LateAt.IsZero() && p.Late != LateOff && p.Late != "" && awaitsLate(g)
}

// awaitsLate reports whether g still is what its deadline has made of it.
func awaitsLate(g Generation) bool {
	switch g.Status {
	case Complete:
		return true
	case Failed:
		return g.ErrorCode == APIError && strings.HasPrefix(g.ErrorMessage, TimeoutPrefix)
	default:
		return false
	}
}

// lateAudio gives complete clips the audio that they lack.
func (p *pass) lateAudio(clips []Clip) Decision {
	m := p.Handlers.merge(clips, nil, parseWritten(p.mem.Written))
	seen := p.Handlers.merge(clips, p.h.MapToClips(p.g, p.obs.Items), written{})
	for _, at := range seen.results {
		if at < len(clips) && clips[at].Status == Complete && finalURL(clips[at].AudioURL) == "" && finalURL(seen.clips[at].AudioURL) != "" {
			m.clips[at] = fillIn(clips[at], seen.clips[at])
			m.written.keep(clips[at], &m.clips[at])
		}
	}
	if len(m.changed()) == 0 {
		return p.lookLater()
	}
	d := Decision{Outcome: Synced, Reason: ReasonLate, Status: Complete, Clips: m.changed(), Late: true}
	if lacksAudio(m.clips) {
		d.Memory, d.Next = p.later(), p.later().LateAt
		d.Memory.Written = m.written.String()
	}
	return d
}

// fillIn gives a clip its final audio, and the other values that it lacks.
func fillIn(have, seen Clip) Clip {
	out := have
	from := seen.values()
	for i, to := range out.values() {
		*to = orElse(*to, *from[i])
	}
	out.AudioURL, out.Duration = seen.AudioURL, orElse(have.Duration, seen.Duration)
	return out
}

// ReasonLate is that of a result that came after the end of its row.
const ReasonLate = "late_result"

// lateResult asks whether the task that was given up has come to its end. Clips
// that failed with the row are open again for it.
func (p *pass) lateResult(clips []Clip) Decision {
	open := append([]Clip(nil), clips...)
	for i := range open {
		if open[i].Status == Failed {
			open[i].Status = Submitted
		}
	}
	m := p.Handlers.merge(open, p.h.MapToClips(p.g, p.obs.Items), parseWritten(p.mem.Written))
	if p.obs.Failure != nil || p.h.DeriveStatus(p.obs.Status, m.ofResults()) != Complete {
		return p.lookLater()
	}
	m.close()
	d := Decision{Outcome: Synced, Reason: ReasonLate, Status: Failed, Clips: m.clips, Late: true}
	if p.Late == LateComplete {
		d.Status = Complete
	}
	return d
}

// lookLater plans the next look, if there is to be one.
func (p *pass) lookLater() Decision {
	mem := p.later()
	return Decision{Outcome: Skipped, Reason: ReasonUnchanged, Status: p.g.Status, Memory: mem, Next: mem.LateAt}
}

// later is the memory with the next late look in it; empty after the last one. A
// look that was not answered is made again, within the time for all of them. The
// provider's last word on a task that it has ended or lost ends the looks.
func (p *pass) later() Memory {
	mem := p.mem
	f := p.obs.Failure
	if f != nil && f.Verdict >= TaskDead && !f.provisional() {
		return Memory{}
	}
	if p.obs.answers() {
		mem.LateLooks++
		mem.LateAt = mem.EndedAt.Add(p.lateOffset(mem.LateLooks))
	} else {
		mem.LateAt = p.now.Add(max(f.RetryAfter, p.lateOffset(0)/2, p.now.Sub(mem.EndedAt)/4))
	}
	if mem.LateLooks >= lateLooks || mem.LateAt.Sub(mem.EndedAt) > lateMost+time.Hour {
		return Memory{}
	}
	if !mem.LateAt.After(p.now) {
		mem.LateAt = p.now.Add(p.lateOffset(0))
	}
	return mem
}
