package acedata

import (
	"encoding/json"
	"strings"

	"tasksync/upstream"
)

// The types below never refuse a value, like those of package upstream.

// maxElements bounds how much of an array is looked at.
const maxElements = 64

// texts is a text, or an array of them joined by commas.
type texts string

// UnmarshalJSON implements [json.Unmarshaler].
func (t *texts) UnmarshalJSON(raw []byte) error {
	elements := upstream.Elements(raw, maxElements)
	if elements == nil {
		elements = []json.RawMessage{raw}
	}
	var parts []string
	for _, element := range elements {
		var part upstream.Text
		_ = part.UnmarshalJSON(element) // refuses nothing
		if part != "" {
			parts = append(parts, string(part))
		}
	}
	*t = texts(strings.Join(parts, ", "))
	return nil
}

// yes is true or "true".
type yes bool

// UnmarshalJSON implements [json.Unmarshaler].
func (y *yes) UnmarshalJSON(raw []byte) error {
	*y = yes(strings.EqualFold(strings.Trim(string(raw), `"`), "true"))
	return nil
}

// maybe is an object; nil if there is none.
type maybe[T any] struct{ is *T }

// UnmarshalJSON implements [json.Unmarshaler].
func (m *maybe[T]) UnmarshalJSON(raw []byte) error {
	m.is = nil
	if v, ok := upstream.Object[T](raw); ok {
		m.is = &v
	}
	return nil
}

// list is the objects of an array, or a single object.
type list[T any] []T

// UnmarshalJSON implements [json.Unmarshaler].
func (l *list[T]) UnmarshalJSON(raw []byte) error {
	*l, _ = upstream.Objects[T](raw, maxElements)
	return nil
}
