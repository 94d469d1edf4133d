package task

import (
	"net/url"
	"regexp"
	"strings"
)

// IsUUID reports whether id has the form of a UUID, like every real clip id of
// Suno's.
func IsUUID(id string) bool {
	if len(id) != 36 {
		return false
	}
	for i := range len(id) {
		switch c := id[i] | 0x20; { // a letter in lower case; '-' and digits stay
		case i == 8 || i == 13 || i == 18 || i == 23:
			if id[i] != '-' {
				return false
			}
		case (c < '0' || c > '9' || id[i] < '0') && (c < 'a' || c > 'f'):
			return false
		}
	}
	return true
}

// CDNURL returns the address at which Suno's CDN serves the audio of a clip. It
// is empty if id is not a UUID: a placeholder must never become a link.
func CDNURL(id string) string {
	if !IsUUID(id) {
		return ""
	}
	return "https://cdn1.suno.ai/" + strings.ToLower(id) + ".mp3"
}

// Probe is the result of the probe that is made before a URL is published.
type Probe int

// The results of a probe.
const (
	ProbeNoAnswer Probe = iota // no answer: the URL may well be good
	ProbePlayable              // 200 or 206 with an audio type
	ProbeDead                  // 401, 403, 404, 410, or not audio: a dead link
)

// usableURL returns raw if a row may carry it, and "" if not. A usable URL is
// absolute, http or https, with a host, without user info and control
// characters, and at most 8 KiB long. It is neither the sentinel that Suno has used
// for "no audio" since August 2026, nor an address that a server built from an id
// that it did not have ("none.mp3").
func usableURL(raw string) string {
	usable, _ := parseURL(raw)
	return usable
}

// parseURL returns raw and its host, if a row may carry it.
func parseURL(raw string) (usable, host string) {
	raw = strings.TrimSpace(raw)
	if raw == "" || len(raw) > maxURL || strings.ContainsFunc(raw, isControl) {
		return "", ""
	}
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" || u.User != nil || (u.Scheme != "http" && u.Scheme != "https") {
		return "", ""
	}
	path := strings.TrimRight(u.Path, "/")
	if strings.HasSuffix(path, "/api/forbidden") || lacksID(path) || u.RawQuery != "" && lacksID(u.Query().Get("item_id")) {
		return "", ""
	}
	return raw, u.Hostname()
}

// missingID matches the words that servers write for an id that they do not have,
// as a whole name or as the name of an image, with or without an extension.
var missingID = regexp.MustCompile(`(?i)^(image_(large_)?)?(none|null|undefined)(\.(mp3|m4a|m4b|wav|flac|ogg|oga|opus|aac|mp4|m4v|mov|webm|mkv|jpe?g|png|webp|gif|avif))?$`)

// lacksID reports whether the last part of path is a word for a missing id.
func lacksID(path string) bool {
	name := strings.TrimSpace(path[strings.LastIndexByte(path, '/')+1:])
	return len(name) > 0 && len(name) <= maxMissingID && strings.IndexByte("nNuUiI", name[0]) >= 0 && missingID.MatchString(name)
}

const maxMissingID = 32 // bytes of the longest such name, at least

func isControl(r rune) bool { return r < 0x20 || r == 0x7f || r == '\uFFFD' }

// previewHost streams a song while Suno makes it; its URLs die later.
const previewHost = "audiopipe.suno.ai"

// FinalURL returns raw if a row may carry it and it is no preview, which dies soon; "" if
// not.
func FinalURL(raw string) string { return finalURL(raw) }

// finalURL returns raw if it is usable and not a preview, and "" if not.
func finalURL(raw string) string {
	usable, host := parseURL(raw)
	if strings.EqualFold(host, previewHost) {
		return ""
	}
	return usable
}
