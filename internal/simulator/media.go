package simulator

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"
)

// MediaFault is what a request for a file is answered with.
type MediaFault string

// The faults of files.
const (
	MediaFine    MediaFault = ""
	MediaXML     MediaFault = "xml"     // 200, and an error of 111 bytes as XML
	MediaHTML    MediaFault = "html"    // 200, and a page
	MediaEmpty   MediaFault = "empty"   // 200, and nothing
	MediaCut     MediaFault = "cut"     // the connection breaks after half of the file
	MediaSlow    MediaFault = "slow"    // after [Config.SlowDelay]
	MediaPrivate MediaFault = "private" // a redirect to the address of cloud metadata
	MediaGone    MediaFault = "gone"    // 404
	MediaDenied  MediaFault = "denied"  // 403
	MediaBroken  MediaFault = "broken"  // 500
	MediaM4A     MediaFault = "m4a"     // an m4a, whatever it is called
	// MediaAlways stands after the last fault and repeats it for good.
	MediaAlways MediaFault = "*"
)

// The kinds of files, as they stand in URLs.
const (
	MediaAudio = "audio"
	MediaCover = "cover"
	MediaVideo = "video"
)

// files is what a simulator knows of the files that it hands out.
type files struct {
	mu        sync.Mutex
	scripts   map[string][]MediaFault // by kind and clip; clip "" is all of a kind
	asked     map[string]int          // likewise, of requests for whole files
	recovered map[string]bool         // tasks
}

// ScriptMedia says how the next requests for a clip's file of that kind are answered, one
// fault each; clip "" means all clips. [MediaAlways] at the end repeats the last fault.
func (s *Simulator) ScriptMedia(kind, clip string, faults ...MediaFault) {
	s.files.mu.Lock()
	defer s.files.mu.Unlock()
	if s.files.scripts == nil {
		s.files.scripts = map[string][]MediaFault{}
	}
	s.files.scripts[kind+"/"+clip] = faults
}

// MediaRequests returns how often a clip's file of that kind was asked for.
func (s *Simulator) MediaRequests(kind, clip string) int {
	s.files.mu.Lock()
	defer s.files.mu.Unlock()
	return s.files.asked[kind+"/"+clip]
}

// next counts a request, and returns the fault that is scripted for it.
func (f *files) next(kind, clip string) MediaFault {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.asked == nil {
		f.asked = map[string]int{}
	}
	f.asked[kind+"/"+clip]++
	for _, key := range []string{kind + "/" + clip, kind + "/"} {
		script := f.scripts[key]
		switch {
		case len(script) == 0:
			continue
		case len(script) == 2 && script[1] == MediaAlways:
			return script[0]
		}
		f.scripts[key] = script[1:]
		return script[0]
	}
	return MediaFine
}

func (s *Simulator) serveMedia() {
	for _, kind := range []string{MediaAudio, MediaCover, MediaVideo} {
		s.mux.HandleFunc("GET /simulator/"+kind+"/{clip}", func(w http.ResponseWriter, r *http.Request) {
			name := r.PathValue("clip")
			clip := strings.TrimSuffix(name, path.Ext(name))
			s.sendMedia(w, r, kind, clip, s.files.next(kind, clip))
		})
	}
	// A file that was made anew is at another address, and has no faults.
	s.mux.HandleFunc("GET /simulator/anew/{clip}", func(w http.ResponseWriter, r *http.Request) {
		clip := strings.TrimSuffix(r.PathValue("clip"), ".mp3")
		s.sendMedia(w, r, MediaAudio, clip, MediaFine)
	})
}

