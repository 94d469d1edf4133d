package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"tasksync/looks"
)

// The picture: how likely a song ends at each age, as learnt from 200 rows, and the
// looks that each pace plans for a row that shows no stages.
const (
	svgWidth, svgHeight = 720, 260
	svgLeft, svgRight   = 84, 694
	svgTop, svgBase     = 30, 128 // of the curve
	svgSpan             = 270     // seconds
)

const svgStyle = `<style>
  text { font: 12px system-ui, sans-serif; fill: #57606a }
  .area { fill: #0969da; opacity: .18 } .line { fill: none; stroke: #0969da; stroke-width: 2 }
  .axis { stroke: #8c959f; stroke-width: 1 } .look { stroke: #bc4c00; stroke-width: 2.5; stroke-linecap: round }
  .pace { font-weight: 600 }
  @media (prefers-color-scheme: dark) {
    text { fill: #9198a1 } .area, .line { stroke: #4493f8 } .area { fill: #4493f8; stroke: none } .look { stroke: #f0883e }
  }
</style>`

// drawLooks writes the picture.
func drawLooks(path string) error {
	m := looks.NewModel(func(age time.Duration) float64 { return max(0, 1-age.Seconds()/deadline.Seconds()) })
	teach(m, 200)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="When tasksync looks at a song: the looks of each pace over the distribution of durations that it has learnt">`+"\n%s\n", svgWidth, svgHeight, svgStyle)
	drawCurve(&b, m)
	for i, pace := range []looks.Pace{looks.Frugal, looks.Balanced, looks.Eager} {
		drawPace(&b, m, pace, svgBase+34+26*i)
	}
	drawAxis(&b)
	b.WriteString("</svg>\n")
	return os.WriteFile(path, []byte(b.String()), 0o644) //nolint:gosec // a picture for everyone
}

// teach lets rows end, each looked at by the plan of that time.
func teach(m *looks.Model, rows int) {
	r := rand.New(rand.NewPCG(seed, 14)) //nolint:gosec // the same numbers each time
	for range rows {
		ends := logNormal().draw(r, 0)
		plan := m.Plan(looks.Track{}, deadline, looks.Terms{Price: looks.Balanced.Price()})
		track, age := looks.Track{}, plan.Next(0)
		for ; age < ends; age = plan.Next(age) {
			track = track.Looked(age, 0)
		}
		m.Learn(track, age, false)
	}
}

func svgX(age time.Duration) float64 {
	return svgLeft + (svgRight-svgLeft)*age.Seconds()/svgSpan
}

func drawCurve(b *strings.Builder, m *looks.Model) {
	plan := m.Plan(looks.Track{}, deadline, looks.Terms{Price: time.Second})
	const step = 4 * time.Second
	var density []float64
	most := 0.0
	for age := time.Duration(0); age <= svgSpan*time.Second; age += step {
		half := max(step, age/10) // what is learnt is the coarser, the older a row is
		d := (plan.Survival(max(0, age-half)) - plan.Survival(age+half)) / (2 * half.Seconds())
		density, most = append(density, d), max(most, d)
	}
	var points strings.Builder
	for i, d := range density {
		fmt.Fprintf(&points, "%.1f,%.1f ", svgX(time.Duration(i)*step), svgBase-(svgBase-svgTop)*d/most)
	}
	fmt.Fprintf(b, `<polygon class="area" points="%d,%d %s%d,%d"/>`+"\n", svgLeft, svgBase, points.String(), svgRight, svgBase)
	fmt.Fprintf(b, `<polyline class="line" points="%s"/>`+"\n", strings.TrimSpace(points.String()))
	fmt.Fprintf(b, `<text x="%d" y="18">how likely a song ends at an age, learnt from 200 rows</text>`+"\n", svgLeft)
}

func drawPace(b *strings.Builder, m *looks.Model, pace looks.Pace, y int) {
	plan := m.Plan(looks.Track{}, deadline, looks.Terms{Price: pace.Price()})
	n, waiting := plan.Expect(0)
	fmt.Fprintf(b, `<text class="pace" x="12" y="%d">%s</text>`+"\n", y+4, pace)
	fmt.Fprintf(b, `<line class="axis" x1="%d" x2="%d" y1="%d" y2="%d" opacity=".4"/>`+"\n", svgLeft, svgRight, y, y)
	for age := plan.Next(0); age < svgSpan*time.Second; age = plan.Next(age) {
		fmt.Fprintf(b, `<line class="look" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>`+"\n", svgX(age), svgX(age), y-7, y+7)
	}
	fmt.Fprintf(b, "<!-- %s: %.1f looks, %.1f s -->\n", pace, n, waiting.Seconds())
}

func drawAxis(b *strings.Builder) {
	const y = svgHeight - 26
	fmt.Fprintf(b, `<line class="axis" x1="%d" x2="%d" y1="%d" y2="%d"/>`+"\n", svgLeft, svgRight, y, y)
	for s := 0; s <= svgSpan; s += 30 {
		x := svgX(time.Duration(s) * time.Second)
		fmt.Fprintf(b, `<line class="axis" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/><text x="%.1f" y="%d" text-anchor="middle">%d s</text>`+"\n", x, x, y, y+5, x, y+18, s)
	}
}
