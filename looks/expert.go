package looks

import "math"

// basis is what an expert counts a duration from.
type basis uint8

const (
	fromStart  basis = iota // the row's age at its end
	fromStage               // the time since its stage was seen
	timesStage              // that, in hundredths of the age at which the stage was seen
	bases
)

// of is the expert's measure of a row that is, or ends, at this age.
func (b basis) of(age, entered float64) float64 {
	switch b {
	case fromStage:
		return age - entered
	case timesStage:
		return 100 * (age - entered) / max(entered, 1)
	default:
		return age
	}
}

// How much an expert keeps of what it knew, for each sample that it learns: the
// last thirty samples, and the last four hundred.
var memories = [...]float64{1 - 1.0/30, 1 - 1.0/400}

// believing is how much is kept of an expert's score: how well it has foretold some
// hundred samples decides, not all that were ever.
const believing = 1 - 1.0/100

// expert foretells the end in its own way.
type expert struct {
	basis basis
	keep  float64
	histogram
	score float64 // decayed sum of the logarithms of the chances that it gave to what came

	foretells *distribution // nil: to be made anew
}

// priorWeight is how many samples the prior counts as.
const priorWeight = 1

// survival is the chance that a row is still under way at age, which was at
// entered when its stage was seen. The prior is such a chance too; it decides
// while the expert knows little.
func (e *expert) survival(age, entered, prior float64) float64 {
	if e.foretells == nil {
		e.foretells = e.smooth()
	}
	x := e.basis.of(age, entered)
	if x <= 0 {
		return 1
	}
	return (e.foretells.survival(x) + priorWeight*prior) / (e.count + priorWeight)
}

// learn learns that a row ended between two ages. Where in between is not known: the
// buckets get as much as the expert foretold and, the more the end is news, an even
// part.
func (e *expert) learn(in interval, news float64) {
	low, high := max(0, e.basis.of(in.after, in.entered)), e.basis.of(in.by, in.entered)
	if e.foretells == nil {
		e.foretells = e.smooth()
	}
	first, from := place(low)
	last, upTo := place(high)
	var chance [buckets]float64
	sum := 0.0
	for i := first; i <= last; i++ {
		part := 1.0
		if i == first {
			part -= from
		}
		if i == last {
			part -= 1 - upTo
		}
		chance[i] = max(part, 1e-9) * (e.foretells.mass[i] + 1e-9)
		sum += chance[i]
	}
	for i := first; i <= last; i++ {
		chance[i] *= news / sum
	}
	e.decay(math.Pow(e.keep, news))
	e.add(&chance)
	e.foretells = nil
}

type interval struct{ after, by, entered float64 }

// judge enters how likely the expert held what came.
func (e *expert) judge(chance, news float64) {
	e.score = e.score*math.Pow(believing, news) + news*math.Log(max(chance, 1e-6))
}
