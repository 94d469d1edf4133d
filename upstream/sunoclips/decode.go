package sunoclips

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// decode reads what it can of a JSON value: fields of another kind than they
// should be are left empty. encoding/json bounds the depth.
func decode(raw []byte, into any) {
	_ = json.Unmarshal(raw, into) // it goes on after a field of the wrong kind, and raw is valid JSON
}

// text is a string, or a number in its spelling; anything else is "".
type text string

// UnmarshalJSON implements [json.Unmarshaler].
func (t *text) UnmarshalJSON(raw []byte) error {
	raw = bytes.TrimSpace(raw)
	var s string
	switch {
	case len(raw) == 0:
	case raw[0] == '"':
		_ = json.Unmarshal(raw, &s) // a valid string, or the caller would not be here
	case raw[0] == '-' || (raw[0] >= '0' && raw[0] <= '9'):
		s = string(raw)
	}
	*t = text(strings.TrimSpace(s))
	return nil
}

// number is a number above 0, or a string that holds one; anything else is 0.
type number float64

// UnmarshalJSON implements [json.Unmarshaler].
func (n *number) UnmarshalJSON(raw []byte) error {
	var t text
	_ = t.UnmarshalJSON(raw) // it returns nil
	*n = 0
	if f, err := strconv.ParseFloat(string(t), 64); err == nil && f > 0 && !math.IsInf(f, 0) {
		*n = number(f)
	}
	return nil
}
