package record

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strings"

	"tasksync/task"
)

const (
	maxDepth  = 12
	maxText   = 200      // of one value that is shown
	maxAnswer = 64 << 10 // of what is stored, before it is compressed
)

// shown are the fields whose texts are shown, in lower case and without - and _. Only
// fields that hold words of a protocol stand here, and messages about failures, which
// are redacted.
var shown = regexp.MustCompile(`^(id|ids|.*(task|job|request|audio|clip|song|item|parent|generation|trace)s?ids?|status|state|stage|taskstatus|` + //nolint:gochecknoglobals // a constant table
	`code|.*errorcode|errortype|type|kind|action|operation|operationtype|callbacktype|success|successflag|msg|message|error|errormessage|failreason|failuremessage|failmsg|reason|` +
	`model|modelname|version|mv|majormodelversion|progress|rank|event|provider)$`)

// timed are the fields whose texts are shown if they are times: many other names end like them,
// as "update" does.
var (
	timed    = regexp.MustCompile(`^((created|updated|completed|finished|started|submitted)(at|on)|.*time|.*date)$`)
	timeForm = regexp.MustCompile(`^[0-9][0-9TZtz:+./ -]{0,40}$`)
	nameForm = regexp.MustCompile(`^[A-Za-z0-9_.$-]{1,60}$`)
)

var word = strings.NewReplacer("_", "", "-", "", ".", "")

// Redact returns an answer's body with the values of the known fields alone.
// For an answer about many tasks it returns the part about one; nil: there is none.
func Redact(body []byte, taskID string, alone bool) []byte { return parse(body).redact(taskID, alone) }

// parsed is an answer's body, which is parsed once for all rows that it is about.
type parsed struct {
	value any
	size  int
	bad   bool // it is no JSON
}

func parse(body []byte) parsed {
	p := parsed{size: len(body)}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	p.bad = dec.Decode(&p.value) != nil
	return p
}

func (p parsed) redact(taskID string, alone bool) []byte {
	if p.bad {
		return fmt.Appendf(nil, `"%d bytes that are no JSON"`, p.size)
	}
	v := p.value
	if !alone {
		if v = partOf(v, taskID, 0); v == nil {
			return nil
		}
	}
	out, err := json.Marshal(redact("", v, 0))
	if err != nil || len(out) > maxAnswer {
		return fmt.Appendf(nil, `"%d bytes of JSON, too many to be kept"`, p.size)
	}
	return out
}

// partOf is the outermost element of a list that names the task.
func partOf(v any, taskID string, depth int) any {
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			if key == taskID { // by id
				return inner
			}
			if part := partOf(inner, taskID, depth+1); part != nil && depth < maxDepth {
				return part
			}
		}
	case []any:
		for _, inner := range v {
			if names(inner, taskID, 0) {
				return inner
			}
		}
	}
	return nil
}

// names reports whether a value near the top of v is the id.
func names(v any, taskID string, depth int) bool {
	m, ok := v.(map[string]any)
	if !ok || depth > 2 {
		return false
	}
	for _, inner := range m {
		if inner == taskID || names(inner, taskID, depth+1) {
			return true
		}
	}
	return false
}

func redact(key string, v any, depth int) any {
	switch v := v.(type) {
	case map[string]any:
		if depth > maxDepth {
			return "…"
		}
		out := make(map[string]any, len(v))
		for k, inner := range v {
			out[name(k)] = redact(k, inner, depth+1)
		}
		return out
	case []any:
		if depth > maxDepth {
			return "…"
		}
		out := make([]any, 0, len(v))
		for _, inner := range v {
			out = append(out, redact(key, inner, depth+1))
		}
		return out
	case string:
		return text(key, v)
	}
	return v // a number, a boolean, null
}

// name is what is shown of a field's name: a provider may have a text of a user for one.
func name(k string) string {
	if nameForm.MatchString(k) {
		return task.Redact(k)
	}
	return fmt.Sprintf("(%d characters)", len([]rune(k)))
}

// text is what is shown of a text in a field.
func text(key, s string) string {
	switch {
	case s == "":
		return ""
	case shown.MatchString(word.Replace(strings.ToLower(key))):
		return cut(task.Redact(s), maxText)
	case timed.MatchString(word.Replace(strings.ToLower(key))) && timeForm.MatchString(s):
		return s
	}
	if u, err := url.Parse(s); err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http") {
		return u.Scheme + "://" + u.Host + "/…"
	}
	return fmt.Sprintf("(%d characters)", len([]rune(s)))
}

// pack compresses.
func pack(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(b) // to memory
	_ = w.Close()
	return out.Bytes()
}

// Unpack returns an answer that was stored, as JSON; nil if there is none.
func Unpack(packed []byte) json.RawMessage {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil
	}
	out, err := io.ReadAll(io.LimitReader(r, maxAnswer+1))
	if err != nil || !json.Valid(out) {
		return nil
	}
	return out
}
