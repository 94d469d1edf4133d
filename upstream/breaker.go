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
	breakerTrips  = 8                // different questions that failed, at least
	breakerShare  = 0.8              // the part of all questions in the memory that these must be
	breakerMemory = 24               // questions remembered: after good times, twenty failures open it
	breakerSpan   = time.Minute      // how long a question is remembered, and how long it stays excused
	breakerOpen   = 10 * time.Second // then any call may go out and decide
	breakerGap    = time.Second      // least time between two calls that go out earlier
)

// health is what the end of a call says about the provider.
type health int

const (
	healthUnknown health = iota // nothing: the caller went away, or something before the provider answered
	healthUp                    // a well-formed answer, whatever it says
	healthDown                  // no connection, a time-out, HTTP 5xx, no JSON
)

// answerHealth is what a JSON answer says about the provider that failed for the
// caller. A gateway that knows no such address says nothing: it is another one's
// word, and to pause the calls would not help.
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

// unreadableHealth is the same of an answer that is no JSON. What follows from a
// page at 4xx is the window's, the pause's or the configuration's.
func unreadableHealth(status int, f *task.Failure) health {
	if f.Reason == ReasonNoCall || (status >= 400 && status < 500) {
		return healthUnknown
	}
	return healthDown
}

// question is what one call asks: method, URL and body, hashed. Two calls about
// the same single task are the same question, two batches hardly ever.
type question uint64

func questionOf(method, target string, body []byte) question {
	h := fnv.New64a()
	_, _ = h.Write([]byte(method + " " + target + " "))
	_, _ = h.Write(body)
	return question(h.Sum64())
}

// breaker spares a provider that is down, and the requests that would be wasted
// on it. Rows keep their deadline meanwhile: a refusal is a transient failure of
// a call that was not made.
//
// A few tasks that the provider cannot answer are no provider that is down. So
// the breaker counts questions and not calls: it opens when many different ones
// fail, and nearly all that are asked. While it is open, a question that has failed
// is refused; one that has not may try, one at a time and one a second, so that
// the tasks which the provider can answer never wait for those which it cannot.
// The first well-formed answer closes it. Questions that had failed by then are
// the ones at fault: what they do next counts no more until breakerSpan is over,
// or they succeed. (Else fifteen bad tasks beside a good one now and then would
// open it again at once.)
type breaker struct {
	provider string
	logger   *slog.Logger
	gauge    prometheus.Gauge

	mu      sync.Mutex
	memory  []remembered // the newest end of each question, the oldest first
	open    bool
	until   time.Time // from then on also a question that has failed may try
	trying  bool      // a call is under way that decides
	lastTry time.Time
}

// remembered is how a question ended when it was last asked.
type remembered struct {
	question question
	at       time.Time
	failed   bool
	excused  time.Time // until then its failures do not count
}

func newBreaker(provider string, logger *slog.Logger, gauge prometheus.Gauge) *breaker {
	gauge.Set(0)
	return &breaker{provider: provider, logger: logger, gauge: gauge}
}

// refusal is the failure of a call that is not to be made; nil: it may queue.
func (b *breaker) refusal(now time.Time, q question) *task.Failure {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.refuse(now, q)
}

// attempt is a call that the breaker has let out.
type attempt struct {
	question question
	decides  bool // no other may try before it has ended
}

// begin asks whether a call may go out now. If it may, end must be told how it
// ended.
func (b *breaker) begin(now time.Time, q question) (attempt, *task.Failure) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if f := b.refuse(now, q); f != nil {
		return attempt{}, f
	}
	if b.open {
		b.trying, b.lastTry = true, now
	}
	return attempt{q, b.open}, nil
}

// refuse must be called with the lock held. Waits are spread, so that not every
// row comes at the same moment.
func (b *breaker) refuse(now time.Time, q question) *task.Failure {
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
	f := Transient(ReasonBreakerOpen, "the upstream did not answer the last calls")
	f.Unsent = true
	f.RetryAfter = wait + rand.N(wait/4+1) //nolint:gosec // jitter
	return f
}

func (b *breaker) hasFailed(q question) bool {
	for _, m := range b.memory {
		if m.question == q {
			return m.failed
		}
	}
	return false
}

// end notes how a call ended that had begun. Calls that were under way when the
// breaker opened count like the one that decides.
func (b *breaker) end(now time.Time, a attempt, h health) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if a.decides {
		b.trying = false
	}
	if h == healthUnknown {
		return
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
		b.logger.Warn("[TaskSync] The upstream is down; its calls pause", "provider", b.provider, "pause", breakerOpen.String())
	}
}

// remember enters the newest end of a question, and forgets what is too old.
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

// tripped reports whether enough of the questions failed.
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

func (b *breaker) close(now time.Time) {
	b.open = false
	for i := range b.memory {
		if b.memory[i].failed {
			b.memory[i].excused = now.Add(breakerSpan)
		}
	}
	b.gauge.Set(0)
	b.logger.Info("[TaskSync] The upstream answers again", "provider", b.provider)
}

// isOpen reports whether calls pause.
func (b *breaker) isOpen() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.open
}
