package looks

// Hints has learnt how reliably hints come: callbacks of one provider for one
// task type. Its zero value knows of none.
type Hints struct {
	Ended  float64 // rows that ended lately, decayed
	Hinted float64 // those of them that a hint told of
}

// hintsKeep forgets what was a dozen rows ago: where callbacks stop, rows wait for
// looks that a plan with callbacks makes seldom.
const hintsKeep = 1 - 1.0/12

// Learn learns of one row that ended.
func (h *Hints) Learn(hinted bool) {
	h.Ended, h.Hinted = h.Ended*hintsKeep+1, h.Hinted*hintsKeep
	if hinted {
		h.Hinted++
	}
}

// Share is the part of the ends that hints tell of, as far as that is certain: with
// few rows it is low.
func (h *Hints) Share() float64 {
	if h.Ended <= 0 {
		return 0
	}
	return max(0, (h.Hinted-0.5)/(h.Ended+0.5))
}
