package upstream

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// What of a body is shown in an error, and so in a log: it may hold the prompt
// and the lyrics of a task, which no log may. Of JSON, and of what looks like
// it, no string is shown: only its keys, and where its first error is. Of anything
// else, such as a page, the first bytes.
const (
	maxExcerpt     = 80      // bytes of a page
	maxWord        = 16      // bytes of a body, said to be JSON, that is a word like "OK"
	maxKeysShown   = 8       // of an object
	maxContentType = 64      // bytes
	looked         = 8 << 10 // a key at the cut must be seen whole to be cut out
)

// describe says what came: status, type, length, and what may be shown of it.
func (c *Client) describe(resp *http.Response, data []byte) string {
	text := "HTTP " + strconv.Itoa(resp.StatusCode)
	kind := contentType(resp.Header)
	if kind != "" {
		text += ", " + kind
	}
	if len(data) == 0 {
		text += ", empty"
	} else {
		text += fmt.Sprintf(", %d bytes, %s", len(data), c.excerpt(kind, trimBOM(data)))
	}
	if hint := addressHint(resp); hint != "" {
		text += "; " + hint
	}
	return c.Redact(text)
}

// contentType is the header of that name, without its parameters.
func contentType(h http.Header) string {
	value := h.Get("Content-Type")
	if kind, _, err := mime.ParseMediaType(value); err == nil {
		value = kind
	}
	return strings.ToValidUTF8(value[:min(len(value), maxContentType)], "")
}

// excerpt is what may be shown of a body.
func (c *Client) excerpt(kind string, data []byte) string {
	if mayHoldStrings(kind, data) {
		return outline(data)
	}
	first := c.Redact(string(data[:min(len(data), looked)]))
	if i := strings.IndexAny(first, "\"'`{["); i >= 0 { // what is quoted there may be a prompt
		first = first[:i]
	}
	return fmt.Sprintf("begins with %q", strings.ToValidUTF8(first[:min(len(first), maxExcerpt)], ""))
}

// mayHoldStrings reports whether a body is JSON, is meant to be, or may be a piece
// of it: an event stream, or an answer whose beginning is lost.
func mayHoldStrings(kind string, data []byte) bool {
	data = bytes.TrimSpace(data)
	switch {
	case len(data) == 0 || data[0] == '<': // blank, or a page
		return false
	case json.Valid(data) || bytes.ContainsAny(data, "\"{["):
		return true
	}
	return len(data) > maxWord && (strings.Contains(kind, "json") || strings.Contains(kind, "event-stream"))
}

// outline says of JSON what kind of value it is, and of what is no JSON where its
// first error is.
func outline(data []byte) string {
	if !json.Valid(data) {
		return firstError(data)
	}
	switch data = bytes.TrimSpace(data); data[0] {
	case '{':
		keys := topKeys(data)
		if len(keys) == 0 {
			return "an object without keys"
		}
		return "an object with " + strings.Join(keys, ", ")
	case '[':
		return "an array"
	case '"':
		return "a string"
	default:
		return "a number, true, false or null"
	}
}

// topKeys are the first keys of an object.
func topKeys(data []byte) (keys []string) {
	dec := json.NewDecoder(bytes.NewReader(data))
	_, _ = dec.Token()
	for dec.More() && len(keys) < maxKeysShown {
		key, _ := dec.Token()
		var value json.RawMessage
		if dec.Decode(&value) != nil {
			return keys
		}
		name, _ := key.(string)
		keys = append(keys, shownKey(name))
	}
	return keys
}

// firstError is where a body stops to be JSON, like
// `$.data.response.sunoData[0].prompt at byte 812: cut`.
func firstError(data []byte) string {
	syntax, ok := errors.AsType[*json.SyntaxError](json.Unmarshal(data, new(json.RawMessage)))
	if !ok {
		return "JSON"
	}
	what := "no JSON"
	for text, ours := range map[string]string{
		"unexpected end": "cut", "max depth": "nested too deep", "after top-level value": "more than one value",
	} {
		if strings.Contains(syntax.Error(), text) {
			what = ours
		}
	}
	return fmt.Sprintf("%s at byte %d: %s", pathOf(data[:syntax.Offset]), syntax.Offset, what)
}

// pathOf is the path to the end of a piece of JSON.
func pathOf(data []byte) jsonPath {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var at jsonPath
	for {
		token, err := dec.Token()
		if err != nil {
			return at
		}
		at.push(token)
	}
}

// networkText is the text of an error of net/http, without the URL, which holds
// ids, and without what it quotes: that may be a piece of a body, where the
// connection was out of step.
func networkText(err error) string {
	if named, ok := errors.AsType[*url.Error](err); ok {
		err = named.Err
	}
	return Unquoted(err.Error())
}

// Unquoted is a text of net/http without what it quotes of an answer.
func Unquoted(text string) string {
	if i := strings.IndexAny(text, "\"`"); i >= 0 {
		text = strings.TrimRight(text[:i], " :[(") + " (what it quotes is not shown)"
	}
	const line = "malformed MIME header" // it quotes without marks
	if i := strings.Index(text, line); i >= 0 {
		text = text[:i+len(line)]
	}
	return text
}
