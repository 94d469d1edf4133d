package looks

import "math"

// The buckets of a histogram are log-spaced: eight in an octave, from a quarter
// of a second (the first bucket has everything below it) to a day and a half.
const (
	perOctave   = 8
	firstOctave = -2
	octaves     = 19
	buckets     = perOctave * octaves
)

// lower is where each bucket begins, and the last one ends.
var lower = func() (at [buckets + 1]float64) { //nolint:gochecknoglobals // a constant table
	for i := 1; i <= buckets; i++ {
		at[i] = math.Exp2(firstOctave + float64(i)/perOctave)
	}
	return at
}()

// place is the bucket of x, and which part of the bucket lies below x.
func place(x float64) (i int, part float64) {
	if !(x > lower[1]) {
		return 0, max(0, x) / lower[1]
	}
	at := (math.Log2(x) - firstOctave) * perOctave
	if at >= buckets {
		return buckets - 1, 1
	}
	i = int(at)
	return i, min(1, (x-lower[i])/(lower[i+1]-lower[i]))
}

// ages are the times at which a plan may look, in seconds: half a second apart at
// first, and by a hundredth of the age later, up to the horizon.
func ages(horizon float64) []float64 {
	var at []float64
	for t := 0.0; t < horizon; t += max(0.5, t/100) {
		at = append(at, t)
	}
	return append(at, horizon)
}
