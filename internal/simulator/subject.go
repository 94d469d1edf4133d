package simulator

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"tasksync/task"
)

// subject is one task: its life, which never changes, and the requests for it.
type subject struct {
	life        *life
	number      uint64
	submittedAt time.Time
	param       string
	scripted    []Fault

	asked   atomic.Int64
	askedAt instant // first
	toldAt  instant // first

	// cached is the body of the phase that was told last, so that the many requests
	// between two phases need no encoding.
	cached atomic.Pointer[toldBody]

	mu     sync.Mutex
	served map[Fault]int
}

// toldBody is a phase in a wire format.
type toldBody struct {
	wire  string
	phase int
	body  []byte
}

func (s *Simulator) newSubject(number uint64, o order, l *life) *subject {
	if end := l.last().from; s.cfg.Lengths.Median > 0 && end > 0 {
		l.hasten(float64(end) / float64(s.cfg.Lengths.draw(newDraw(^s.cfg.Seed, number))))
	}
	l.hasten(s.cfg.Speed)
	if o.parent != "" {
		l.parent = o.parent
	}
	if o.param == "" {
		o.param = cannedParam(o.taskType)
	}
	return &subject{life: l, number: number, submittedAt: s.cfg.Now(), param: o.param, scripted: o.faults, served: map[Fault]int{}}
}

func cannedParam(taskType task.Type) string {
	if taskType == task.Lyrics {
		return `{"prompt":"` + plantedPrompt + `"}`
	}
	return `{"customMode":false,"instrumental":false,"model":"V4","prompt":"` + plantedPrompt + `"}`
}

// finalAt returns when the life cycle ends; zero if never.
func (t *subject) finalAt() time.Time {
	last := t.life.last()
	if t.life.lost || !last.state.over() {
		return time.Time{}
	}
	return t.submittedAt.Add(last.from)
}

// faultOf returns the fault of a task's k-th status request, from 0. It depends on the
// seed, the task and k only, and not on other tasks.
func (s *Simulator) faultOf(t *subject, k int64) Fault {
	if f, ok := t.script(k); ok {
		return f
	}
	if s.cfg.FaultRate <= 0 {
		return NoFault
	}
	d := newDraw(s.cfg.Seed^t.number, 1<<32+uint64(k))
	if d.Float64() >= s.cfg.FaultRate {
		return NoFault
	}
	return s.faults.spin(d)
}

// script returns the fault that is scripted for a task's k-th status request.
func (t *subject) script(k int64) (f Fault, ok bool) {
	n := int64(len(t.scripted))
	if n > 1 && t.scripted[n-1] == Always {
		k, n = min(k, n-2), n-1
	}
	if k >= n || t.scripted[k] == Always {
		return NoFault, false
	}
	return t.scripted[k], true
}

func (t *subject) serve(f Fault) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.served[f]++
}

func (t *subject) faultCounts() map[Fault]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.served)
}

// tell returns the answer of that time in a wire format. The result is shared: the
// caller must not change it.
func (t *subject) tell(f wire, now time.Time) []byte {
	at := t.life.at(now.Sub(t.submittedAt))
	if c := t.cached.Load(); c != nil && c.phase == at && c.wire == f.name() {
		return c.body
	}
	body := f.tell(t, t.life.phases[at])
	t.cached.Store(&toldBody{f.name(), at, body})
	return body
}

// noteTold records when the last phase was told for the first time.
func (t *subject) noteTold(now time.Time) {
	if at := t.finalAt(); !at.IsZero() && !now.Before(at) {
		t.toldAt.first(now)
	}
}

// instant is a time that is set once; its zero value is unset.
type instant struct{ p atomic.Pointer[time.Time] }

func (i *instant) first(now time.Time) {
	if i.p.Load() == nil {
		i.p.CompareAndSwap(nil, &now)
	}
}

func (i *instant) load() time.Time {
	if t := i.p.Load(); t != nil {
		return *t
	}
	return time.Time{}
}
