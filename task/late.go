package task

import (
	"strings"
	"time"
)

// LateMode says what happens to a late result: a result that comes after the
// deadline has ended its row.
type LateMode string

// The modes.
const (
	// LateOff: no look is made at a row that has ended.
	LateOff LateMode = "off"
	// LateEvent: the result is kept beside the row, which stays failed.
	LateEvent LateMode = "event"
	// LateComplete: the row becomes complete. No other decision takes a row out of
	// failed.
	LateComplete LateMode = "complete"
)

// lateLooks is how many answered looks for a late result a row gets at most, and
// lateMost how long after the end of the row the last of them is planned.
const (
	lateLooks = 5
	lateMost  = 24 * time.Hour
)

// lateOffset returns how long after the end of a row late look n is due: a fifth
// of the timeout for look 0, and five times as long for each that follows. For a
// timeout of ten minutes that is 2 min, 10 min, 50 min, 4 h and 21 h.
func (p Policy) lateOffset(n int) time.Duration {
	offset := p.Timeout / 5
	for range n {
		offset *= 5
	}
	return min(max(offset, time.Second), lateMost)
}

// lateMemory returns the memory of a row that its deadline has just ended. It
// plans a late look for a failed row, which may still get a result, and for a
// complete one with a clip that has only a preview.
func (d *decider) lateMemory(m *merged, ended Status) Memory {
	wanted := ended == Failed || lacksAudio(m.clips)
	if d.Late == LateOff || d.Late == "" || !wanted || d.g.TaskID == "" {
		return Memory{}
	}
	return Memory{EndedAt: d.now, LateAt: d.now.Add(d.lateOffset(0)), Written: m.written.String()}
}

// lacksAudio reports whether a complete clip has a preview, but no final audio.
func lacksAudio(clips []Clip) bool {
	for _, c := range clips {
		if c.Status == Complete && finalURL(c.AudioURL) == "" && usableURL(c.StreamAudioURL) != "" {
			return true
		}
	}
	return false
}

// DecideLate judges a look at a row that its deadline has ended. The row becomes
// complete with its clips ([LateComplete]), gets the final audio for its
// previews, or stays as it is. A late result sets [Decision.Late]; Clips then
// holds the clips to write, or to keep beside the row ([LateEvent]).
func (p Policy) DecideLate(now time.Time, g Generation, clips []Clip, seen Seen) Decision {
	if !p.AwaitsLate(g) { // the decision has no memory, so that no look follows
		return Decision{Outcome: OutcomeSkipped, Reason: ReasonNotPending, Status: g.Status}
	}
	d := decider{Policy: p, h: p.Handlers[g.Type], now: now, g: g, seen: seen, obs: observation(g, seen), mem: g.Memory}
	if g.Status == Complete {
		return d.lateAudio(clips)
	}
	return d.lateResult(clips)
}

// AwaitsLate reports whether a late look is to be made at g, a row that has
// ended.
func (p Policy) AwaitsLate(g Generation) bool {
	_, known := p.Handlers[g.Type]
	return known && !g.Memory.LateAt.IsZero() && p.Late != LateOff && p.Late != "" && endedByDeadline(g)
}

// endedByDeadline reports whether g is still as its deadline left it, as far as
// the row tells: a complete row does not.
func endedByDeadline(g Generation) bool {
	switch g.Status {
	case Complete:
		return true
	case Failed:
		return g.ErrorCode == APIError && strings.HasPrefix(g.ErrorMessage, TimeoutPrefix)
	default:
		return false
	}
}

// lateAudio gives complete clips the final audio that they lack. It joins the
// observation beside m, because a row that has ended gets only values that it
// lacks.
func (d *decider) lateAudio(clips []Clip) Decision {
	m := d.Handlers.merge(clips, nil, parseWritten(d.mem.Written))
	joined := d.Handlers.merge(clips, d.h.MapToClips(d.g, d.obs.Items), written{})
	for _, at := range joined.results {
		if at < len(clips) && clips[at].Status == Complete && finalURL(clips[at].AudioURL) == "" && finalURL(joined.clips[at].AudioURL) != "" {
			m.clips[at] = fillIn(clips[at], joined.clips[at])
			m.written.reconcile(clips[at], &m.clips[at])
		}
	}
	if len(m.changed()) == 0 {
		return d.lookLater()
	}
	out := Decision{Outcome: OutcomeSynced, Reason: ReasonLate, Status: Complete, Clips: m.changed(), Late: true}
	if lacksAudio(m.clips) {
		out.Memory, out.Next = d.later(), d.later().LateAt
		out.Memory.Written = m.written.String()
	}
	return out
}

// fillIn returns have with the final audio of seen, and with the values of seen
// that have lacks.
func fillIn(have, seen Clip) Clip {
	out := have
	from := seen.texts()
	for i, to := range out.texts() {
		*to = orElse(*to, *from[i])
	}
	out.AudioURL, out.Duration = seen.AudioURL, orElse(have.Duration, seen.Duration)
	return out
}

// ReasonLate is the reason of a decision on a late result.
const ReasonLate = "late_result"

// lateResult decides whether the task of a failed row has completed after all. It
// treats clips that failed with the row as pending again.
func (d *decider) lateResult(clips []Clip) Decision {
	open := append([]Clip(nil), clips...)
	for i := range open {
		if open[i].Status == Failed {
			open[i].Status = Submitted
		}
	}
	m := d.Handlers.merge(open, d.h.MapToClips(d.g, d.obs.Items), parseWritten(d.mem.Written))
	if d.obs.Failure != nil || d.h.DeriveStatus(d.obs.Status, m.resultClips()) != Complete {
		return d.lookLater()
	}
	m.failPending()
	out := Decision{Outcome: OutcomeSynced, Reason: ReasonLate, Status: Failed, Clips: m.clips, Late: true}
	if d.Late == LateComplete {
		out.Status = Complete
	}
	return out
}

// lookLater returns the decision that plans the next late look, if one is to
// follow.
func (d *decider) lookLater() Decision {
	mem := d.later()
	return Decision{Outcome: OutcomeSkipped, Reason: ReasonUnchanged, Status: d.g.Status, Memory: mem, Next: mem.LateAt}
}

// later returns the memory with the next late look planned; the memory is empty
// after the last one. A look that was not answered is made again, while there is
// still time for late looks. No look follows once the provider has said for
// certain that the task is dead or refused.
func (d *decider) later() Memory {
	mem := d.mem
	f := d.obs.Failure
	if f != nil && f.Verdict >= TaskDead && !f.provisional() {
		return Memory{}
	}
	if d.obs.isAnswer() {
		mem.LateLooks++
		mem.LateAt = mem.EndedAt.Add(d.lateOffset(mem.LateLooks))
	} else {
		mem.LateAt = d.now.Add(max(f.RetryAfter, d.lateOffset(0)/2, d.now.Sub(mem.EndedAt)/4))
	}
	if mem.LateLooks >= lateLooks || mem.LateAt.Sub(mem.EndedAt) > lateMost+time.Hour { // an hour to repeat the last look
		return Memory{}
	}
	if !mem.LateAt.After(d.now) {
		mem.LateAt = d.now.Add(d.lateOffset(0))
	}
	return mem
}
