package upstream

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	callbackDir = "testdata/callbacks"
	hexTask     = "5c79aaaa0000bbbb1111cccc2222be8e"
	taskOne     = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaa01"
	taskTwo     = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaa02"
)

// TestCallbackSamples reads a body of each shape that a provider documents.
func TestCallbackSamples(t *testing.T) {
	t.Parallel()
	want := map[string][]string{
		"acedata-complete":              {taskOne},
		"acedata-error":                 {taskOne},
		"acedata-lyrics_array":          {taskOne},
		"acedata-lyrics_object":         {taskOne},
		"acedata-merge":                 {taskOne},
		"kie-error_501":                 {hexTask},
		"kie-error_empty_array":         {hexTask},
		"kie-job":                       {hexTask},
		"kie-job_bare":                  {hexTask},
		"kie-job_fail":                  {hexTask},
		"kie-job_snake":                 {hexTask},
		"kie-lyrics_complete_snake":     {hexTask},
		"kie-lyrics_failed_as_complete": {hexTask},
		"sunoapi-complete":              {hexTask},
		"sunoapi-error_400":             {hexTask},
		"sunoapi-first":                 {hexTask},
		"sunoapi-lyrics_complete_camel": {hexTask},
		"sunoapi-replace_error":         {hexTask},
		"sunoapi-text":                  nil,
		"sunoproxy-clips_alone":         nil,
		"sunoproxy-task":                {taskTwo},
		"sunoproxy-tasks":               {taskTwo, taskOne},
		"sunoproxy-tasks_wrapped":       {taskTwo, taskOne},
		"sunoproxy-wrapped":             {taskTwo},
	}
	samples := callbackSamples(t)
	require.Len(t, samples, len(want), "each sample has its line")
	for name, body := range samples {
		ids, err := CallbackTaskIDs(body)
		require.NoError(t, err, name)
		require.Contains(t, want, name)
		require.Equal(t, want[name], ids, name)
	}
}

func callbackSamples(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(callbackDir, "*.json"))
	require.NoError(t, err)
	samples := make(map[string][]byte, len(files))
	for _, file := range files {
		body, err := os.ReadFile(file)
		require.NoError(t, err)
		samples[strings.TrimSuffix(filepath.Base(file), ".json")] = body
	}
	return samples
}

