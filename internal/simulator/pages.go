package simulator

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// servePages mounts the simulator's own pages: help, records, statistics, audio.
func (s *Simulator) servePages() {
	s.mux.HandleFunc("GET /{$}", s.helpPage)
	s.mux.HandleFunc("GET /simulator/tasks/{id}", s.taskPage)
	s.mux.HandleFunc("GET /simulator/stats", s.statsPage)
	s.mux.HandleFunc("GET /simulator/audio/{clip}", audioPage)
	s.mux.HandleFunc("GET /simulator/cover/{clip}", coverPage)
}

func (s *Simulator) helpPage(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprintf(w, "tasksync upstream simulator. Seed %d, speed %s.\n\n%s", s.Seed(), s.speedText(), Help())
}

// Help returns a text for users: the endpoints, the fates and the faults.
func Help() string {
	var b strings.Builder
	formats := New(Config{Seed: 1}).formats
	for _, provider := range Providers() {
		f, ok := formats[provider]
		if !ok {
			fmt.Fprintf(&b, "Endpoints (%s): as above, with its own codes, as its old model; and\n", provider)
			fmt.Fprintf(&b, "  %s\n  %s\n  %s\n", kieCreate, kieRecord, kieCredits)
			continue
		}
		fmt.Fprintf(&b, "Endpoints (%s):\n", provider)
		for _, rt := range f.routes() {
			if rt.pattern != "/" {
				fmt.Fprintf(&b, "  %s\n", rt.pattern)
			}
		}
	}
	b.WriteString(`The simulator's own:
  GET /simulator/tasks/{id}        its record of a task, and the end to expect
  GET /simulator/stats             requests by route and answer
  GET /simulator/audio/{clip}.mp3  one second of silence
  GET /simulator/cover/{clip}      a drawing

Script a submit by the header X-Simulate: FATE and X-Simulate-Faults: FAULT,FAULT
(one for each of the first status requests; * at the end repeats the last one for
good, for every request that asks for the task), or by the JSON fields simulate
and simulateFaults.

Fates:
`)
	for _, e := range fates {
		fmt.Fprintf(&b, "  %-21s %s\n", e.fate, e.about)
	}
	b.WriteString("\nFaults:\n")
	for _, e := range faults {
		fmt.Fprintf(&b, "  %-21s %s\n", e.fault, e.about)
	}
	return b.String()
}

func (s *Simulator) taskPage(w http.ResponseWriter, r *http.Request) {
	record, ok := s.Task(r.PathValue("id"))
	if !ok {
		http.Error(w, taskNotFound, http.StatusNotFound)
		return
	}
	writePretty(w, record)
}

func (s *Simulator) statsPage(w http.ResponseWriter, _ *http.Request) {
	s.mu.RLock()
	tasks := len(s.subjects)
	s.mu.RUnlock()
	writePretty(w, struct {
		Seed     uint64 `json:"seed,string"`
		Speed    string `json:"speed"`
		Tasks    int    `json:"tasks"`
		Requests Counts `json:"requests"`
	}{s.Seed(), s.speedText(), tasks, s.Requests()})
}

func writePretty(w http.ResponseWriter, v any) {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(body, '\n'))
}

// audioPage serves silence for every clip, with ranges.
func audioPage(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "audio/mpeg")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(silence()))
}

// coverPage serves a drawing for every clip: hills in colours of the clip's own.
func coverPage(w http.ResponseWriter, r *http.Request) {
	sum := sha256.Sum256([]byte(r.PathValue("clip")))
	hue, sun := int(sum[0])*360/256, 12+int(sum[1])%40
	w.Header().Set("Content-Type", "image/svg+xml")
	_, _ = fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><rect width="64" height="64" fill="hsl(%d 60%% 78%%)"/>`+
		`<circle cx="%d" cy="20" r="9" fill="hsl(%d 80%% 92%%)"/><path d="M0 44 20 26l16 16 12-10 16 14v18H0z" fill="hsl(%d 42%% 52%%)"/>`+
		`<path d="M0 56 24 42l18 12 22-10v20H0z" fill="hsl(%d 46%% 34%%)"/></svg>`, hue, sun, hue+40, hue+10, hue+25)
}

// silence returns a second of MP3: MPEG-1 layer III, 32 kbit/s, 44.1 kHz, mono. A
// frame whose side information is all zero decodes to silence.
func silence() []byte {
	const frames, size = 39, 144 * 32000 / 44100
	frame := make([]byte, size)
	copy(frame, []byte{0xFF, 0xFB, 0x10, 0xC0})
	return bytes.Repeat(frame, frames)
}
