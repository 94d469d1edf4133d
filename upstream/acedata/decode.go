package acedata

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// The types below never refuse a value: one of another kind than is wanted
// counts as absent, so that one odd field costs no more than itself. The bounds
// on what is looked at are theirs; that on the depth is encoding/json's.

// maxElements bounds how much of an array is looked at.
const maxElements = 64

// text is a string or a number.
type text string

// UnmarshalJSON implements [json.Unmarshaler].
func (t *text) UnmarshalJSON(raw []byte) error {
	switch c := raw[0]; {
	case c == '"':
		var s string
		if json.Unmarshal(raw, &s) == nil {
			*t = text(strings.TrimSpace(s))
		}
	case c == '-' || (c >= '0' && c <= '9'):
		*t = text(raw)
	}
	return nil
}

// word is t for a table: in lower case.
func (t text) word() string { return strings.ToLower(string(t)) }

// texts is a text, or an array of them joined by commas.
type texts string

// UnmarshalJSON implements [json.Unmarshaler].
func (t *texts) UnmarshalJSON(raw []byte) error {
	var parts []string
	for _, el := range elements(raw) {
		var part text
		if json.Unmarshal(el, &part) == nil && part != "" {
			parts = append(parts, string(part))
		}
	}
	*t = texts(strings.Join(parts, ", "))
	return nil
}

// seconds is a positive number, or a string that holds one.
type seconds float64

// UnmarshalJSON implements [json.Unmarshaler].
func (s *seconds) UnmarshalJSON(raw []byte) error {
	var t text
	_ = t.UnmarshalJSON(raw) // refuses nothing
	if n, err := strconv.ParseFloat(string(t), 64); err == nil && n > 0 && !math.IsInf(n, 0) {
		*s = seconds(n)
	}
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
	m.is = object[T](raw)
	return nil
}

// list is the objects of an array, or a single object; what is none is left out.
type list[T any] []T

// UnmarshalJSON implements [json.Unmarshaler].
func (l *list[T]) UnmarshalJSON(raw []byte) error {
	*l = nil
	for _, el := range elements(raw) {
		if v := object[T](el); v != nil {
			*l = append(*l, *v)
		}
	}
	return nil
}

// object decodes a JSON object; nil if raw is none.
func object[T any](raw []byte) *T {
	if len(raw) == 0 || raw[0] != '{' {
		return nil
	}
	v := new(T)
	if json.Unmarshal(raw, v) != nil {
		return nil
	}
	return v
}

// elements are the first ones of an array; of anything else, the thing itself.
func elements(raw []byte) []json.RawMessage {
	if len(raw) == 0 || raw[0] != '[' {
		return []json.RawMessage{raw}
	}
	var els []json.RawMessage
	dec := json.NewDecoder(bytes.NewReader(raw))
	_, err := dec.Token()
	for err == nil && dec.More() && len(els) < maxElements {
		var el json.RawMessage
		if err = dec.Decode(&el); err == nil {
			els = append(els, el)
		}
	}
	return els
}

// trouble is an error as the provider tells it: an object, or a text alone.
type trouble struct{ code, message text }

// UnmarshalJSON implements [json.Unmarshaler].
func (t *trouble) UnmarshalJSON(raw []byte) error {
	*t = trouble{}
	if o := object[struct{ Code, Message text }](raw); o != nil {
		*t = trouble{code: o.Code, message: o.Message}
		return nil
	}
	return t.message.UnmarshalJSON(raw)
}

func (t trouble) given() bool { return t != trouble{} }
