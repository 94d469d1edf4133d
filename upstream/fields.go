package upstream

import (
	"math"
	"strconv"
	"strings"
)

// Fields are the members of an object. Names are found in any case, with or without
// underscores inside, since providers spell them both ways. Of names that are then equal, the
// first with a value counts; null and "" are not values. The zero Fields are those of
// what is no object.
type Fields struct{ of Value }

// Given reports whether there is an object.
func (f Fields) Given() bool { return f.of.in != nil }

// Value is the object itself.
func (f Fields) Value() Value { return f.of }

// Empty reports whether the object has no members.
func (f Fields) Empty() bool { return !f.Given() || f.of.node().next == uint32(f.of.at)+1 }

// Has reports whether the object has a member of that name, even without a value.
func (f Fields) Has(name string) bool {
	_, ok := f.next(name, f.of.at+1)
	return ok
}

// Get returns the named value.
func (f Fields) Get(name string) Value {
	for v, ok := f.next(name, f.of.at+1); ok; v, ok = f.next(name, int(v.node().next)) {
		if n := v.node(); n.kind != 'n' && (n.kind != '"' || n.end-n.start > 2) {
			return v
		}
	}
	return Value{}
}

// All returns the values of all members of that name, in their order.
func (f Fields) All(name string) (all []Value) {
	for v, ok := f.next(name, f.of.at+1); ok; v, ok = f.next(name, int(v.node().next)) {
		all = append(all, v)
	}
	return all
}

// next returns the first member of that name from node at on, which is a name.
func (f Fields) next(name string, at int) (Value, bool) {
	if !f.Given() {
		return Value{}, false
	}
	d, hash := f.of.in, hashName(name)
	for end := int(f.of.node().next); at < end; at = int(d.nodes[at+1].next) {
		if d.nodes[at].next == hash && sameName(d.string(d.nodes[at]), name) {
			return Value{d, at + 1}, true
		}
	}
	return Value{}, false
}

// hashName is FNV-1a of a name in lower case, without the underscores inside.
func hashName[T string | []byte](name T) uint32 {
	hash := uint32(2166136261)
	for i := range len(name) {
		if c := name[i]; c != '_' || i == 0 {
			hash = (hash ^ uint32(lower(c))) * 16777619
		}
	}
	return hash
}

// sameName compares names as hashName does.
func sameName(a []byte, b string) bool {
	j := 0
	for i, c := range a {
		if c == '_' && i > 0 {
			continue
		}
		for j > 0 && j < len(b) && b[j] == '_' {
			j++
		}
		if j == len(b) || lower(b[j]) != lower(c) {
			return false
		}
		j++
	}
	return strings.Trim(b[j:], "_") == ""
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// Object returns the named value as an object, or the object inside a string.
func (f Fields) Object(name string) Fields { return f.Get(name).Fields() }

// Text returns the first of the named values that is a string or a number and is
// not blank; else "".
func (f Fields) Text(names ...string) string {
	for _, name := range names {
		if t := f.Get(name).Text(); t != "" {
			return t
		}
	}
	return ""
}

// Texts is like Text, but accepts an array of texts too, and joins them by commas.
func (f Fields) Texts(names ...string) string {
	for _, name := range names {
		v := f.Get(name)
		if text := v.Text(); text != "" {
			return text
		}
		var parts []string
		for _, element := range v.Elements(maxItems) {
			if part := element.Text(); part != "" {
				parts = append(parts, part)
			}
		}
		if len(parts) > 0 {
			return strings.Join(parts, ", ")
		}
	}
	return ""
}

// Number returns the first text of the named values as a number.
func (f Fields) Number(names ...string) (float64, bool) {
	text := f.Text(names...)
	if text == "" {
		return 0, false
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		return 0, false
	}
	return n, true
}

// Code returns the first text of the named values as a numeric code; ok is false if
// it is not one.
func (f Fields) Code(names ...string) (code int, ok bool) {
	n, ok := f.Number(names...)
	if !ok || n != math.Trunc(n) || math.Abs(n) > 1e6 {
		return 0, false
	}
	return int(n), true
}

// Error returns the named value as an error.
func (f Fields) Error(name string) ErrorField {
	v := f.Get(name)
	if o := v.Object(); o.Given() {
		return ErrorField{Code: o.Text("code"), Message: o.Text("message")}
	}
	return ErrorField{Message: v.Text()}
}

// ErrorField is an error: an object, or a text alone.
type ErrorField struct{ Code, Message string }

// Given reports whether there is an error.
func (e ErrorField) Given() bool { return e != ErrorField{} }
