package archive

import (
	"bytes"
	"strings"
)

// format is what a file is, by its first bytes.
type format struct{ kind, ext, contentType string }

// sniffed is how many bytes tell a format.
const sniffed = 512

// sniff tells what head, the first bytes of a body, is the beginning of. What the server
// calls it and how its URL ends do not count: both are wrong often enough. An unknown
// format has no kind, and a word for it in ext.
func sniff(head []byte, wanted string) format {
	has := func(at int, magic string) bool {
		return len(head) >= at+len(magic) && string(head[at:at+len(magic)]) == magic
	}
	switch {
	case has(0, "ID3"), isMP3(head):
		return format{Audio, "mp3", "audio/mpeg"}
	case len(head) >= 2 && head[0] == 0xff && head[1]&0xf6 == 0xf0:
		return format{Audio, "aac", "audio/aac"}
	case has(0, "OggS"):
		return format{Audio, "ogg", "audio/ogg"}
	case has(0, "fLaC"):
		return format{Audio, "flac", "audio/flac"}
	case has(0, "RIFF") && has(8, "WAVE"):
		return format{Audio, "wav", "audio/wav"}
	case has(0, "RIFF") && has(8, "WEBP"):
		return format{Image, "webp", "image/webp"}
	case has(0, "\xff\xd8\xff"):
		return format{Image, "jpg", "image/jpeg"}
	case has(0, "\x89PNG\r\n\x1a\n"):
		return format{Image, "png", "image/png"}
	case has(0, "GIF87a"), has(0, "GIF89a"):
		return format{Image, "gif", "image/gif"}
	case has(4, "ftyp"):
		return sniffMP4(head, wanted)
	case has(0, "\x1a\x45\xdf\xa3"):
		return format{Video, "webm", "video/webm"}
	}
	return format{ext: sniffText(head)}
}

// isMP3 reports whether head begins with a frame of MPEG layer I to III: a frame sync, a
// layer, a bit rate and a sampling rate that exist.
func isMP3(head []byte) bool {
	return len(head) >= 4 && head[0] == 0xff && head[1]&0xe0 == 0xe0 && head[1]&0x18 != 0x08 && head[1]&0x06 != 0 &&
		head[2]&0xf0 != 0xf0 && head[2]&0x0c != 0x0c
}

// sniffMP4 tells the formats that begin with a box ftyp apart. A brand that says neither is
// what was wanted: both audio and video are found under isom and mp42.
func sniffMP4(head []byte, wanted string) format {
	brand := ""
	if len(head) >= 12 {
		brand = string(head[8:12])
	}
	switch {
	case brand == "avif", brand == "avis":
		return format{Image, "avif", "image/avif"}
	case strings.HasPrefix(brand, "M4A"), strings.HasPrefix(brand, "M4B"), wanted == Audio && brand != "qt  ":
		return format{Audio, "m4a", "audio/mp4"}
	}
	return format{Video, "mp4", "video/mp4"}
}

// sniffText returns a word for what a server sends in place of a file.
func sniffText(head []byte) string {
	text := strings.ToLower(string(bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")))
	switch {
	case len(head) == 0:
		return "empty"
	case strings.HasPrefix(text, "<!doctype html"), strings.HasPrefix(text, "<html"):
		return "html"
	case strings.HasPrefix(text, "<"):
		return "xml"
	case strings.HasPrefix(text, "{"), strings.HasPrefix(text, "["):
		return "json"
	}
	return "unknown_content"
}
