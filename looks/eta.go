package looks

import (
	"time"

	"tasksync/task"
)

// knowsEnough is how many samples a model needs before it foretells anything to
// people.
const knowsEnough = 8

// Knows reports whether the model has learnt enough of a stage to say when a row
// will end.
func (m *Model) Knows(s task.Stage) bool {
	for i := range m.stages[s] {
		if m.stages[s][i].count >= knowsEnough {
			return true
		}
	}
	return false
}

// Quantile is the age by which a part of the rows has ended that were under way at
// this age: 0.5 for the median. A row that is likely to outlast the plan has none.
func (p *Plan) Quantile(age time.Duration, part float64) (end time.Duration, ok bool) {
	i := p.at(age)
	left := p.survival[i] * (1 - part)
	for k := i; k < len(p.ages); k++ {
		if p.survival[k] <= left {
			return max(age, seconds(p.ages[k])), p.survival[i] > 0
		}
	}
	return 0, false
}

// Rows is how many ended rows the model remembers, at most some hundreds.
func (m *Model) Rows() float64 {
	most := 0.0
	for i := range m.stages[submitted] {
		most = max(most, m.stages[submitted][i].count)
	}
	return most
}
