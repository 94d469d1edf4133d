package upstream

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// maxKeys bounds how many keys of one object are read.
const maxKeys = 128

// Fields is a JSON object whose values are decoded on demand, as the type that is
// asked for: a value of another JSON type counts as absent. Keys are found in any
// case, with or without underscores, since providers spell them both ways. Of keys
// that are then equal, the first with a value counts; null and "" are not values.
type Fields map[string]json.RawMessage

// ParseFields reads an object, or an object inside a JSON string; nil if raw is
// neither.
func ParseFields(raw json.RawMessage) Fields {
	raw = Unquote(raw)
	if len(raw) == 0 || raw[0] != '{' {
		return nil
	}
	f := Fields{}
	dec := json.NewDecoder(bytes.NewReader(raw))
	_, err := dec.Token()
	for err == nil && dec.More() && len(f) < maxKeys {
		var name json.Token
		if name, err = dec.Token(); err != nil {
			break
		}
		var value json.RawMessage
		err = dec.Decode(&value)
		if key, ok := name.(string); ok && err == nil {
			f.add(key, value)
		}
	}
	return f
}

// Unquote returns the JSON inside a JSON string, or raw itself if there is none. It
// does not unquote twice.
func Unquote(raw json.RawMessage) json.RawMessage {
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

func (f Fields) add(key string, value json.RawMessage) {
	key = foldKey(key)
	if v := string(bytes.TrimSpace(value)); v == "null" || v == `""` {
		return
	}
	if _, ok := f[key]; !ok {
		f[key] = value
	}
}

func foldKey(key string) string { return strings.ToLower(strings.ReplaceAll(key, "_", "")) }

// Get returns the named value as it was sent; nil if it is absent.
func (f Fields) Get(name string) json.RawMessage { return f[foldKey(name)] }

// Object returns the named value as an object, or the object inside a JSON string;
// nil if it is neither.
func (f Fields) Object(name string) Fields { return ParseFields(f.Get(name)) }

// Text returns the first of the named values that is a string or a number and is
// not blank; else "".
func (f Fields) Text(names ...string) string {
	for _, name := range names {
		var t Text
		_ = t.UnmarshalJSON(f.Get(name)) // never fails
		if t != "" {
			return string(t)
		}
	}
	return ""
}

// Texts is like Text, but accepts an array of texts too, and joins them by commas.
func (f Fields) Texts(names ...string) string {
	for _, name := range names {
		if text := f.Text(name); text != "" {
			return text
		}
		var parts []string
		for _, element := range Elements(f.Get(name), maxItems) {
			var part Text
			_ = part.UnmarshalJSON(element) // never fails
			if part != "" {
				parts = append(parts, string(part))
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
	n, err := strconv.ParseFloat(f.Text(names...), 64)
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
