package upstream

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// jsonPath is the path to the position of a decoder: a level for each object and
// array that is open.
type jsonPath []level

// level is one object or array on the path.
type level struct {
	array bool
	index int    // of the current element
	key   string // of the current value
	value bool   // in an object: the key has been read, and its value comes next
}

// push adds the next token.
func (p *jsonPath) push(token json.Token) {
	switch delim, ok := token.(json.Delim); {
	case ok && (delim == '{' || delim == '['):
		*p = append(*p, level{array: delim == '['})
		return
	case ok:
		*p = (*p)[:len(*p)-1]
	case len(*p) > 0 && p.top().wantsKey():
		p.top().key, _ = token.(string)
		p.top().value = true
		return
	}
	if len(*p) > 0 {
		p.top().next()
	}
}

func (p jsonPath) top() *level { return &p[len(p)-1] }

func (l *level) wantsKey() bool { return !l.array && !l.value }

// next notes that a value has ended.
func (l *level) next() {
	l.index++
	l.key, l.value = "", false
}

// maxPathShown bounds the levels of a path that are shown.
const maxPathShown = 12

// String is the path in the syntax of JSONPath.
func (p jsonPath) String() string {
	var b strings.Builder
	b.WriteByte('$')
	for i, l := range p {
		switch {
		case i == maxPathShown:
			return b.String() + "…"
		case l.array:
			fmt.Fprintf(&b, "[%d]", l.index)
		case l.value:
			b.WriteString("." + shownKey(l.key))
		}
	}
	return b.String()
}

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,39}$`)

// shownKey is key, or "*" when key is not an identifier and so may be content.
func shownKey(key string) string {
	if identifier.MatchString(key) {
		return key
	}
	return "*"
}