func (s *Simulator) sendMedia(w http.ResponseWriter, r *http.Request, kind, clip string, f MediaFault) {
	contentType, data := s.media(kind, clip)
	w.Header().Set("Content-Type", contentType)
	switch f {
	case MediaXML:
		w.Header().Set("Content-Type", "application/xml")
		data = []byte(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>`)
	case MediaHTML:
		page(http.StatusOK)(w)
		return
	case MediaEmpty:
		data = nil
	case MediaCut:
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		_, _ = w.Write(data[:len(data)/2])
		return
	case MediaSlow:
		if !s.pause(r) {
			return
		}
	case MediaPrivate:
		http.Redirect(w, r, "http://169.254.169.254/latest/meta-data/", http.StatusFound)
		return
	case MediaGone, MediaDenied, MediaBroken:
		page(map[MediaFault]int{MediaGone: http.StatusNotFound, MediaDenied: http.StatusForbidden, MediaBroken: http.StatusInternalServerError}[f])(w)
		return
	case MediaM4A:
		data = mp4("M4A ", clip)
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}

// media returns a file and its type. Each clip's files are its own.
func (s *Simulator) media(kind, clip string) (contentType string, data []byte) {
	switch kind {
	case MediaCover:
		return "image/jpeg", cover(clip)
	case MediaVideo:
		return "video/mp4", mp4("isom", clip)
	}
	return "audio/mpeg", song(clip, s.cfg.AudioSize)
}

// song returns MP3 with the clip's id in its tag and that many bytes or more: one second of
// silence at least. The frames are MPEG-1 layer III, 32 kbit/s, 44.1 kHz, mono: one whose side
// information is all zero decodes to silence.
func song(clip string, size int) []byte {
	const second, frameSize = 39, 144 * 32000 / 44100
	text := append([]byte{3}, clip...) // UTF-8
	var b bytes.Buffer
	b.WriteString("ID3\x04\x00\x00\x00\x00")
	b.Write(synchsafe(10 + len(text)))
	b.WriteString("TIT2\x00\x00")
	b.Write(synchsafe(len(text)))
	b.WriteString("\x00\x00")
	b.Write(text)
	frame := make([]byte, frameSize)
	copy(frame, []byte{0xFF, 0xFB, 0x10, 0xC0})
	b.Write(bytes.Repeat(frame, max(second, (size-b.Len()+frameSize-1)/frameSize)))
	return b.Bytes()
}

// synchsafe encodes a length of a tag: seven bits in each byte, the last two bytes.
func synchsafe(n int) []byte { return []byte{byte(n >> 7 & 0x7f), byte(n & 0x7f)} }

// mp4 returns a container of that brand without a track: the clip's id is its data.
func mp4(brand, clip string) []byte {
	box := func(name string, content ...byte) []byte {
		b := binary.BigEndian.AppendUint32(nil, uint32(8+len(content))) //nolint:gosec // a few bytes
		return append(append(b, name...), content...)
	}
	header := make([]byte, 100)                               // version 0, made in 1904
	binary.BigEndian.PutUint32(header[12:], 1000)             // units in a second
	binary.BigEndian.PutUint32(header[20:], 1<<16)            // speed
	binary.BigEndian.PutUint16(header[24:], 1<<8)             // volume
	binary.BigEndian.PutUint32(header[96:], 1)                // next track
	for i, one := range []uint32{1 << 16, 1 << 16, 1 << 30} { // a matrix that changes nothing
		binary.BigEndian.PutUint32(header[36+16*i:], one)
	}
	return bytes.Join([][]byte{
		box("ftyp", []byte(brand+"\x00\x00\x00\x00"+brand+"mp42")...), box("moov", box("mvhd", header...)...), box("mdat", []byte(clip)...),
	}, nil)
}

// cover returns a drawing for a clip: hills in colours of its own.
func cover(clip string) []byte {
	const size = 256
	sum := sha256.Sum256([]byte(clip))
	hue, sun := float64(sum[0])/256, 48+int(sum[1])%160
	sky, disc, far, near := shade(hue, 0.5, 0.78), shade(hue+0.1, 0.6, 0.92), shade(hue+0.03, 0.42, 0.52), shade(hue+0.07, 0.46, 0.34)
	img := image.NewRGBA(image.Rect(0, 0, size, size))
	for x := range size {
		slope := float64(x) / size * 2 * math.Pi
		hills, front := 150+int(26*math.Sin(slope*1.5)), 200+int(22*math.Sin(slope+float64(sum[2])))
		for y := range size {
			c := sky
			switch {
			case y > front:
				c = near
			case y > hills:
				c = far
			case (x-sun)*(x-sun)+(y-80)*(y-80) < 36*36:
				c = disc
			}
			img.SetRGBA(x, y, c)
		}
	}
	var b bytes.Buffer
	_ = jpeg.Encode(&b, img, nil) // a buffer takes everything
	return b.Bytes()
}

// shade is a colour by hue, saturation and lightness, 0 to 1.
func shade(hue, saturation, lightness float64) color.RGBA {
	part := func(n float64) uint8 {
		k := math.Mod(n+hue*12, 12)
		return uint8(255 * (lightness - saturation*min(lightness, 1-lightness)*max(-1, min(k-3, 9-k, 1))))
	}
	return color.RGBA{part(0), part(8), part(4), 255}
}
