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

// How much of a body an error shows, and so a log: a body may hold the prompt and
// the lyrics of a task, and a log must not. Of JSON, and of anything that looks like
// JSON, no string is shown, only the keys and the place of the first error. Of
// anything else, such as a page, the first bytes are shown.
const (
	maxExcerpt     = 80      // bytes of a page
	maxWord        = 16      // bytes of a body that claims to be JSON and is a word like "OK"
	maxKeysShown   = 8       // of an object
	maxContentType = 64      // bytes
	redactedBytes  = 8 << 10 // more than is shown: a key at the cut is recognised only when it is whole
)

// describe describes an answer: status, media type, length, and what of it may be
// shown.
func (c *Client) describe(resp *http.Response, data []byte) string {
	text := "HTTP " + strconv.Itoa(resp.StatusCode)
	media := mediaType(resp.Header)
	if media != "" {
		text += ", " + media
	}
	if len(data) == 0 {
		text += ", empty"
	} else {
		text += fmt.Sprintf(", %d bytes, %s", len(data), c.excerpt(media, trimBOM(data)))
	}
	if hint := addressHint(resp); hint != "" {
		text += "; " + hint
	}
	return c.Redact(text)
}

// mediaType is the header Content-Type without its parameters.
func mediaType(h http.Header) string {
	value := h.Get("Content-Type")
	if media, _, err := mime.ParseMediaType(value); err == nil {
		value = media
	}
	return strings.ToValidUTF8(value[:min(len(value), maxContentType)], "")
}

// excerpt is what may be shown of a body.
func (c *Client) excerpt(media string, data []byte) string {
	if mayHoldStrings(media, data) {
		return outline(data)
	}
	first := c.Redact(string(data[:min(len(data), redactedBytes)]))
	if i := strings.IndexAny(first, "\"'`{["); i >= 0 { // a quoted text may be a prompt
		first = first[:i]
	}
	return fmt.Sprintf("begins with %q", strings.ToValidUTF8(first[:min(len(first), maxExcerpt)], ""))
}

// mayHoldStrings reports whether a body is JSON, is meant to be, or may be a part of
// JSON: an event stream, or an answer whose beginning is lost.
func mayHoldStrings(media string, data []byte) bool {
	data = bytes.TrimSpace(data)
	switch {
	case len(data) == 0 || data[0] == '<': // blank, or a page
		return false
	case json.Valid(data) || bytes.ContainsAny(data, "\"{["):
		return true
	}
	return len(data) > maxWord && (strings.Contains(media, "json") || strings.Contains(media, "event-stream"))
}

// outline names the type of a JSON value, or the place of the first error where
// data is not JSON.
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

// topKeys returns the first keys of an object.
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

// firstError says where a body stops being JSON, like
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

// pathOf is the path to the end of data, the beginning of a JSON value.
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

// networkText is the text of an error of net/http without the URL, which holds ids,
// and without quoted text, which may be a part of a body on a connection that was
// out of step.
func networkText(err error) string {
	if named, ok := errors.AsType[*url.Error](err); ok {
		err = named.Err
	}
	return DropQuoted(err.Error())
}

// DropQuoted returns a text of net/http without the parts of a response that it quotes.
func DropQuoted(text string) string {
	if i := strings.IndexAny(text, "\"`"); i >= 0 {
		text = strings.TrimRight(text[:i], " :[(") + " (what it quotes is not shown)"
	}
	const line = "malformed MIME header" // it quotes without marks
	if i := strings.Index(text, line); i >= 0 {
		text = text[:i+len(line)]
	}
	return text
}
