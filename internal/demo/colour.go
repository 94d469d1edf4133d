package demo

import (
	"strings"

	"tasksync/task"
)

// painter colours texts for a terminal; false leaves them as they are.
type painter bool

const (
	green = "\x1b[32m"
	red   = "\x1b[31m"
	bold  = "\x1b[1m"
	plain = "\x1b[0m"
)

func (p painter) paint(colour, text string) string {
	if !p {
		return text
	}
	return colour + text + plain
}

// with returns a function that colours texts, for bars.
func (p painter) with(colour string) func(string) string {
	return func(text string) string { return p.paint(colour, text) }
}

// became colours what became of a row, in the row's line of the table. The line has its
// columns already: a table cannot count letters that are not seen.
func (p painter) became(line string, r row) string {
	var colour string
	switch r.Status {
	case task.Complete:
		colour = green
	case task.Failed:
		colour = red
	default:
		return line
	}
	text := r.became()
	at := strings.LastIndex(line, text)
	return line[:at] + p.paint(colour, text) + line[at+len(text):]
}
