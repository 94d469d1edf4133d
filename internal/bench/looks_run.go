package main

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"time"

	"tasksync/internal/queue"
	"tasksync/task"
)

// play plays a world under a policy in virtual time.
type play struct {
	world
	policy  policy
	rows    []*row
	hints   *rand.Rand
	now     time.Duration
	events  events
	daemons []*daemonRun
	shares  *shares
	sent    []time.Duration // calls
	left    int             // rows that have not ended
	numbers int             // of events
}

// daemonRun is one daemon: the queue of its calls.
type daemonRun struct {
	number int
	queue  *queue.Queue[*look]
	share  int
	comes  time.Duration // when serve runs again
}

// look is a call that waits or is under way.
type look struct {
	row   *row
	asked time.Duration // when it began to wait
	sent  time.Duration
	hint  bool
}

// learnEvery is how often daemons learn.
const learnEvery = 5 * time.Second

// clock is virtual time as the decision code takes it.
func (r *play) clock() time.Time { return time.Unix(0, 0).Add(r.now) }

func newPlay(w world, seed uint64) *play {
	r := &play{world: w, rows: w.population(seed), hints: rand.New(rand.NewPCG(seed, 13)), shares: newShares(w.daemons)} //nolint:gosec // the same numbers each time
	for i := range w.daemons {
		d := &daemonRun{number: i, queue: queue.New[*look](limitRequests, limitWindow, 16)}
		r.daemons = append(r.daemons, d)
		d.queue.ShareOut(0, time.Time{})
		r.at(renewEvery*time.Duration(i)/time.Duration(w.daemons), func() { r.renew(d) })
	}
	for _, row := range r.rows {
		r.at(row.born, func() { r.ask(r.home(row), &look{row: row}, task.LaneFirst) })
		if r.hints.Float64() < w.hooks {
			by := r.daemons[r.hints.IntN(w.daemons)]
			r.at(row.ends+hintAfter, func() { r.ask(by, &look{row: row, hint: true}, task.LaneHint) })
		}
	}
	r.left = len(r.rows)
	r.at(learnEvery, r.tick)
	return r
}

// home is the daemon whose job looks at the row.
func (r *play) home(row *row) *daemonRun { return r.daemons[row.number%len(r.daemons)] }

// run plays until all rows have ended, or until that time.
func (r *play) run(p policy, until time.Duration) {
	r.policy = p
	for r.left > 0 && len(r.events) > 0 && r.now < until {
		e := heap.Pop(&r.events).(event)
		r.now = e.at
		e.do()
	}
}

func (r *play) tick() {
	r.policy.tick()
	r.at(r.now+learnEvery, r.tick)
}

func (r *play) renew(d *daemonRun) {
	planned := r.policy.demand(d.number) * limitWindow.Seconds()
	d.share = r.shares.renew(d.number, max(d.queue.Demand(r.clock()), int(math.Ceil(planned))), r.now)
	d.queue.ShareOut(d.share, r.clock().Add(leaseTime))
	r.at(r.now+renewEvery, func() { r.renew(d) })
	r.serve(d)
}

// ask lets a look wait for its turn, unless its row has ended.
func (r *play) ask(d *daemonRun, l *look, lane task.Lane) {
	if l.row.done {
		return
	}
	l.asked = r.now
	claim := queue.Claim{Lane: lane, User: l.row.user, Value: r.policy.value(d.number, l.row, r.now-l.row.born)}
	d.queue.Add(&queue.Call[*look]{Claim: claim, Caller: l}, r.clock())
	r.serve(d)
}

// serve sends the calls that may go.
func (r *play) serve(d *daemonRun) {
	for {
		call, wait := d.queue.Next(r.clock())
		if call == nil {
			if at := r.now + wait; wait > 0 && (d.comes <= r.now || at < d.comes) {
				d.comes = at
				r.at(at, func() { r.serve(d) })
			}
			return
		}
		r.send(d, call.Caller, d.queue.Take(call, r.clock()))
	}
}

func (r *play) send(d *daemonRun, l *look, slot *queue.Slot) {
	r.sent = append(r.sent, r.now)
	l.row.requests++
	l.sent = r.now
	seen := r.now + callTime/2
	r.at(r.now+callTime, func() {
		d.queue.Leave(slot)
		r.answer(d, l, seen)
		r.serve(d)
	})
}

// answer takes the answer of a look, of what was to be seen then.
func (r *play) answer(d *daemonRun, l *look, seen time.Duration) {
	row, age := l.row, r.now-l.row.born
	switch {
	case row.done:
	case seen >= row.ends:
		row.done, row.delay = true, r.now-row.ends
		r.left--
		if l.hint { // it had ended before the look began to wait
			age = l.asked - row.born
		}
		r.policy.ended(row, age, l.hint)
	default:
		stage := row.life.stage(seen - row.born)
		wait := r.policy.next(d.number, row, age, stage)
		row.track = row.track.Looked(l.sent-row.born, stage)
		if age >= deadline { // nothing to plan by
			wait = 30 * time.Second
		}
		if !l.hint {
			r.at(r.now+wait, func() { r.ask(d, &look{row: row}, task.LaneDue) })
		}
	}
}

// event is something that happens.
type event struct {
	at     time.Duration
	number int // events of one time happen in the order in which they were entered
	do     func()
}

// events is a heap.
type events []event

func (r *play) at(at time.Duration, do func()) {
	r.numbers++
	heap.Push(&r.events, event{at, r.numbers, do})
}

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].number < e[j].number
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }

// Push implements heap.Interface.
func (e *events) Push(x any) { *e = append(*e, x.(event)) }

// Pop implements heap.Interface.
func (e *events) Pop() any {
	last := len(*e) - 1
	x := (*e)[last]
	*e = (*e)[:last]
	return x
}
