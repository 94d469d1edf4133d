package upstream

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// jsonPath is the way to where a decoder stands: one level for each object and
// array that is open.
type jsonPath []level

// level is one object or array on the way.
type level struct {
	array bool
	index int    // of the element that is being read
	key   string // of the value that is being read
	value bool   // of an object: the key has been read, and its value comes next
}

// push enters the next token.
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
		p.top().passed()
	}
}

func (p jsonPath) top() *level { return &p[len(p)-1] }

func (l *level) wantsKey() bool { return !l.array && !l.value }

// passed notes that a value is over.
func (l *level) passed() {
	l.index++
	l.key, l.value = "", false
}

// maxPathShown is how many levels of a path are shown.
const maxPathShown = 12

// String is the path as JSONPath has it.
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

// shownKey is a key that may be shown; what is no identifier may be content.
func shownKey(key string) string {
	if identifier.MatchString(key) {
		return key
	}
	return "*"
}