func TestCallbackTaskIDs(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("x", maxCallbackID)
	for body, want := range map[string][]string{
		// what is worth a look
		`{"code":200,"data":{"callbackType":"text","task_id":"a"}}`: nil, `{"data":{"callbackType":"TEXT","taskId":"a","data":[]}}`: nil,
		`{"callbackType":"text","task_id":"a"}`: nil,
		`{"code":"200","data":[{"callbackType":"text","task_id":"a"},{"callbackType":"first","task_id":"b"}]}`: {"b"},
		`{"code":400,"data":{"callbackType":"text","task_id":"a"}}`:                                            {"a"},
		`{"code":"501","data":{"callbackType":"text","task_id":"a"}}`:                                          {"a"},
		`{"code":200,"data":{"callbackType":"second","task_id":"a"}}`:                                          {"a"},
		`{"code":200,"data":{"callbackType":7,"task_id":"a"}}`:                                                 {"a"},
		// where an id may stand
		`{"task_id":"a"}`: {"a"}, `{"taskId":"a"}`: {"a"}, `{"data":{"task_id":"a"}}`: {"a"}, `{"data":{"taskId":"a"}}`: {"a"},
		`{"task_id":"a","data":null}`: {"a"}, `{"task_id":"a","data":"soon"}`: {"a"}, `{"task_id":"a","data":[]}`: {"a"},
		`{"task_id":"a","data":{}}`: {"a"}, `{"task_id":"a","data":7}`: {"a"}, `{"task_id":"a","data":"{\"task_id\":\"b\"}"}`: {"a"},
		`{"data":[{"task_id":"a"},{"taskId":"b"}]}`: {"a", "b"}, `[{"task_id":"a"},{"data":{"taskId":"b"}}]`: {"a", "b"},
		`[null,7,"x",[],{"task_id":"a"},{}]`: {"a"}, ` {"data":[null,[{"task_id":"x"}],{"task_id":"a"}]} `: {"a"},
		// in order, and each once
		`{"data":{"taskId":"c","task_id":"b"},"task_id":"a"}`: {"a", "c", "b"}, `{"task_id":"a","taskId":"a","data":{"task_id":" a "}}`: {"a"},
		`{"task_id":"a","task_id":"b"}`: {"a", "b"}, `{"data":{"task_id":"a"},"data":{"task_id":"b"}}`: {"a", "b"},
		// what can be an id
		`{"task_id":" a\n"}`: {"a"}, `{"task_id":17}`: {"17"}, `{"task_id":12345678901234567890123}`: {"12345678901234567890123"},
		`{"task_id":"a,b"}`: {"a,b"}, `{"task_id":"\u00fc/ä b"}`: {"ü/ä b"}, `{"task_id":"` + longest + `"}`: {longest},
		`{"task_id":"","taskId":"a"}`: {"a"}, `{"task_id":null,"data":{"task_id":"a"}}`: {"a"},
		// what cannot
		`{"task_id":" "}`: nil, `{"task_id":true}`: nil, `{"task_id":["a"]}`: nil, `{"task_id":{"id":"a"}}`: nil, `{"task_id":"` + longest + `x"}`: nil,
		`{"task_id":"a\u0000b"}`: nil, `{"task_id":"a\nb"}`: nil, `{"task_id":"a\u0085b"}`: nil, `{"task_id":"a` + "\xff" + `"}`: nil, `{"task_id":"\ud800"}`: nil,
		`{"id":"a","data":[{"id":"b"}]}`: nil, `{"data":{"data":{"task_id":"a"}}}`: nil, `{"metadata":{"task_id":"a"}}`: nil, `{"code":"success","data":"a"}`: nil,
		`{}`: nil, `[]`: nil, `null`: nil, `7`: nil, `"a"`: nil, `true`: nil, "{\"x\":\"\xff\"}": nil,
	} {
		ids, err := CallbackTaskIDs([]byte(body))
		require.NoError(t, err, body)
		require.Equal(t, want, ids, body)
	}
}

func TestCallbackBodyThatIsNotJSON(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		``, ` `, `task_id=a`, `payload=%7B%22task_id%22%3A%22a%22%7D`, `{`, `{"task_id":"a"`, `{"task_id":"a"}}`, `{"task_id":"a"}{"task_id":"b"}`,
		`{'task_id':'a'}`, `{"task_id":a}`, `[{"task_id":"a"},]`, "\xff", "\xef\xbb\xbf{}", `<task_id>a</task_id>`, `{"task_id":"a` + "\n" + `"}`,
	} {
		ids, err := CallbackTaskIDs([]byte(body))
		require.ErrorIs(t, err, ErrCallbackBody, "%q", body)
		require.EqualError(t, err, "the callback's body is not JSON", "nothing of the body")
		require.Empty(t, ids, "%q", body)
	}
}

func TestCallbackNamesAtMostAHundred(t *testing.T) {
	t.Parallel()
	var tasks, want []string
	for i := range 250 {
		tasks = append(tasks, fmt.Sprintf(`{"task_id":"t%d"}`, i))
		if i < maxCallbackIDs {
			want = append(want, fmt.Sprintf("t%d", i))
		}
	}
	array := "[" + strings.Join(tasks, ",") + "]"
	for _, body := range []string{array, `{"data":` + array + `}`, `[{"data":` + array + `},{"task_id":"late"}]`} {
		ids, err := CallbackTaskIDs([]byte(body))
		require.NoError(t, err)
		require.Equal(t, want, ids)
	}
}

