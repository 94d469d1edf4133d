package upstream

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// parsed is a body as a Value; absent if it is no JSON.
func parsed(body string) Value {
	v, _ := Parse([]byte(body))
	return v
}

func TestText(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		`"a b"`: "a b", `" a\n"`: "a", `""`: "", `"ü"`: "ü", `"\u00fc\ud83d\ude00"`: "ü😀", `"\ud800"`: "\ufffd", "\"\xff\"": "\ufffd",
		`1999`: "1999", `-1.50`: "-1.50", `1e999`: "1e999",
		`null`: "", `true`: "", `false`: "", `[]`: "", `["a"]`: "", `{}`: "", `{"a":1}`: "",
	} {
		require.Equal(t, want, parsed(raw).Text(), raw)
		require.Equal(t, want, parsed(`{"text":`+raw+`}`).Object().Text("text"), raw)
	}
	require.Empty(t, Value{}.Text())
}

func TestTrue(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{`true`, `"true"`, `"True"`} {
		require.True(t, parsed(raw).True(), raw)
	}
	for _, raw := range []string{`false`, `"yes"`, `1`, `null`, `[true]`, `{}`, ``} {
		require.False(t, parsed(raw).True(), raw)
	}
}

func TestNumber(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]float64{`154.6`: 154.6, `"154.6"`: 154.6, `" 7 "`: 7, `1e2`: 100, `-1`: -1, `0`: 0} {
		got, ok := parsed(`{"n":` + raw + `}`).Object().Number("n")
		require.True(t, ok, raw)
		require.InDelta(t, want, got, 0, raw)
	}
	for _, raw := range []string{`1e999`, `"NaN"`, `"Inf"`, `"long"`, `""`, `null`, `true`, `[1]`, `{}`} {
		_, ok := parsed(`{"n":` + raw + `}`).Object().Number("n")
		require.False(t, ok, raw)
	}
}

func TestErrorField(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]ErrorField{
		`{"code":"x","message":"y","more":1}`: {Code: "x", Message: "y"}, `{"code":400}`: {Code: "400"}, `{"code":null,"message":["y"]}`: {},
		`"y"`: {Message: "y"}, `7`: {Message: "7"}, `null`: {}, `[]`: {}, `{}`: {}, `true`: {},
	} {
		got := parsed(`{"error":` + raw + `}`).Object().Error("error")
		require.Equal(t, want, got, raw)
		require.Equal(t, want != ErrorField{}, got.Given(), raw)
	}
}

