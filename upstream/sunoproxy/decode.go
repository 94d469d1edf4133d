package sunoproxy

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// Bounds of what the decoder looks at. encoding/json bounds the depth.
const (
	maxTasks = 2 * batch // of one answer
	maxClips = 64        // of one task
)

// The types below never refuse a value: one of another kind than is wanted
// counts as absent, so that one odd field costs no more than itself.

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

func (t text) String() string { return string(t) }

// word is t as the tables have it.
func (t text) word() string { return strings.ToLower(string(t)) }

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

// trouble is an error as an object, or as a text alone.
type trouble struct{ code, message text }

// UnmarshalJSON implements [json.Unmarshaler].
func (t *trouble) UnmarshalJSON(raw []byte) error {
	var o struct{ Code, Type, Message text }
	if isObject(raw) && json.Unmarshal(raw, &o) == nil {
		*t = trouble{code: o.Code, message: o.Message}
		return nil
	}
	return t.message.UnmarshalJSON(raw)
}

// metadata is where a clip keeps the half of its values.
type metadata struct{ metadataFields }

type metadataFields struct {
	Tags         text    `json:"tags"`
	Prompt       text    `json:"prompt"`
	Duration     seconds `json:"duration"`
	ErrorType    text    `json:"error_type"`
	ErrorMessage text    `json:"error_message"`
}

// UnmarshalJSON implements [json.Unmarshaler].
func (m *metadata) UnmarshalJSON(raw []byte) error {
	if isObject(raw) {
		_ = json.Unmarshal(raw, &m.metadataFields) // refuses nothing
	}
	return nil
}

// objects decodes the first objects of an array, or a single object; what is
// none is left out. many tells an array, also an empty one.
func objects[T any](raw json.RawMessage, limit int) (found []T, many bool) {
	raw = bytes.TrimSpace(raw)
	if isObject(raw) {
		return appendObject[T](nil, raw), false
	}
	if len(raw) == 0 || raw[0] != '[' {
		return nil, false
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	_, err := dec.Token()
	for n := 0; err == nil && dec.More() && n < limit; n++ {
		var element json.RawMessage
		if err = dec.Decode(&element); err == nil {
			found = appendObject(found, element)
		}
	}
	return found, true
}

func appendObject[T any](found []T, raw json.RawMessage) []T {
	var v T
	if isObject(raw) && json.Unmarshal(raw, &v) == nil {
		found = append(found, v)
	}
	return found
}

func isObject(raw []byte) bool {
	raw = bytes.TrimSpace(raw)
	return len(raw) > 0 && raw[0] == '{'
}

func isNothing(raw []byte) bool {
	raw = bytes.TrimSpace(raw)
	return len(raw) == 0 || string(raw) == "null"
}
