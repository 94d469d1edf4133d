package upstream

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestDescribe(t *testing.T) {
	t.Parallel()
	c, err := NewClient(Config{Provider: "p", BaseURL: "https://api.example", APIKey: testKey})
	require.NoError(t, err)
	const record = `{"code":200,"data":{"response":{"sunoData":[{"id":"1","prompt":"walking home`
	for name, tc := range map[string]struct {
		kind, body, want string
	}{
		"cut in a string":     {"application/json", record, "HTTP 200, application/json, 76 bytes, $.data.response.sunoData[0].prompt at byte 76: cut"},
		"cut in a key":        {"application/json", `{"code":200,"walking ho`, "HTTP 200, application/json, 23 bytes, $ at byte 23: cut"},
		"cut after a value":   {"", `[1,{"a":[true,null`, "HTTP 200, 18 bytes, $[1].a[2] at byte 18: cut"},
		"no JSON inside":      {"", `{"a":{"b":walking}}`, "HTTP 200, 19 bytes, $.a.b at byte 11: no JSON"},
		"a key of content":    {"", `{"walking home":{"b":`, "HTTP 200, 21 bytes, $.*.b at byte 21: cut"},
		"two values":          {"", `{"a":1}{"b":2}`, "HTTP 200, 14 bytes, $ at byte 8: more than one value"},
		"an object":           {"application/json; charset=utf-8", `{"msg":"walking","the song":1,"data":{}}`, "HTTP 200, application/json, 40 bytes, an object with msg, *, data"},
		"no keys":             {"", `{}`, "HTTP 200, 2 bytes, an object without keys"},
		"an array":            {"", ` ["walking"]`, "HTTP 200, 12 bytes, an array"},
		"a string":            {"", `"walking"`, "HTTP 200, 9 bytes, a string"},
		"a number":            {"", `17`, "HTTP 200, 2 bytes, a number, true, false or null"},
		"empty":               {"", "", "HTTP 200, empty"},
		"blank":               {"", "\r\n", `HTTP 200, 2 bytes, begins with ""`},
		"a page":              {"text/html", `<html lang="walking">`, `HTTP 200, text/html, 21 bytes, begins with "<html lang="`},
		"a page with a state": {"text/html", `<script>x={prompt:'walking`, `HTTP 200, text/html, 26 bytes, begins with "<script>x="`},
		"a word":              {"application/json", "OK", `HTTP 200, application/json, 2 bytes, begins with "OK"`},
		"a text":              {"text/plain", "no available server", `HTTP 200, text/plain, 19 bytes, begins with "no available server"`},
		"a text said JSON":    {"application/json", "walking home alone tonight", "HTTP 200, application/json, 26 bytes, $ at byte 1: no JSON"},
		"an event stream":     {"text/event-stream", `data: {"prompt":"walking`, "HTTP 200, text/event-stream, 24 bytes, $ at byte 1: no JSON"},
		"no beginning":        {"", `walking home","tags":"x"}`, "HTTP 200, 25 bytes, $ at byte 1: no JSON"},
		"the key":             {"text/plain", "key " + testKey, `HTTP 200, text/plain, 33 bytes, begins with "key `},
	} {
		resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {tc.kind}}}
		got := c.describe(resp, []byte(tc.body))
		require.True(t, strings.HasPrefix(got, tc.want), "%s: %s", name, got)
		require.NotContains(t, got, "walking", name)
		require.NotContains(t, got, testKey[:4], name)
	}
}

// TestDescribeShowsNoString has answers of all shapes whose strings are all content:
// whole, cut, and with a byte changed.
func TestDescribeShowsNoString(t *testing.T) {
	t.Parallel()
	const content = "walking home"
	c, err := NewClient(Config{Provider: "p", BaseURL: "https://api.example"})
	require.NoError(t, err)
	rapid.Check(t, func(t *rapid.T) {
		body, err := json.Marshal(anyJSON(content).Draw(t, "value"))
		require.NoError(t, err)
		body = body[:rapid.IntRange(0, len(body)).Draw(t, "cut")]
		if len(body) > 0 && rapid.Bool().Draw(t, "changed") {
			at := rapid.IntRange(0, len(body)-1).Draw(t, "at")
			if at > 0 || body[0] != '"' { // without its first quote a string alone is a page's text
				body[at] = rapid.Byte().Draw(t, "byte")
			}
		}
		resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {rapid.SampledFrom([]string{"", "application/json", "text/html"}).Draw(t, "type")}}}
		if got := c.describe(resp, body); strings.Contains(got, content) || len(got) > 1<<10 {
			t.Fatalf("%s", got)
		}
	})
}

func anyJSON(text string) *rapid.Generator[any] {
	leaf := rapid.OneOf(rapid.Just(any(text)), rapid.Just(any(nil)), rapid.Just(any(7.5)), rapid.Just(any(true)))
	return rapid.Deferred(func() *rapid.Generator[any] {
		return rapid.OneOf(leaf,
			rapid.Custom(func(t *rapid.T) any { return rapid.SliceOfN(anyJSON(text), 0, 3).Draw(t, "array") }),
			rapid.Custom(func(t *rapid.T) any {
				keys := rapid.SampledFrom([]string{"data", "prompt", "sunoData", text})
				return rapid.MapOfN(keys, anyJSON(text), 0, 3).Draw(t, "object")
			}))
	})
}

func FuzzFirstError(f *testing.F) {
	for _, seed := range []string{`{"a":[1,{"b":"x`, `[[[`, `{"a":1}{`, `{"a" "b"}`, `]`, `,`, `{"a":tru`, "\xff", `{1:2}`, `[1 2]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if json.Valid(data) {
			return
		}
		require.True(t, strings.HasPrefix(firstError(data), "$"), "%q", data)
	})
}

func TestFirstErrorIsShort(t *testing.T) {
	t.Parallel()
	require.Equal(t, "$[0][0][0][0][0][0][0][0][0][0][0][0]… at byte 10001: nested too deep", firstError([]byte(strings.Repeat("[", 10_001)+strings.Repeat("]", 10_001))))
}

func TestDropQuoted(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`malformed HTTP response "walking home"`:                                      "malformed HTTP response (what it quotes is not shown)",
		"malformed MIME header line: walking home":                                    "malformed MIME header",
		"malformed MIME header initial line: walking":                                 "malformed MIME header",
		"dial tcp 127.0.0.1:9: connect: connection refused":                           "dial tcp 127.0.0.1:9: connect: connection refused",
		`failed to parse Location header "walking": parse "walking": no`:              "failed to parse Location header (what it quotes is not shown)",
		"Unsolicited response received on idle HTTP channel starting with \"wal\"; e": "Unsolicited response received on idle HTTP channel starting with (what it quotes is not shown)",
	} {
		require.Equal(t, want, DropQuoted(text))
	}
}
