package upstream

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
)

// The types of this file decode answers whose schema cannot be trusted. They accept
// every value: a value of another JSON type counts as absent, so that one odd field
// costs no more than itself. The caller says how much of an array is read;
// encoding/json bounds the depth.

// Text is a string without the blanks around it, or a number as it was written.
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

// Word is t in lower case, as the tables have it.
func (t Text) Word() string { return strings.ToLower(string(t)) }

// Seconds is a number above 0, or a string that holds one.
type Seconds float64

// UnmarshalJSON implements [json.Unmarshaler].
func (s *Seconds) UnmarshalJSON(raw []byte) error {
	var t Text
	_ = t.UnmarshalJSON(raw) // never fails
	if n, err := strconv.ParseFloat(string(t), 64); err == nil && n > 0 && !math.IsInf(n, 0) {
		*s = Seconds(n)
	}
	return nil
}

// ErrorField is an error: an object, or a text alone.
type ErrorField struct{ Code, Message Text }

// UnmarshalJSON implements [json.Unmarshaler].
func (t *ErrorField) UnmarshalJSON(raw []byte) error {
	type fields ErrorField // without this method
	if o, ok := Object[fields](raw); ok {
		*t = ErrorField(o)
		return nil
	}
	return t.Message.UnmarshalJSON(raw)
}

// Given reports whether there is an error.
func (t ErrorField) Given() bool { return t != ErrorField{} }

// Object decodes a JSON object, and leaves out fields of another JSON type than T
// has. ok is false if raw is not an object.
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
// object. array reports whether raw is an array, even an empty one.
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

// Elements returns the first elements of an array, at most limit; nil if raw is not
// an array.
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
