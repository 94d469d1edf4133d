package upstream

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
)

// What is here decodes answers of which no schema can be trusted. The types
// never refuse a value: one of another kind than is wanted counts as absent, so
// that one odd field costs no more than itself. How much of an array is looked
// at, the caller says; encoding/json bounds the depth.

// Text is a string without the blanks around it, or a number in its spelling.
type Text string

// UnmarshalJSON implements [json.Unmarshaler].
func (t *Text) UnmarshalJSON(raw []byte) error {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return nil
	}
	switch c := raw[0]; {
	case c == '"':
		var s string
		if json.Unmarshal(raw, &s) == nil {
			*t = Text(strings.TrimSpace(s))
		}
	case c == '-' || (c >= '0' && c <= '9'):
		*t = Text(raw)
	}
	return nil
}

// Word is t as the tables have it: in lower case.
func (t Text) Word() string { return strings.ToLower(string(t)) }

// Seconds is a number above 0, or a string that holds one.
type Seconds float64

// UnmarshalJSON implements [json.Unmarshaler].
func (s *Seconds) UnmarshalJSON(raw []byte) error {
	var t Text
	_ = t.UnmarshalJSON(raw) // refuses nothing
	if n, err := strconv.ParseFloat(string(t), 64); err == nil && n > 0 && !math.IsInf(n, 0) {
		*s = Seconds(n)
	}
	return nil
}

// Trouble is an error as an object, or as a text alone.
type Trouble struct{ Code, Message Text }

// UnmarshalJSON implements [json.Unmarshaler].
func (t *Trouble) UnmarshalJSON(raw []byte) error {
	type fields Trouble // without this method
	if o, ok := Object[fields](raw); ok {
		*t = Trouble(o)
		return nil
	}
	return t.Message.UnmarshalJSON(raw)
}

// Given reports whether there is an error at all.
func (t Trouble) Given() bool { return t != Trouble{} }

// Object decodes a JSON object, without the fields that are of another kind than
// T has them. ok is false if raw is none.
func Object[T any](raw []byte) (v T, ok bool) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || raw[0] != '{' {
		return v, false
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		if _, oneField := errors.AsType[*json.UnmarshalTypeError](err); !oneField {
			return *new(T), false
		}
	}
	return v, true
}

// Objects decodes the objects among the first elements of an array, or a single
// object. array tells an array, also an empty one.
func Objects[T any](raw []byte, limit int) (found []T, array bool) {
	elements := Elements(raw, limit)
	array = elements != nil
	if !array {
		elements = []json.RawMessage{raw}
	}
	for _, element := range elements {
		if v, ok := Object[T](element); ok {
			found = append(found, v)
		}
	}
	return found, array
}

// Elements are the first ones of an array, at most limit; nil if raw is none.
func Elements(raw []byte, limit int) []json.RawMessage {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || raw[0] != '[' {
		return nil
	}
	elements := []json.RawMessage{}
	dec := json.NewDecoder(bytes.NewReader(raw))
	_, err := dec.Token()
	for err == nil && dec.More() && len(elements) < limit {
		var element json.RawMessage
		if err = dec.Decode(&element); err == nil {
			elements = append(elements, element)
		}
	}
	return elements
}
