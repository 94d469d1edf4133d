package database

import (
	"errors"
	"strings"
)

// errKeywords is the error of a keyword string that cannot be read.
var errKeywords = errors.New("it cannot be read as keywords and values, like host=… dbname=…; a value with a space or a quote is written in single quotes, with \\' for a quote and \\\\ for a backslash")

const spaces = " \t\n\r\v\f"

// readKeywords takes a keyword string apart by libpq's rules.
func readKeywords(text string) (*address, error) {
	a := &address{keyword: true}
	for text = strings.TrimLeft(text, spaces); text != ""; text = strings.TrimLeft(text, spaces) {
		name, rest, ok := strings.Cut(text, "=")
		name = strings.TrimRight(name, spaces)
		if !ok || !parameterName.MatchString(name) {
			return nil, errKeywords
		}
		value, rest, ok := readValue(strings.TrimLeft(rest, spaces))
		if !ok {
			return nil, errKeywords
		}
		a.settings = append(a.settings, setting{name, value})
		text = rest
	}
	return a, nil
}

// readValue reads a value, in quotes or up to the next space. It returns false for
// quotes that do not end.
func readValue(text string) (value, rest string, ok bool) {
	quoted := strings.HasPrefix(text, "'")
	text = strings.TrimPrefix(text, "'")
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text):
			i++
			b.WriteByte(text[i])
		case quoted && c == '\'':
			return b.String(), text[i+1:], true
		case !quoted && strings.IndexByte(spaces, c) >= 0:
			return b.String(), text[i:], true
		case c != '\\':
			b.WriteByte(c)
		}
	}
	return b.String(), "", !quoted
}
