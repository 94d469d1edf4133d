package cdn

import (
	"bytes"
	"mime"
	"strings"
)

// playable reports whether an answer with that content type and first bytes is
// audio.
func playable(contentType string, head []byte) bool {
	mediaType, _, err := mime.ParseMediaType(contentType)
	if err != nil && contentType != "" {
		mediaType, _, _ = strings.Cut(strings.ToLower(contentType), ";")
	}
	switch mediaType = strings.TrimSpace(mediaType); {
	case strings.HasPrefix(mediaType, "audio/"):
		return true
	case mediaType == "", mediaType == "application/octet-stream", mediaType == "binary/octet-stream":
		return audioMagic(head)
	}
	return false
}

// audioMagic reports whether head begins like mp3, Ogg, FLAC, WAV or MPEG-4.
// Two bytes are enough to tell mp3, which is what derived URLs name.
func audioMagic(head []byte) bool {
	begins := func(magic string) bool { // as far as head goes
		return len(head) >= 2 && strings.HasPrefix(magic, string(head[:min(len(head), len(magic))]))
	}
	switch {
	case begins("ID3"), begins("OggS"), begins("fLaC"):
		return true
	case len(head) >= 2 && head[0] == 0xff && head[1]&0xe0 == 0xe0: // frame sync of MPEG audio and AAC
		return true
	case len(head) >= 12 && bytes.HasPrefix(head, []byte("RIFF")):
		return string(head[8:12]) == "WAVE"
	}
	return len(head) >= 8 && string(head[4:8]) == "ftyp"
}
