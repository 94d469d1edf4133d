package upstream

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Bounds of what is kept of a body. What is beyond them is checked to be JSON, and
// counts as absent; no provider comes near them.
const (
	maxElements = 256     // of one array, and members of one object
	maxDepth    = 64      // of nesting
	maxNodes    = 1 << 18 // values and names of a body
)

// Value is one value of a JSON body whose schema cannot be trusted. Each method
// accepts every value: a value of another JSON type than the one asked for counts as
// absent, so that one odd field costs no more than itself. The zero Value is absent.
type Value struct {
	in *document
	at int // its node
}

// document is a body that was parsed in one pass: its values in their order, each
// before what it contains. Nothing is decoded before it is asked for.
type document struct {
	body  []byte
	nodes []node
}

// node is a value, or the name of an object's member, which stands before its value.
type node struct {
	kind       jsontext.Kind
	start, end uint32 // in the body; of an object or an array only the start
	next       uint32 // the node after the value; of a name its hash
}

// Parse reads a body. ok is false if it is not one JSON value, or nested deeper than
// 10,000 levels. Names may be doubled; bytes that are not UTF-8 are read as U+FFFD. The
// values refer to body, which must not change.
func Parse(body []byte) (v Value, ok bool) {
	p := parser{
		dec: jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)),
		doc: &document{body: body, nodes: make([]node, 0, len(body)/24+8)},
	}
	if len(body) == 0 || p.value(0) != nil {
		return Value{}, false
	}
	if _, err := p.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return Value{}, false
	}
	return Value{in: p.doc}, true
}

type parser struct {
	dec *jsontext.Decoder
	doc *document
}

// value reads the next value, at that depth.
func (p *parser) value(depth int) error {
	kind := p.dec.PeekKind()
	if kind != '{' && kind != '[' {
		return p.scalar(kind)
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return err
	}
	at := len(p.doc.nodes)
	p.doc.nodes = append(p.doc.nodes, node{kind: kind, start: uint32(p.dec.InputOffset() - 1)})
	for n := 0; ; n++ {
		switch next := p.dec.PeekKind(); {
		case next == '}' || next == ']':
			_, err := p.dec.ReadToken()
			p.doc.nodes[at].next = uint32(len(p.doc.nodes))
			return err
		case n >= maxElements || depth >= maxDepth || len(p.doc.nodes) >= maxNodes:
			if err := p.dec.SkipValue(); err != nil { // a name counts as one
				return err
			}
			continue
		case kind == '{':
			if err := p.name(); err != nil {
				return err
			}
		}
		if err := p.value(depth + 1); err != nil {
			return err
		}
	}
}

func (p *parser) name() error {
	if err := p.scalar('"'); err != nil {
		return err
	}
	at := len(p.doc.nodes) - 1
	p.doc.nodes[at].next = hashName(p.doc.string(p.doc.nodes[at]))
	return nil
}

func (p *parser) scalar(kind jsontext.Kind) error {
	raw, err := p.dec.ReadValue()
	if err != nil {
		return err
	}
	end := p.dec.InputOffset()
	at := uint32(len(p.doc.nodes))
	p.doc.nodes = append(p.doc.nodes, node{kind: kind, start: uint32(end) - uint32(len(raw)), end: uint32(end), next: at + 1})
	return nil
}

func (d *document) raw(n node) []byte { return d.body[n.start:n.end] }

// string returns what the string n means. It shares the memory of the body where it can.
func (d *document) string(n node) []byte {
	raw := d.body[n.start+1 : n.end-1]
	if bytes.IndexByte(raw, '\\') < 0 && utf8.Valid(raw) {
		return raw
	}
	text, _ := jsontext.AppendUnquote(nil, d.raw(n)) // the error says that it was no UTF-8
	return text
}

// Text is a string without the blanks around it, or a number as it was written.
func (v Value) Text() string {
	switch n := v.node(); n.kind {
	case '"':
		return string(bytes.TrimSpace(v.in.string(n)))
	case '0':
		return string(v.in.raw(n))
	}
	return ""
}

// True reports whether v is true or "true".
func (v Value) True() bool {
	return v.node().kind == 't' || strings.EqualFold(v.Text(), "true")
}

// document is the whole body that v is in.
func (v Value) document() []byte {
	if v.in == nil {
		return nil
	}
	return v.in.body
}

func (v Value) node() node {
	if v.in == nil {
		return node{}
	}
	return v.in.nodes[v.at]
}

// Absent reports whether v is null, or was not sent.
func (v Value) Absent() bool { return v.in == nil || v.node().kind == 'n' }

// IsArray reports whether v is an array, even an empty one.
func (v Value) IsArray() bool { return v.node().kind == '[' }

// Elements returns the first elements of an array, at most limit.
func (v Value) Elements(limit int) []Value {
	if !v.IsArray() {
		return nil
	}
	var elements []Value
	for at := v.at + 1; at < int(v.node().next) && len(elements) < limit; at = int(v.in.nodes[at].next) {
		elements = append(elements, Value{v.in, at})
	}
	return elements
}

// Objects returns the objects among the first elements of an array, or a single object.
func (v Value) Objects(limit int) []Fields {
	if f := v.Object(); f.Given() {
		return []Fields{f}
	}
	var found []Fields
	for _, element := range v.Elements(limit) {
		if f := element.Object(); f.Given() {
			found = append(found, f)
		}
	}
	return found
}

// Unquote returns the JSON inside a string, or v itself if there is none. It does not
// unquote twice.
func (v Value) Unquote() Value {
	if v.node().kind != '"' {
		return v
	}
	if inner, ok := Parse(v.in.string(v.node())); ok {
		return inner
	}
	return v
}

// Fields returns the members of an object, or of the object inside a string.
func (v Value) Fields() Fields { return v.Unquote().Object() }

// Object returns the members of an object.
func (v Value) Object() Fields {
	if v.node().kind != '{' {
		return Fields{}
	}
	return Fields{v}
}
