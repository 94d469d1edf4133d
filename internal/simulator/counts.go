package simulator

import (
	"maps"
	"sync"
)

// Counts are numbers of API requests.
type Counts struct {
	Total int64 `json:"total"`
	// Routes has the counts by route, like "GET /api/v1/lyrics/record-info", and by
	// the code of the answer: the provider's, or else the HTTP status; 0 when the
	// client got no whole answer.
	Routes map[string]map[int]int64 `json:"routes"`
	Faults map[Fault]int64          `json:"faults"` // served, drawn or scripted or by outage
}

// Code returns the number of requests that were answered with that code.
func (c Counts) Code(code int) (n int64) {
	for _, codes := range c.Routes {
		n += codes[code]
	}
	return n
}

// Route returns the number of requests of that route.
func (c Counts) Route(route string) (n int64) {
	for _, some := range c.Routes[route] {
		n += some
	}
	return n
}

// tally counts; its zero value is ready.
type tally struct {
	mu sync.Mutex
	Counts
}

func (t *tally) add(route string, code int, f Fault) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.Routes == nil {
		t.Routes, t.Faults = make(map[string]map[int]int64), make(map[Fault]int64)
	}
	if t.Routes[route] == nil {
		t.Routes[route] = make(map[int]int64)
	}
	t.Total++
	t.Routes[route][code]++
	if f != NoFault {
		t.Faults[f]++
	}
}

func (t *tally) counts() Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := Counts{Total: t.Total, Routes: make(map[string]map[int]int64), Faults: make(map[Fault]int64)}
	for route, codes := range t.Routes {
		c.Routes[route] = maps.Clone(codes)
	}
	maps.Copy(c.Faults, t.Faults)
	return c
}
