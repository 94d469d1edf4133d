package task

import (
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"
)

// These lengths bound what a hostile or broken upstream can put into a row. A
// longer text is cut off; a longer URL or id is not stored.
const (
	maxMessage = 1 << 10  // bytes of an error message
	maxShort   = 1 << 10  // bytes of a title, tags or model name
	maxLyrics  = 64 << 10 // bytes of lyrics
	maxURL     = 8 << 10  // bytes of a URL, where presigned URLs come near 2 KiB
	maxClipID  = 200      // bytes of a clip id; an item with a longer id is ignored
)

// maxDuration bounds a song, in seconds. A duration outside (0, maxDuration]
// counts as unknown.
const maxDuration = 24 * 60 * 60

var (
	urlPattern    = regexp.MustCompile(`(?i)\b[a-z][a-z0-9+.-]*://[^\s"'<>]+`)
	secretPattern = regexp.MustCompile(`(?i)\b((?:bearer\s+|(?:api[_-]?key|token|secret|password|authorization)["']?\s*[=:]\s*["']?(?:bearer\s+)?))[^\s"',;]{6,}`)
	botToken      = regexp.MustCompile(`\d{8,10}:[A-Za-z0-9_-]{30,}`)
	skToken       = regexp.MustCompile(`\b(sk|pk|rk)[-_][A-Za-z0-9_-]{12,}`)
)

// Redact makes a provider's text fit to be stored and logged: it cuts user info,
// query strings and fragments out of URLs, replaces what looks like a
// credential, removes bytes that Postgres does not store, and cuts the text off
// after 1 KiB.
func Redact(text string) string {
	text = clean(text, maxLyrics) // first: a byte that is dropped could hide a secret from the patterns
	// Most texts are a word or an id. What a pattern must hold is looked for first.
	if strings.Contains(text, "://") {
		text = urlPattern.ReplaceAllStringFunc(text, redactURL)
	}
	if strings.ContainsAny(text, ":= \t\r\n\f") { // beside = and :, the blank after Bearer
		text = secretPattern.ReplaceAllString(text, "${1}[redacted]")
		text = botToken.ReplaceAllString(text, "[redacted]")
	}
	if strings.Contains(text, "k-") || strings.Contains(text, "k_") {
		text = skToken.ReplaceAllString(text, "[redacted]")
	}
	return clean(text, maxMessage)
}

func redactURL(raw string) string {
	tail := raw[len(strings.TrimRight(raw, ".,;:!?)]}")):]
	u, err := url.Parse(strings.TrimSuffix(raw, tail))
	if err != nil {
		return "[redacted url]"
	}
	u.User, u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = nil, "", false, "", ""
	u.Path, u.RawPath = botToken.ReplaceAllString(u.Path, "[redacted]"), ""
	return strings.ReplaceAll(u.String(), "%5Bredacted%5D", "[redacted]") + tail
}

// clean trims text, makes it fit for a text column of Postgres (it drops NULs and
// replaces invalid UTF-8), and cuts it after at most limit bytes, between two
// characters.
func clean(text string, limit int) string {
	if strings.ContainsRune(text, 0) {
		text = strings.ReplaceAll(text, "\x00", "")
	}
	text = strings.TrimSpace(strings.ToValidUTF8(text, "\uFFFD"))
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return strings.TrimSpace(text[:limit])
}
