package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// servePages mounts the simulator's own pages: help, records, statistics, audio.
func (s *Simulator) servePages() {
	s.mux.HandleFunc("GET /{$}", s.helpPage)
	s.mux.HandleFunc("GET /simulator/tasks/{id}", s.taskPage)
	s.mux.HandleFunc("GET /simulator/stats", s.statsPage)
	s.serveMedia()
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
  GET /simulator/cover/{clip}      a drawing, as JPEG
  GET /simulator/video/{clip}.mp4  an MP4 file without a track

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
