package main

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// cell is a letter on the screen, with its colour: the parameter of the escape sequence.
type cell struct {
	letter rune
	colour string
}

type line []cell

func (l line) text() string {
	var b strings.Builder
	for _, c := range l {
		b.WriteRune(c.letter)
	}
	return b.String()
}

// screen is as much of a terminal as the demo needs: lines, colours, and a cursor that goes
// up to draw bars again.
type screen struct {
	lines    []line
	row, col int
	colour   string
}

var escape = regexp.MustCompile(`^\x1b\[([0-9;?]*)([A-Za-z])`)

func (s *screen) write(text string) {
	for text != "" {
		if m := escape.FindStringSubmatch(text); m != nil {
			s.control(m[1], m[2])
			text = text[len(m[0]):]
			continue
		}
		letter, size := utf8.DecodeRuneInString(text)
		s.put(letter)
		text = text[size:]
	}
}

func (s *screen) control(parameter, verb string) {
	switch verb {
	case "m":
		s.colour = parameter
	case "A": // up
		n, _ := strconv.Atoi(parameter)
		s.row = max(0, s.row-max(1, n))
	case "J", "K": // clear from here on
		s.room()
		s.lines[s.row] = s.lines[s.row][:min(s.col, len(s.lines[s.row]))]
		if verb == "J" {
			s.lines = s.lines[:s.row+1]
		}
	}
}

func (s *screen) put(letter rune) {
	switch letter {
	case '\r':
		s.col = 0
		return
	case '\n':
		s.row, s.col = s.row+1, 0
		return
	}
	s.room()
	l := s.lines[s.row]
	for len(l) <= s.col {
		l = append(l, cell{letter: ' '})
	}
	l[s.col] = cell{letter, s.colour}
	s.lines[s.row] = l
	s.col++
}

// room makes the lines up to the cursor.
func (s *screen) room() {
	for len(s.lines) <= s.row {
		s.lines = append(s.lines, nil)
	}
}
