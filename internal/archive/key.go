package archive

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
)

var placeholder = regexp.MustCompile(`\{[^{}]*\}`)

// names are the values of one file.
type names struct{ user, generation, clip, kind, provider, ext string }

func (n names) values() map[string]string {
	return map[string]string{
		"{user_id}": safe(n.user), "{generation_id}": safe(n.generation), "{clip_id}": safe(n.clip), "{kind}": safe(n.kind),
		"{provider}": safe(n.provider), "{ext}": n.ext,
	}
}

// checkTemplate returns an error for a template by which two files could get one name.
func checkTemplate(template string) error {
	known := names{}.values()
	for _, p := range placeholder.FindAllString(template, -1) {
		if _, ok := known[p]; !ok {
			return fmt.Errorf("the key has %s; a template may have {user_id}, {generation_id}, {clip_id}, {kind}, {provider} and {ext}", p)
		}
	}
	for _, p := range []string{"{generation_id}", "{clip_id}", "{ext}"} {
		if !strings.Contains(template, p) {
			return fmt.Errorf("the key lacks %s, so that files would overwrite each other; the default is %s", p, DefaultKey)
		}
	}
	for part := range strings.SplitSeq(placeholder.ReplaceAllString(template, "x"), "/") {
		if part == "" || part != safe(part) {
			return fmt.Errorf("the key has the part %q; the parts between slashes are letters, digits, dots, - and _, and begin with no dot", part)
		}
	}
	return nil
}

// key returns the name of a file: no value can add a part to it, and different values give
// different names.
func (s Settings) key(n names) string {
	values := n.values()
	return placeholder.ReplaceAllStringFunc(s.Key, func(p string) string { return values[p] })
}

// longest is the length of a value in a key: a file system takes 255 bytes.
const longest = 100

var odd = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// safe returns value as a part of a key. Ids come from outside: one that is no plain word
// gets a hash, so that it stays different from all others.
func safe(value string) string {
	if value == "" {
		return "none"
	}
	word := odd.ReplaceAllString(value, "_")
	word = strings.TrimLeft(word[:min(len(word), longest)], ".")
	if word == value {
		return word
	}
	sum := sha256.Sum256([]byte(value))
	return word + "-" + hex.EncodeToString(sum[:8])
}
