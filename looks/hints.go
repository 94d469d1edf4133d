package looks

import "math"

// Hints has learnt how reliably hints come: callbacks of one provider for one
// task type. Its zero value knows of none.
type Hints struct {
	Lately, Long Told
}

// Told is how many rows have ended, and how many of them a hint told of, decayed.
type Told struct{ Ended, Hinted float64 }

// How much is kept of what was learnt of earlier rows, for each row: some eighty rows, and
// a dozen. Where hints are nearly certain, the long memory is the one that can tell. The
// short one is for hints that have stopped: then rows wait for looks that a plan with
// hints makes seldom.
const (
	hintsKeepLately = 1 - 1.0/12
	hintsKeepLong   = 1 - 1.0/300
)

func (t *Told) learn(hinted bool, keep float64) {
	t.Ended, t.Hinted = t.Ended*keep+1, t.Hinted*keep
	if hinted {
		t.Hinted++
	}
}

// share is the part of the ends that hints told of, as far as that is certain: with few
// rows it is low.
func (t Told) share() float64 {
	if t.Ended <= 0 {
		return 0
	}
	return max(0, (t.Hinted-0.5)/(t.Ended+0.5))
}

// Learn learns of one row that ended.
func (h *Hints) Learn(hinted bool) {
	h.Lately.learn(hinted, hintsKeepLately)
	h.Long.learn(hinted, hintsKeepLong)
}

// Share is the part of the ends that hints tell of: by the long memory, unless more
// have failed to come lately than chance explains.
func (h *Hints) Share() float64 {
	missed, expected := h.Lately.Ended-h.Lately.Hinted, h.Lately.Ended*(1-h.Long.share())
	if missed > expected+math.Sqrt(expected)+1.5 {
		return h.Lately.share()
	}
	return h.Long.share()
}
