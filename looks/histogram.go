package looks

import "math"

// histogram counts durations in buckets. What it learns decays, so that count is
// the number of samples that it still remembers.
type histogram struct {
	count  float64
	weight [buckets]float64 // their sum is count
}

// decay forgets a part of everything.
func (h *histogram) decay(keep float64) {
	h.count *= keep
	for i := range h.weight {
		h.weight[i] *= keep
	}
}

// add learns one sample, of which the chance of lying in each bucket is given.
func (h *histogram) add(chance *[buckets]float64) {
	for i, c := range chance {
		h.weight[i] += c
		h.count += c
	}
}

// smooth spreads each bucket over its neighbours by the rule of thumb of Silverman
// for the width of a kernel: 1.06·σ·n^(-1/5), here of the logarithm. A few
// samples are no proof that nothing lies between them.
func (h *histogram) smooth() *distribution {
	kernel := gauss(h.width())
	var d distribution
	for i, w := range &h.weight {
		if w == 0 {
			continue
		}
		for k, part := range kernel {
			d.mass[clamp(i+k)] += w * part
			if k > 0 {
				d.mass[clamp(i-k)] += w * part
			}
		}
	}
	d.sum()
	return &d
}

// width is the kernel's, in buckets.
func (h *histogram) width() float64 {
	if h.count <= 0 {
		return perOctave
	}
	mean, square := 0.0, 0.0
	for i, w := range &h.weight {
		mean += w * float64(i)
		square += w * float64(i) * float64(i)
	}
	mean /= h.count
	sigma := math.Sqrt(max(0, square/h.count-mean*mean))
	return min(max(0.5, 1.06*sigma*math.Pow(max(1, h.count), -0.2)), perOctave)
}

// gauss is one side of a normal kernel, the middle first: its sum over both sides
// is 1.
func gauss(sigma float64) []float64 {
	kernel := make([]float64, int(3*sigma)+2)
	sum := 0.0
	for k := range kernel {
		kernel[k] = math.Exp(-float64(k*k) / (2 * sigma * sigma))
		sum += kernel[k]
		if k > 0 {
			sum += kernel[k]
		}
	}
	for k := range kernel {
		kernel[k] /= sum
	}
	return kernel
}

func clamp(i int) int { return min(max(i, 0), buckets-1) }

// distribution is a smoothed histogram, ready to be asked.
type distribution struct {
	mass  [buckets]float64
	above [buckets + 1]float64 // the mass of the bucket and all above it
}

func (d *distribution) sum() {
	for i := buckets - 1; i >= 0; i-- {
		d.above[i] = d.above[i+1] + d.mass[i]
	}
}

// survival is the mass above x.
func (d *distribution) survival(x float64) float64 {
	i, part := place(x)
	return d.above[i+1] + (1-part)*d.mass[i]
}