// Names are found as providers spell them; the first with a value counts.
func TestNames(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"audioUrl":"a"}`: "a", `{"audio_url":"a"}`: "a", `{"AUDIO_URL":"a"}`: "a", `{"audiourl":"a"}`: "a", `{"audio\u0055rl":"a"}`: "a",
		`{"audio_url":null,"audioUrl":"","AudioURL":"a","audiourl":"b"}`: "a", `{"audio_url":"a","audio_url":"b"}`: "a",
		`{"audio_url":{"deep":["x",{"audio_url":"no"}]},"audioUrl":"a"}`: "", `{"x":{"audio_url":"no"},"audio_url":7}`: "7",
		`{"_audio_url":"no"}`: "", `{"audio_urls":"no"}`: "", `{"audio_ur":"no"}`: "", `{"":"no"}`: "", `{"ａudioUrl":"no"}`: "",
	} {
		for _, name := range []string{"audio_url", "audioUrl", "audiourl"} {
			require.Equal(t, want, parsed(body).Fields().Text(name), body)
		}
	}
	both := parsed(`{"_id":"inner","id":"outer"}`).Object()
	require.Equal(t, "outer", both.Text("id"))
	require.Equal(t, "inner", both.Text("_id"))
	require.True(t, parsed(`{"a":null}`).Object().Has("a"))
	require.False(t, parsed(`{"b":null}`).Object().Has("a"))
	require.True(t, parsed(`{}`).Object().Empty())
	require.False(t, parsed(`{"a":null}`).Object().Empty())
	require.True(t, Fields{}.Empty())
}

func TestObjectsInStrings(t *testing.T) {
	t.Parallel()
	v := parsed(`{"job":"{\"data\":[{\"id\":\"A\"}]}","twice":"\"{}\"","words":"la la","number":"7"}`).Object()
	require.Equal(t, "A", v.Object("job").Get("data").Elements(1)[0].Object().Text("id"))
	require.False(t, v.Get("job").Object().Given(), "without being asked to, no string is read")
	require.False(t, v.Object("twice").Given())
	require.Equal(t, "la la", v.Get("words").Unquote().Text())
	require.Equal(t, "7", v.Get("number").Unquote().Text())
}

func TestElementsAndObjects(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]struct {
		texts string
		array bool
	}{
		`[{"text":"a"},null,7,"x",[],[{"text":"b"}],{},{"text":"c"}]`: {"a||c", true},
		`{"text":"a"}`: {"a", false}, "\n[ {\"text\":\"a\"} , {\"text\":\"b\"} ]\n": {"a|b", true},
		`[]`: {"", true}, `[7]`: {"", true}, `null`: {"", false}, `"x"`: {"", false}, `7`: {"", false}, ``: {"", false},
	} {
		v := parsed(raw)
		var texts []string
		for _, f := range v.Objects(64) {
			texts = append(texts, f.Text("text"))
		}
		require.Equal(t, want.texts, strings.Join(texts, "|"), raw)
		require.Equal(t, want.array, v.IsArray(), raw)
	}
}

// What is beyond the bounds is absent, and what is beside it stays.
func TestABodyIsBounded(t *testing.T) {
	t.Parallel()
	many := strings.Repeat(`{"id":"x"},`, 100_000)
	v := parsed(`{"a":[` + many + `{}],"b":7}`).Object()
	require.Len(t, v.Get("a").Elements(7), 7)
	require.Len(t, v.Get("a").Elements(1<<20), maxElements)
	require.Equal(t, "7", v.Text("b"))

	var keys []string
	for i := range 100_000 {
		keys = append(keys, fmt.Sprintf(`"k%d":{"x":[%d]}`, i, i))
	}
	v = parsed(`{"b":7,` + strings.Join(keys, ",") + `,"c":8}`).Object()
	require.Equal(t, "7", v.Text("b"))
	require.Empty(t, v.Text("c"))

	deep := parsed(`{"a":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `,"b":7}`).Object()
	require.Len(t, deep.Get("a").Elements(7), 1)
	require.Equal(t, "7", deep.Text("b"))
	require.Equal(t, Value{}, parsed(strings.Repeat("[", 20_000)+strings.Repeat("]", 20_000)))

	wide := "0"
	for range 3 { // a million values
		wide = "[" + strings.Repeat(wide+",", 99) + wide + "]"
	}
	v = parsed(`{"b":7,"a":` + wide + `,"c":8}`).Object()
	require.Equal(t, "7", v.Text("b"))
	require.LessOrEqual(t, len(v.of.in.nodes), maxNodes+1)
}

// Parse takes what encoding/json takes for JSON, and reads the same in it.
func FuzzParse(f *testing.F) {
	for _, raw := range []string{
		`{"text":1,"seconds":"2","error":{"code":null},"nested":[]}`, `[{"text":"a"},{}]`, `"x"`, `{"a":1,"a":2}`, ` 7 `, `{"a":"\ud800"}`, "\"\xff\"", `[1,]`, `{"a"}`,
	} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		v, ok := Parse(raw)
		require.Equal(t, json.Valid(raw), ok)
		if !ok {
			require.Equal(t, Value{}, v)
			return
		}
		var plain any
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.UseNumber()
		require.NoError(t, dec.Decode(&plain))
		requireSame(t, plain, v, 0)
	})
}

func requireSame(t *testing.T, plain any, v Value, depth int) {
	t.Helper()
	switch plain := plain.(type) {
	case string:
		require.Equal(t, strings.TrimSpace(plain), v.Text())
		require.True(t, utf8.ValidString(v.Text()))
	case json.Number:
		require.Equal(t, plain.String(), v.Text())
	case nil:
		require.True(t, v.Absent())
	case []any:
		if depth >= maxDepth {
			return
		}
		elements := v.Elements(1 << 20)
		require.Len(t, elements, min(len(plain), maxElements))
		for i, e := range elements {
			requireSame(t, plain[i], e, depth+1)
		}
	case map[string]any:
		require.True(t, v.Object().Given())
		for name, value := range plain {
			all := v.Object().All(name)
			if len(plain) == 1 && len(all) == 1 && depth < maxDepth {
				requireSame(t, value, all[0], depth+1)
			}
		}
	}
}
