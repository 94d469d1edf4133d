package task

import (
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Longest values that are stored; the rest is cut. They bound what a hostile
// or broken upstream can put into a row.
const (
	maxMessage = 1 << 10  // bytes of an error message
	maxShort   = 1 << 10  // bytes of a title, tags or model name
	maxLyrics  = 64 << 10 // bytes of lyrics
	maxURL     = 8 << 10  // bytes of a URL, presigned ones come near 2 KiB; a longer one counts as none
	maxClipID  = 200      // bytes of a clip id; an item with a longer one is ignored
)

// A song of a day is no song; a duration outside (0, maxDuration] is unknown.
const maxDuration = 24 * 60 * 60

var (
	urlPattern    = regexp.MustCompile(`(?i)\b[a-z][a-z0-9+.-]*://[^\s"'<>]+`)
	secretPattern = regexp.MustCompile(`(?i)\b((?:bearer\s+|(?:api[_-]?key|token|secret|password|authorization)["']?\s*[=:]\s*["']?(?:bearer\s+)?))[^\s"',;]{6,}`)
	botToken      = regexp.MustCompile(`\d{8,10}:[A-Za-z0-9_-]{30,}`)
	skToken       = regexp.MustCompile(`\b(sk|pk|rk)[-_][A-Za-z0-9_-]{12,}`)
)

// Redact makes a provider's text fit to be stored and logged: user info, query
// strings and fragments are cut out of URLs, what looks like a credential is
// replaced, bytes that Postgres refuses are dropped, and the length is bounded
// to 1 KiB.
func Redact(text string) string {
	text = clean(text, maxLyrics) // first: a byte that is dropped later could hide a secret until then
	text = urlPattern.ReplaceAllStringFunc(text, redactURL)
	text = secretPattern.ReplaceAllString(text, "${1}[redacted]")
	text = botToken.ReplaceAllString(text, "[redacted]")
	text = skToken.ReplaceAllString(text, "[redacted]")
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

// clean trims text, drops what a Postgres text column refuses (NUL, invalid
// UTF-8) and cuts it at limit bytes, between two characters.
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
