package upstream

import (
	"cmp"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tasksync/internal/wait"
	"tasksync/task"
)

// How long an account verdict stops a credential: firstPause, then twice as long
// each time, up to longestPause.
const (
	firstPause   = 30 * time.Second
	longestPause = 5 * time.Minute
	logEvery     = time.Minute
)

// pause stops the calls of a credential that the provider refuses. An account
// verdict stands until a call that was sent after it succeeds: answers to earlier
// calls say nothing about it.
type pause struct {
	provider string
	logger   *slog.Logger
	gauge    prometheus.Gauge

	mu     sync.Mutex
	reason string    // empty: no verdict stands
	began  time.Time // when the first verdict in a row was given
	since  time.Time // when the last one was
	until  time.Time
	length wait.Backoff
	logged time.Time
	told   bool // of this verdict
}

func newPause(provider string, logger *slog.Logger, gauge prometheus.Gauge) *pause {
	gauge.Set(0)
	return &pause{
		provider: provider, logger: logger, gauge: gauge,
		length: wait.Backoff{Least: firstPause, Most: longestPause},
	}
}

// unsent is the failure of a call that must not be made; nil: it may be.
func (p *pause) unsent(now time.Time) *task.Failure {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !now.Before(p.until) {
		return nil
	}
	return &task.Failure{
		Verdict:    task.Account,
		Reason:     ReasonAccountPaused,
		Message:    p.reason,
		RetryAfter: p.until.Sub(now),
		Unsent:     true,
	}
}

// trip records an account verdict and returns the time until the next call.
// Verdicts of calls that were under way together count once.
func (p *pause) trip(now time.Time, f *task.Failure) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Before(p.until) {
		return p.until.Sub(now)
	}
	if p.reason == "" {
		p.began = now
	}
	p.reason, p.since = cmp.Or(f.Message, f.Reason), now
	p.until = now.Add(max(p.length.Next(), f.RetryAfter))
	p.gauge.Set(1)
	if p.logged.IsZero() || now.Sub(p.logged) >= logEvery {
		p.logged, p.told = now, true
		p.logger.Error("[TaskSync] The provider refuses the credential; its calls pause",
			"provider", p.provider, "reason", p.reason, "pause", p.until.Sub(now).String(),
			"hint", "check the API key, and the credits and subscription of its account")
	}
	return p.until.Sub(now)
}

// accepted records that the provider answered a call sent at sent.
func (p *pause) accepted(sent time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reason == "" || sent.Before(p.since) {
		return
	}
	p.reason, p.until = "", time.Time{}
	p.length.Reset()
	p.gauge.Set(0)
	if p.told {
		p.logger.Info("[TaskSync] The provider accepts the credential again", "provider", p.provider, "after", sent.Sub(p.began).Round(time.Second).String())
	}
	p.told = false
}

func (p *pause) state() (reason string, until time.Time, paused bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reason, p.until, p.reason != ""
}
