package simulator

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"

	"tasksync/task"
)

// Simulator is an upstream API, as an http.Handler. It is safe for concurrent use.
type Simulator struct {
	cfg     Config
	mux     *http.ServeMux
	fates   wheel[Fate]
	faults  wheel[Fault]
	limit   limiter
	tally   tally
	formats map[string]wire // by their names
	outage  atomic.Pointer[Fault]
	files   files

	closed    chan struct{}
	closeOnce sync.Once

	mu       sync.RWMutex // guards the two below; held for one access only
	subjects []*subject   // in order of their submits
	byID     map[string]*subject
}

// New returns a simulator without tasks; see [Simulator.Close]. New panics on a provider
// or dialect that does not exist.
func New(cfg Config) *Simulator {
	cfg = cfg.withDefaults()
	s := &Simulator{
		cfg: cfg, mux: http.NewServeMux(),
		limit:  limiter{limit: cfg.RateLimit, window: cfg.RateWindow},
		closed: make(chan struct{}), byID: make(map[string]*subject), formats: make(map[string]wire),
	}
	s.outage.Store(new(NoFault))
	for _, e := range fates {
		s.fates.add(e.fate, cfg.Mix[e.fate])
	}
	for _, e := range faults {
		s.faults.add(e.fault, cfg.FaultMix[e.fault])
	}
	for _, f := range cfg.wires() {
		s.serve(f)
	}
	s.mustKnow(cfg.Provider, cfg.Dialect)
	s.servePages()
	return s
}

// wires returns the formats that are served.
func (c Config) wires() []wire {
	if c.Format != nil {
		return []wire{own{*c.Format}}
	}
	var first wire = sunoapi{}
	if c.Provider == "kie" { // it has the paths of sunoapi
		first = kie{dialect: c.Dialect}
	}
	return []wire{first, sunoproxy{dialect: c.Dialect}, newSunoclips(c.Dialect), acedata{}}
}

// ServeHTTP implements http.Handler.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Close ends the slow and the hanging answers, so that an http.Server can shut down:
// pass it to RegisterOnShutdown. Requests are still answered. Closing twice is no
// error.
func (s *Simulator) Close() { s.closeOnce.Do(func() { close(s.closed) }) }

// Seed returns the seed in use; with it, the same order of submits gives the same
// tasks.
func (s *Simulator) Seed() uint64 { return s.cfg.Seed }

// Submit accepts a task without a request and returns its id. The empty fate
// is drawn. The faults are served to the first status requests of this task,
// one each; [NoFault] leaves a request without one, and [Always] at the end repeats the
// last fault for good. It panics on a fate or fault that does not exist.
func (s *Simulator) Submit(taskType task.Type, fate Fate, faults ...Fault) string {
	for _, f := range faults {
		if _, ok := f.entry(); !ok && f != NoFault && f != Always {
			panic(fmt.Sprintf("simulator: unknown fault %q", f))
		}
	}
	if _, ok := fate.entry(); !ok && fate != "" {
		panic(fmt.Sprintf("simulator: unknown fate %q", fate))
	}
	return s.submit(order{taskType: taskType, fate: fate, faults: faults})
}

// order is a task as it is submitted.
type order struct {
	taskType task.Type
	fate     Fate
	faults   []Fault
	param    string // the request's own JSON; empty: a canned one
	parent   string // the clip that is extended; empty: drawn
	made     string // the model of calls that knows the task; empty: the dialect's
}

// submit draws the life under the lock, because the task's number decides it.
func (s *Simulator) submit(o order) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	number := uint64(len(s.subjects))
	d := newDraw(s.cfg.Seed, number)
	drawn := s.fates.spin(d) // also when scripted, so that the script changes nothing else
	if o.fate == "" {
		o.fate = drawn
	}
	if o.fate == "" {
		o.fate = Success // an empty mix
	}
	l := &life{id: d.taskID(), taskType: o.taskType, fate: o.fate, clips: s.cfg.clipsOf(o.taskType)}
	l.live(d, s.cfg.media())
	l.made = o.made
	s.formats[s.cfg.Provider].fit(l)
	t := s.newSubject(number, o, l)
	s.subjects = append(s.subjects, t)
	s.byID[t.life.id] = t
	return t.life.id
}

func (s *Simulator) subject(taskID string) (*subject, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	t, ok := s.byID[taskID]
	return t, ok
}

// Task returns the simulator's own record of a task; false if there is no such task.
func (s *Simulator) Task(taskID string) (Record, bool) {
	t, ok := s.subject(taskID)
	if !ok {
		return Record{}, false
	}
	return t.record(), true
}

// Tasks returns the records of all tasks, in order of their submits.
func (s *Simulator) Tasks() []Record {
	s.mu.RLock()
	subjects := slices.Clone(s.subjects)
	s.mu.RUnlock()
	records := make([]Record, len(subjects))
	for i, t := range subjects {
		records[i] = t.record()
	}
	return records
}

// Outage answers every API request with that fault from now on, also submits, until
// Outage([NoFault]). It panics on a fault that does not exist.
func (s *Simulator) Outage(f Fault) {
	if _, ok := f.entry(); !ok && f != NoFault {
		panic(fmt.Sprintf("simulator: unknown fault %q", f))
	}
	s.outage.Store(&f)
}

// Requests returns the counts of API requests so far; pages under /simulator do not
// count.
func (s *Simulator) Requests() Counts { return s.tally.counts() }