// TestCallbackHostileBodies reads each body in a time that even a slow machine needs
// only if the work grows with the square of the body's size.
func TestCallbackHostileBodies(t *testing.T) {
	t.Parallel()
	const size = 1 << 20
	fill := func(head, part, tail string) string {
		return head + strings.Repeat(part, (size-len(head)-len(tail))/len(part)) + tail
	}
	for name, tc := range map[string]struct {
		body string
		want []string
		err  error
	}{
		"an endless id":        {fill(`{"taskId":"a","task_id":"`, `x`, `"}`), []string{"a"}, nil},
		"an endless number":    {fill(`{"taskId":"a","task_id":`, `7`, `}`), []string{"a"}, nil},
		"an endless text":      {fill(`{"task_id":"a","data":"`, `\u0000`, `"}`), []string{"a"}, nil},
		"the same key":         {fill(`{`, `"task_id":"a",`, `"x":0}`), []string{"a"}, nil},
		"the same object":      {fill(`{`, `"data":{"task_id":"a"},`, `"x":0}`), []string{"a"}, nil},
		"the same array":       {fill(`{`, `"data":[{"task_id":"a"}],`, `"x":0}`), []string{"a"}, nil},
		"many keys":            {fill(`{"task_id":"a"`, `,"x":0`, `}`), []string{"a"}, nil},
		"many nothings":        {fill(`[{"task_id":"a"}`, `,0`, `]`), []string{"a"}, nil},
		"many objects":         {fill(`{"data":[{"task_id":"a"}`, `,{}`, `]}`), []string{"a"}, nil},
		"many times the same":  {fill(`{"data":[{"task_id":"a"}`, `,{"task_id":"a"}`, `]}`), []string{"a"}, nil},
		"many broken letters":  {fill(`{"task_id":"a","data":{"taskId":"`, "\xff", `"}}`), []string{"a"}, nil},
		"blanks":               {fill(`{"task_id":"a"`, ` `, `}`), []string{"a"}, nil},
		"deep, but readable":   {`{"task_id":"a","data":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}`, []string{"a"}, nil},
		"deep data":            {strings.Repeat(`{"data":`, 9000) + `{"task_id":"a"}` + strings.Repeat(`}`, 9000), nil, nil},
		"deeper than is read":  {strings.Repeat("[", size/2) + strings.Repeat("]", size/2), nil, ErrCallbackBody},
		"deep and not closed":  {strings.Repeat(`{"data":`, size/8), nil, ErrCallbackBody},
		"a form":               {fill(`task_id=`, `a`, ``), nil, ErrCallbackBody},
		"broken in the end":    {fill(`[`, `{"task_id":"a"},`, `]`), nil, ErrCallbackBody},
		"one value after many": {fill(`{"task_id":"a"}`, ` `, `{}`), nil, ErrCallbackBody},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			type answer struct {
				ids []string
				err error
			}
			answers := make(chan answer, 1)
			go func() {
				ids, err := CallbackTaskIDs([]byte(tc.body))
				answers <- answer{ids, err}
			}()
			select {
			case got := <-answers:
				require.ErrorIs(t, got.err, tc.err)
				require.Equal(t, tc.want, got.ids)
			case <-time.After(30 * time.Second):
				require.FailNow(t, "no answer in 30 s")
			}
		})
	}
}

func FuzzCallbackTaskIDs(f *testing.F) {
	for _, body := range callbackSamples(f) {
		f.Add(body)
	}
	for _, body := range []string{``, `task_id=a`, `[{"taskId":7},{"data":[{"task_id":"a"}]}]`, `{"task_id":"a","task_id":null,"data":"b"}`, "{\"task_id\":\"\xff\"}"} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		ids, err := CallbackTaskIDs(body)
		require.Equal(t, !json.Valid(body), err != nil)
		require.LessOrEqual(t, len(ids), maxCallbackIDs)
		seen := map[string]bool{}
		for _, id := range ids {
			require.False(t, seen[id], "twice: %q", id)
			seen[id] = true
			require.Equal(t, strings.TrimSpace(id), id)
			require.Regexp(t, `^[^\x00-\x1f\x7f-\x{9f}]+$`, id)
			require.LessOrEqual(t, len(id), 512)
			quoted, err := json.Marshal(map[string]string{"taskId": id})
			require.NoError(t, err)
			again, err := CallbackTaskIDs(quoted)
			require.NoError(t, err)
			require.Equal(t, []string{id}, again, "an id names itself")
		}
		if err == nil && len(body) > 0 && strings.TrimLeft(string(body), " \t\r\n")[0] == '{' {
			wrapped, err := CallbackTaskIDs([]byte("[" + string(body) + "]"))
			require.NoError(t, err)
			require.Equal(t, ids, wrapped, "a task in an array is the same")
		}
	})
}
