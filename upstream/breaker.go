package upstream

import (
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sony/gobreaker/v2"

	"tasksync/task"
)

// When the breaker opens, and for how long.
const (
	breakerTrips = 10               // passing failures in a row, of whatever tasks
	breakerOpen  = 10 * time.Second // then one call goes out and decides
)

// breaker spares an upstream that is down, and the requests that would be
// wasted on it. It counts what passes (network, time-outs, 5xx, bodies of the
// wrong kind); what a provider says about a task or an account is an answer,
// and its rate limit is the window's. Rows keep their deadline meanwhile: the
// refusal is a transient failure like any other.
type breaker struct {
	steps *gobreaker.TwoStepCircuitBreaker[any]
	until atomic.Int64 // Unix nanoseconds: no call before
}

func newBreaker(provider string, logger *slog.Logger, gauge prometheus.Gauge) *breaker {
	b := &breaker{}
	gauge.Set(0)
	b.steps = gobreaker.NewTwoStepCircuitBreaker[any](gobreaker.Settings{
		Name: provider, MaxRequests: 1, Timeout: breakerOpen,
		ReadyToTrip:  func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= breakerTrips },
		IsSuccessful: func(err error) bool { return !passing(err) },
		IsExcluded:   unrelated,
		OnStateChange: func(_ string, _, to gobreaker.State) {
			if to == gobreaker.StateOpen {
				b.until.Store(time.Now().Add(breakerOpen).UnixNano())
				gauge.Set(1)
				logger.Warn("[TaskSync] The upstream is down; its calls pause", "provider", provider, "pause", breakerOpen.String())
			} else if to == gobreaker.StateClosed {
				gauge.Set(0)
				logger.Info("[TaskSync] The upstream answers again", "provider", provider)
			}
		},
	})
	return b
}

// allow asks whether a call may go out. done must be told how it ended.
func (b *breaker) allow(now time.Time) (done func(error), err error) {
	done, err = b.steps.Allow()
	if err != nil {
		return nil, b.refusal(now)
	}
	return done, nil
}

// refusal is the failure of a call that does not go out. Waits are spread, so
// that not every row comes at the same moment.
func (b *breaker) refusal(now time.Time) *task.Failure {
	wait := max(time.Unix(0, b.until.Load()).Sub(now), time.Second)
	f := transient(ReasonBreakerOpen, "the upstream did not answer the last calls")
	f.Unsent = true
	f.RetryAfter = wait + rand.N(wait/4+1) //nolint:gosec // jitter
	return f
}

// open reports whether calls pause.
func (b *breaker) open() bool { return b.steps.State() == gobreaker.StateOpen }

// passing reports whether err says that the upstream is down or broken.
func passing(err error) bool {
	f, ok := errors.AsType[*task.Failure](err)
	if !ok || f.Verdict != task.Transient {
		return false
	}
	switch f.Reason {
	case ReasonTimeout, ReasonNetwork, ReasonHTTP5xx, ReasonBadBody, ReasonTooLarge:
		return true
	}
	return false
}

// unrelated reports whether err says nothing about the upstream's health: the
// caller went away.
func unrelated(err error) bool {
	_, ok := errors.AsType[*task.Failure](err)
	return err != nil && !ok
}
