package sunoapi

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"tasksync/upstream"
)

// Bounds of what the decoder looks at. encoding/json bounds the depth.
const (
	maxKeys  = 128 // of one object
	maxItems = 64  // of one array
)

// object is a JSON object whose values are read when they are asked for, each as
// what it is wanted to be: a value of another kind counts as absent. Keys are
// found in any case and with or without underscores, since the providers spell
// them both ways. Of keys that are the same then, the first that has a value
// counts.
type object map[string]json.RawMessage

// parseObject reads an object, also one inside a string; nil if raw is neither.
func parseObject(raw json.RawMessage) object {
	raw = unquote(raw)
	if len(raw) == 0 || raw[0] != '{' {
		return nil
	}
	o := object{}
	dec := json.NewDecoder(bytes.NewReader(raw))
	_, err := dec.Token()
	for err == nil && dec.More() && len(o) < maxKeys {
		var name json.Token
		if name, err = dec.Token(); err != nil {
			break
		}
		var value json.RawMessage
		err = dec.Decode(&value)
		if key, ok := name.(string); ok && err == nil {
			o.add(key, value)
		}
	}
	return o
}

// parseArray reads the first items of an array, also one inside a string; nil if
// raw is neither.
func parseArray(raw json.RawMessage) []json.RawMessage {
	return upstream.Elements(unquote(raw), maxItems)
}

// unquote gives the JSON that a JSON string holds, and raw itself if it holds
// none. It looks into one string only, not into strings within.
func unquote(raw json.RawMessage) json.RawMessage {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || raw[0] != '"' {
		return raw
	}
	var inner string
	if json.Unmarshal(raw, &inner) != nil || !json.Valid([]byte(inner)) {
		return raw
	}
	return bytes.TrimSpace([]byte(inner))
}

func (o object) add(key string, value json.RawMessage) {
	key = foldKey(key)
	if v := string(bytes.TrimSpace(value)); v == "null" || v == `""` {
		return
	}
	if _, ok := o[key]; !ok {
		o[key] = value
	}
}

func foldKey(key string) string { return strings.ToLower(strings.ReplaceAll(key, "_", "")) }

// text is the first of the named values that is a string or a number, and not
// blank; "" if there is none.
func (o object) text(names ...string) string {
	for _, name := range names {
		var t upstream.Text
		_ = t.UnmarshalJSON(o[foldKey(name)]) // refuses nothing
		if t != "" {
			return string(t)
		}
	}
	return ""
}

// number is the named value, a number or a string that holds one.
func (o object) number(names ...string) (float64, bool) {
	n, err := strconv.ParseFloat(o.text(names...), 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		return 0, false
	}
	return n, true
}

// code is the named value as a numeric code; ok is false if it is none.
func (o object) code(names ...string) (code int, ok bool) {
	n, ok := o.number(names...)
	if !ok || n != math.Trunc(n) || math.Abs(n) > 1e6 {
		return 0, false
	}
	return int(n), true
}
