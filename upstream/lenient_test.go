package upstream

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

type lenient struct {
	Text    Text       `json:"text"`
	Seconds Seconds    `json:"seconds"`
	Error   ErrorField `json:"error"`
	Nested  struct {
		Text Text `json:"text"`
	} `json:"nested"`
}

func TestText(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]Text{
		`"a b"`: "a b", `" a\n"`: "a", `""`: "", `"ü"`: "ü", `1999`: "1999", `-1.50`: "-1.50", `1e999`: "1e999",
		`null`: "", `true`: "", `false`: "", `[]`: "", `["a"]`: "", `{}`: "", `{"a":1}`: "",
	} {
		got, ok := Object[lenient]([]byte(`{"text":` + raw + `}`))
		require.True(t, ok, raw)
		require.Equal(t, lenient{Text: want}, got, raw)
	}
	var none Text
	require.NoError(t, none.UnmarshalJSON(nil))
	require.NoError(t, none.UnmarshalJSON([]byte(" \"\xff")))
	require.Empty(t, none)
	require.Equal(t, "in_progress", Text("In_Progress").Word())
}

func TestSeconds(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]float64{
		`154.6`: 154.6, `"154.6"`: 154.6, `" 7 "`: 7, `1e2`: 100,
		`0`: 0, `-1`: 0, `"-1"`: 0, `1e999`: 0, `"NaN"`: 0, `"Inf"`: 0, `"long"`: 0, `""`: 0, `null`: 0, `true`: 0, `[1]`: 0, `{}`: 0,
	} {
		got, ok := Object[lenient]([]byte(`{"seconds":` + raw + `}`))
		require.True(t, ok, raw)
		require.InDelta(t, want, float64(got.Seconds), 0, raw)
	}
}

func TestErrorField(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]ErrorField{
		`{"code":"x","message":"y","more":1}`: {Code: "x", Message: "y"}, `{"code":400}`: {Code: "400"}, `{"code":null,"message":["y"]}`: {},
		`"y"`: {Message: "y"}, `7`: {Message: "7"}, `null`: {}, `[]`: {}, `{}`: {}, `true`: {},
	} {
		got, ok := Object[lenient]([]byte(`{"error":` + raw + `}`))
		require.True(t, ok, raw)
		require.Equal(t, want, got.Error, raw)
		require.Equal(t, want != ErrorField{}, got.Error.Given(), raw)
	}
}

func TestObject(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{``, ` `, `null`, `[]`, `[{}]`, `"{}"`, `7`, `{`, `{"text":"a"`, `{"text":"a"}}`} {
		got, ok := Object[lenient]([]byte(raw))
		require.False(t, ok, raw)
		require.Zero(t, got, raw)
	}
	got, ok := Object[lenient]([]byte(` {"nested":"soon","text":"a","seconds":{}} `))
	require.True(t, ok)
	require.Equal(t, lenient{Text: "a"}, got, "one odd field costs no more than itself")
}

func TestObjectsAndElements(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]struct {
		texts string
		array bool
	}{
		`[{"text":"a"},null,7,"x",[],[{"text":"b"}],{},{"text":"c"}]`: {"a||c", true},
		`{"text":"a"}`: {"a", false}, "\n[ {\"text\":\"a\"} , {\"text\":\"b\"} ]\n": {"a|b", true},
		`[]`: {"", true}, `[7]`: {"", true}, `null`: {"", false}, `"x"`: {"", false}, `7`: {"", false}, ``: {"", false},
		`[{"text":"a"},{"text"`: {"a", true}, // the whole elements
	} {
		found, array := Objects[lenient]([]byte(raw), 64)
		var texts []string
		for _, v := range found {
			texts = append(texts, string(v.Text))
		}
		require.Equal(t, want.texts, strings.Join(texts, "|"), raw)
		require.Equal(t, want.array, array, raw)
		require.Equal(t, want.array, Elements([]byte(raw), 64) != nil, raw)
	}
	var many []string
	for i := range 100_000 {
		many = append(many, fmt.Sprintf(`{"text":"%d"}`, i))
	}
	raw := []byte("[" + strings.Join(many, ",") + "]")
	require.Len(t, Elements(raw, 7), 7)
	found, array := Objects[lenient](raw, 7)
	require.True(t, array)
	require.Len(t, found, 7)
	require.Empty(t, Elements(raw, 0))
	deep := strings.Repeat("[", 9000) + strings.Repeat("]", 9000)
	require.Len(t, Elements([]byte(deep), 7), 1)
}

func FuzzLenient(f *testing.F) {
	for _, raw := range []string{
		`{"text":1,"seconds":"2","error":{"code":null},"nested":[]}`, `[{"text":"a"},{}]`, `"x"`, `{"error":"x","seconds":-1}`,
	} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		v, ok := Object[lenient](raw)
		require.True(t, ok || v == lenient{})
		require.GreaterOrEqual(t, float64(v.Seconds), 0.0)
		require.Equal(t, strings.TrimSpace(string(v.Text)), string(v.Text))
		found, array := Objects[lenient](raw, 3)
		require.LessOrEqual(t, len(found), 3)
		require.False(t, ok && array)
		require.False(t, ok && len(found) != 1, "an object is one")
		for _, element := range Elements(raw, 3) {
			require.True(t, json.Valid(element))
		}
	})
}
