package task

import (
	"net/url"
	"regexp"
	"strings"
)

var uuidPattern = regexp.MustCompile(`(?i)^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// IsUUID reports whether id has the form of a UUID, the form of every real
// clip id at Suno.
func IsUUID(id string) bool { return uuidPattern.MatchString(id) }

// CDNURL is the address at which Suno's CDN serves the audio of a clip, or ""
// if id is not a UUID: a placeholder must never become a link.
func CDNURL(id string) string {
	if !IsUUID(id) {
		return ""
	}
	return "https://cdn1.suno.ai/" + strings.ToLower(id) + ".mp3"
}

// Probe is what was found at a URL before it is published.
type Probe int

// The results of a probe.
const (
	ProbeNoAnswer Probe = iota // nothing answered: the URL may well be good
	ProbePlayable              // 200 or 206 with an audio type
	ProbeRefused               // 401, 403, 404, 410, or not audio: a dead link
)

// usableURL gives raw back if a row may carry it: absolute http(s), a host, no
// user info, no control characters, at most 8 KiB, and not one that leads
// nowhere: the sentinel that stands for "no audio" at Suno since August 2026, or
// a name that some server made of an id that it did not have. Else it is "".
func usableURL(raw string) string {
	raw = strings.TrimSpace(raw)
	if raw == "" || len(raw) > maxURL || strings.ContainsFunc(raw, isControl) {
		return ""
	}
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" || u.User != nil || (u.Scheme != "http" && u.Scheme != "https") {
		return ""
	}
	path := strings.TrimRight(u.Path, "/")
	if strings.HasSuffix(path, "/api/forbidden") || namesNothing(path) || namesNothing(u.Query().Get("item_id")) {
		return ""
	}
	return raw
}

// nothing is how the languages of the servers between us and Suno spell an id
// that they do not have, as a whole name or in that of an image, with an
// extension or without.
var nothing = regexp.MustCompile(`(?i)^(image_(large_)?)?(none|null|undefined)(\.(mp3|m4a|m4b|wav|flac|ogg|oga|opus|aac|mp4|m4v|mov|webm|mkv|jpe?g|png|webp|gif|avif))?$`)

// namesNothing reports whether the last part of path is such a name.
func namesNothing(path string) bool {
	return nothing.MatchString(strings.TrimSpace(path[strings.LastIndexByte(path, '/')+1:]))
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7f || r == '\uFFFD' }

// previewHost streams a song while it is being made; such a URL dies later.
const previewHost = "audiopipe.suno.ai"

// finalURL is raw if it is usable and no preview.
func finalURL(raw string) string {
	raw = usableURL(raw)
	if u, err := url.Parse(raw); err != nil || strings.EqualFold(u.Hostname(), previewHost) {
		return ""
	}
	return raw
}
