package upstream

import (
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tasksync/task"
)

// When the breaker opens, and for how long.
const (
	breakerTrips  = 8                // least number of different questions that failed
	breakerShare  = 0.8              // least share of failed questions among those in the memory
	breakerMemory = 24               // questions remembered: after good times, twenty failures open it
	breakerSpan   = time.Minute      // how long a question is remembered, and how long it stays excused
	breakerOpen   = 10 * time.Second // after that any call may go out and decide
	breakerGap    = time.Second      // least time between two calls that go out before that
)

// health is what the end of a call says about the provider.
type health int

const (
	healthUnknown health = iota // nothing: the caller went away, or a gateway answered
	healthUp                    // a well-formed answer, whatever it says
	healthDown                  // no connection, a time-out, HTTP 5xx, no JSON
)

// answerHealth is what a JSON answer with failure f says about the provider. A
// server that does not know the address says nothing about the provider: it may be
// a gateway, and a pause of the calls would not help.
func answerHealth(status int, f *task.Failure) health {
	switch {
	case f.Verdict != task.Transient:
		return healthUp
	case f.Reason == ReasonNoCall:
		return healthUnknown
	case status >= 500:
		return healthDown
	}
	return healthUp
}

// unreadableHealth is what an answer that is not JSON says about the provider. A
// page with a 4xx status says nothing: it is a matter of the window, the pause or
// the configuration.
func unreadableHealth(status int, f *task.Failure) health {
	if f.Reason == ReasonNoCall || (status >= 400 && status < 500) {
		return healthUnknown
	}
	return healthDown
}

// question is what one call asks: method, URL and body, hashed. Two calls about
// the same single task are the same question, two batches hardly ever.
type question uint64

func questionOf(k call) question {
	h := fnv.New64a()
	_, _ = h.Write([]byte(k.method + " " + k.target + " "))
	_, _ = h.Write(k.body)
	return question(h.Sum64())
}

// breaker spares a provider that is down, and the calls that would be wasted on it.
// Rows keep their deadline meanwhile: an unsent call is a transient failure.
//
// A few tasks that the provider cannot answer do not mean that the provider is
// down. So the breaker counts questions, not calls: it opens when many different
// questions fail, and nearly all that are asked. While it is open, a question that
// has failed is not sent. A question that has not failed may be, one at a time and
// one a second, so that tasks which the provider can answer never wait for tasks
// which it cannot. The first well-formed answer closes the breaker. The questions
// that had failed by then were at fault: their failures do not count until
// breakerSpan is over, or they succeed. (Otherwise fifteen bad tasks beside an
// occasional good one would open the breaker again at once.)
type breaker struct {
	provider string
	logger   *slog.Logger
	gauge    prometheus.Gauge

	mu      sync.Mutex
	memory  []remembered // the newest end of each question, oldest first
	open    bool
	why     string    // the label of the newest call that failed
	until   time.Time // from then on a question that has failed may be sent too
	trying  bool      // a call that decides is under way
	lastTry time.Time
}

// remembered is how a question ended when it was last asked.
type remembered struct {
	question question
	at       time.Time
	failed   bool
	excused  time.Time // until then the question's failures do not count
}

func newBreaker(provider string, logger *slog.Logger, gauge prometheus.Gauge) *breaker {
	gauge.Set(0)
	return &breaker{provider: provider, logger: logger, gauge: gauge}
}

// unsent is the failure of a call that must not be made; nil: the call may queue.
func (b *breaker) unsent(now time.Time, q question) *task.Failure {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.unsentLocked(now, q)
}

// attempt is a call that the breaker has let through.
type attempt struct {
	question question
	decides  bool // the breaker is open, and no other call may try before this one has ended
}

// begin reports whether a call may go out now. If f is nil, the caller must report
// the call's end to end.
func (b *breaker) begin(now time.Time, q question) (try attempt, f *task.Failure) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if f := b.unsentLocked(now, q); f != nil {
		return attempt{}, f
	}
	if b.open {
		b.trying, b.lastTry = true, now
	}
	return attempt{q, b.open}, nil
}

// unsentLocked is unsent for a caller that holds the lock. Waits are spread, so
// that not all rows come back at the same moment.
func (b *breaker) unsentLocked(now time.Time, q question) *task.Failure {
	if !b.open {
		return nil
	}
	wait := breakerGap
	switch over := !now.Before(b.until); {
	case !over && b.hasFailed(q):
		wait = max(b.until.Sub(now), breakerGap)
	case !b.trying && (over || now.Sub(b.lastTry) >= breakerGap):
		return nil
	}
	f := Transient(ReasonBreakerOpen, "the provider did not answer the last calls ("+b.why+"), so calls pause")
	f.Unsent = true
	f.RetryAfter = wait + rand.N(wait/4+1) //nolint:gosec // jitter
	return f
}

func (b *breaker) hasFailed(q question) bool {
	return slices.ContainsFunc(b.memory, func(m remembered) bool { return m.question == q && m.failed })
}

// end records how a call ended. Calls that were under way when the breaker opened
// count like the call that decides.
func (b *breaker) end(now time.Time, a attempt, end callEnd) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if a.decides {
		b.trying = false
	}
	h := end.health
	if h == healthUnknown {
		return
	}
	if h == healthDown {
		b.why = end.label
	}
	b.remember(now, a.question, h == healthDown)
	switch {
	case h == healthUp && b.open:
		b.close(now)
	case h == healthDown && b.open && a.decides && !now.Before(b.until):
		b.until = now.Add(breakerOpen)
	case h == healthDown && !b.open && b.tripped(now):
		b.open, b.until, b.lastTry = true, now.Add(breakerOpen), now
		b.gauge.Set(1)
		b.logger.Debug("[TaskSync] The provider is down; its calls pause", "provider", b.provider, "reason", b.why, "pause", breakerOpen.String())
	}
}

// remember records the newest end of a question, and forgets ends that are too old.
func (b *breaker) remember(now time.Time, q question, failed bool) {
	entry := remembered{question: q, at: now, failed: failed}
	for _, m := range b.memory {
		if m.question == q && failed {
			entry.excused = m.excused
		}
	}
	b.memory = append(slices.DeleteFunc(b.memory, func(m remembered) bool {
		return m.question == q || now.Sub(m.at) >= breakerSpan
	}), entry)
	b.memory = slices.Delete(b.memory, 0, max(0, len(b.memory)-breakerMemory))
}

// tripped reports whether enough questions failed.
func (b *breaker) tripped(now time.Time) bool {
	failed, all := 0, 0
	for _, m := range b.memory {
		if m.failed && now.Before(m.excused) {
			continue
		}
		all++
		if m.failed {
			failed++
		}
	}
	return failed >= breakerTrips && float64(failed) >= breakerShare*float64(all)
}

// close closes the breaker, and excuses the questions that have failed.
func (b *breaker) close(now time.Time) {
	b.open = false
	for i := range b.memory {
		if b.memory[i].failed {
			b.memory[i].excused = now.Add(breakerSpan)
		}
	}
	b.gauge.Set(0)
	b.logger.Debug("[TaskSync] The provider answers again; its calls go on", "provider", b.provider)
}
