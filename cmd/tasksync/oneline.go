package main

import (
	"strings"
	"unicode"
)

// oneLine makes a text of a row, a provider or an operator fit for a terminal: in one line and
// one column, and without control characters, by which it could move the cursor, colour what
// follows or turn its direction.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t', r == '\r':
			return ' '
		case unicode.IsControl(r), r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069':
			return unicode.ReplacementChar
		}
		return r
	}, text)
}
