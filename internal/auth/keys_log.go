package auth

import (
	"log/slog"
	"time"

	"tasksync/internal/recent"
)

const logEvery = time.Minute

// fetchLog logs how the fetches go: one failure a minute, the first success, and the
// first success after a failure.
type fetchLog struct {
	logger   *slog.Logger
	now      func() time.Time
	failures recent.Seldom // its Again is logEvery
	healthy  bool          // the last fetch succeeded
}

func newFetchLog(cfg Config) *fetchLog {
	return &fetchLog{logger: cfg.Logger, now: cfg.Now, failures: recent.Seldom{Again: logEvery}}
}

func (l *fetchLog) failed(err error, known bool) {
	l.healthy = false
	if !l.failures.First("", l.now()) {
		return
	}
	l.logger.Error("[TaskSync] The JWKS could not be fetched", "error", err, "keys_known", known,
		"hint", "check TASKSYNC_JWKS_URL; the keys known so far stay in use")
}

func (l *fetchLog) loaded(set *keySet) {
	if len(set.keys) == 0 && l.failures.First("", l.now()) {
		l.logger.Warn("[TaskSync] The JWKS has no key that can verify a token", "ignored", set.ignored,
			"hint", "ES256, RS256 (2048 bits and more) and EdDSA (Ed25519) keys count")
	}
	if !l.healthy {
		l.logger.Info("[TaskSync] The JWKS is fetched", "keys", len(set.keys), "ignored", set.ignored)
	}
	l.healthy = true
}
