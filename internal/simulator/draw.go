package simulator

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"strings"
	"time"
)

// draw is one task's source of chance. Its stream depends on the seed and the
// task's number only, so what one task draws never shifts the next one's.
type draw struct{ *rand.Rand }

func newDraw(seed, number uint64) draw {
	const golden = 0x9E3779B97F4A7C15 // spreads consecutive numbers
	return draw{rand.New(rand.NewPCG(seed, (number+1)*golden))}
}

func (d draw) between(low, high time.Duration) time.Duration {
	return low + time.Duration(d.Float64()*float64(high-low))
}

// Lengths is a log-normal distribution of how long tasks take. The zero value is none.
type Lengths struct {
	Median time.Duration
	Sigma  float64 // of the logarithm
}

func (l Lengths) draw(d draw) time.Duration {
	return time.Duration(float64(l.Median) * math.Exp(l.Sigma*d.NormFloat64()))
}

func (d draw) bytes16() []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 16), d.Uint64())
	return binary.BigEndian.AppendUint64(b, d.Uint64())
}

func (d draw) taskID() string { return hex.EncodeToString(d.bytes16()) }

// uuid returns a random (version 4) UUID.
func (d draw) uuid() string {
	b := d.bytes16()
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return dashed(hex.EncodeToString(b))
}

func (d draw) title() string {
	return pick(d, "Quiet", "Golden", "Electric", "Paper", "Northern", "Last", "Hollow", "Bright") + " " +
		pick(d, "Harbour", "Letters", "Rain", "Machine", "Orchard", "Signal", "Window", "Tide")
}

func (d draw) tags() string {
	return pick(d, "ambient", "indie folk", "synthwave", "jazz", "chamber pop") + ", " +
		pick(d, "piano", "acoustic guitar", "warm vocals", "slow", "110 bpm")
}

func (d draw) verses() string {
	lines := []string{plantedVerse}
	for range 4 {
		lines = append(lines, pick(d, verseSubjects...)+" "+
			pick(d, "fold into", "wait beside", "remember", "drift across")+" "+pick(d, versePlaces...))
	}
	return strings.Join(lines, "\n")
}

// duration returns between one and four minutes, in seconds with two decimals.
func (d draw) duration() float64 { return float64(6000+d.IntN(18000)) / 100 }

func pick[T any](d draw, choices ...T) T { return choices[d.IntN(len(choices))] }

// wheel draws names by weight. A wheel without weight draws the zero name.
type wheel[T any] struct {
	names []T
	upTo  []float64 // cumulated weights
}

func (w *wheel[T]) add(name T, weight float64) {
	if !(weight > 0) {
		return
	}
	sum := weight
	if n := len(w.upTo); n > 0 {
		sum += w.upTo[n-1]
	}
	w.names, w.upTo = append(w.names, name), append(w.upTo, sum)
}

func (w *wheel[T]) spin(d draw) (name T) {
	if len(w.upTo) == 0 {
		return name
	}
	x := d.Float64() * w.upTo[len(w.upTo)-1]
	for i, upTo := range w.upTo {
		if x < upTo {
			return w.names[i]
		}
	}
	return w.names[len(w.names)-1]
}
