package looks

import (
	"slices"
	"time"
)

// Terms are what a plan is made for.
type Terms struct {
	// Price of a look, as the time that a row may wait instead.
	Price time.Duration
	// Least is the least time between two looks; 0: any.
	Least time.Duration
	// Hinted is the part of the ends of which a hint tells at once, as a callback
	// does: from 0 to 1. The plan is then made for the others.
	Hinted float64
}

// Plan is the best schedule of looks for one survival curve. It never changes.
type Plan struct {
	curve
	next    []int     // by the place of the last look, the place of the next one
	looks   []float64 // expected from there on, given that the row was under way then
	waiting []float64 // seconds, expected from there on
}

// curve is the chance that a row is still under way, by age.
type curve struct {
	ages     []float64
	survival []float64 // falls from ages to ages
}

// plan finds the best schedule by dynamic programming, from the last age to the
// first: the best rest of a schedule after a look does not depend on what came
// before it.
//
// The costs are not divided by the survival: cost[i] is that of all looks after
// ages[i], weighted with the chance that the row is under way then. The last age is
// the row's deadline, and has a look in any case.
func (c curve) plan(t Terms) *Plan {
	n := len(c.ages)
	p := &Plan{curve: c, next: make([]int, n), looks: make([]float64, n), waiting: make([]float64, n)}
	moment := c.moments()
	price := max(t.Price.Seconds(), 1e-3)
	cost := make([]float64, n)
	latest := n - 1
	for i := n - 2; i >= 0; i-- {
		best := -1.0
		for j := i + 1; j <= latest; j++ {
			if c.ages[j]-c.ages[i] < t.Least.Seconds() && j < n-1 {
				continue
			}
			look, wait := c.step(i, j, moment, t.Hinted)
			if best >= 0 && wait > best {
				break // later looks wait for longer
			}
			if total := price*look + wait + cost[j]; best < 0 || total < best {
				best = total
				p.next[i], p.looks[i], p.waiting[i] = j, look+p.looks[j], wait+p.waiting[j]
			}
		}
		cost[i], latest = best, p.next[i]
	}
	for i, s := range c.survival { // what follows is given that the row is under way
		if s > 0 {
			p.looks[i] /= s
			p.waiting[i] /= s
		}
	}
	return p
}

// step is what it costs to look at ages[j] next after ages[i]: looks, and
// seconds of waiting. A row whose hint comes needs neither.
func (c curve) step(i, j int, moment []float64, hinted float64) (look, wait float64) {
	ended := c.survival[i] - c.survival[j]
	return c.survival[i] - hinted*ended, (1 - hinted) * (c.ages[j]*ended - (moment[j] - moment[i]))
}

// moments are the sums of age times chance of the ends up to each age. Between two
// ages the ends are spread evenly.
func (c curve) moments() []float64 {
	m := make([]float64, len(c.ages))
	for i := 1; i < len(m); i++ {
		ended := c.survival[i-1] - c.survival[i]
		m[i] = m[i-1] + ended*(c.ages[i-1]+c.ages[i])/2
	}
	return m
}

// Next is the age at the next look of a row that was under way at this age.
func (p *Plan) Next(age time.Duration) time.Duration {
	i := p.at(age)
	next := p.ages[p.next[i]]
	// The plan's last look was a little before the row's: so is the next one.
	next = min(next+age.Seconds()-p.ages[i], p.ages[len(p.ages)-1])
	return max(age, seconds(next))
}

// Survival is the chance that a row takes longer than this age.
func (p *Plan) Survival(age time.Duration) float64 {
	i := p.at(age)
	if i == len(p.ages)-1 {
		return p.survival[i]
	}
	part := min(max(0, (age.Seconds()-p.ages[i])/(p.ages[i+1]-p.ages[i])), 1)
	return p.survival[i] + part*(p.survival[i+1]-p.survival[i])
}

// Looks is how many looks the plan makes of a row between two ages at which it was
// under way, the last one in part.
func (p *Plan) Looks(from, to time.Duration) float64 {
	const most = 1000 // in case that the plan does not come on
	n := 0.0
	for n < most && from < to {
		next := p.Next(from)
		if next > to || next <= from {
			return n + min(1, float64(to-from)/float64(max(next-from, 1)))
		}
		from = next
		n++
	}
	return n
}

// Expect is how many looks a row still takes that was under way at this age, and
// how long it then waits after its end.
func (p *Plan) Expect(age time.Duration) (looks float64, waiting time.Duration) {
	i := p.at(age)
	return p.looks[i], seconds(p.waiting[i])
}

// at is the last place of the grid that is not after age.
func (p *Plan) at(age time.Duration) int {
	i, exact := slices.BinarySearch(p.ages, age.Seconds())
	if !exact {
		i--
	}
	return min(max(i, 0), len(p.ages)-1)
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// Value is how much waiting a look at this age is expected to end, of a row that was
// under way at the last look: the mean time since its end, which is 0 for a row
// that is still under way.
func (p *Plan) Value(last, age time.Duration) time.Duration {
	i, j := p.at(last), p.at(age)
	if p.survival[i] <= 0 || j <= i {
		return 0
	}
	sum := 0.0
	for k := i; k < j; k++ {
		sum += (p.survival[k] - p.survival[k+1]) * (p.ages[j] - (p.ages[k]+p.ages[k+1])/2)
	}
	return seconds(sum / p.survival[i])
}
