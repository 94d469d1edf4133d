package auth

import (
	"log/slog"
	"time"
)

const logEvery = time.Minute

// fetchLog tells how the fetches go: of failures one a minute, of successes the
// first, and the first after a failure.
type fetchLog struct {
	logger *slog.Logger
	now    func() time.Time
	well   bool
	told   time.Time
}

func (l *fetchLog) failed(err error, known bool) {
	l.well = false
	if !l.due() {
		return
	}
	l.logger.Error("[TaskSync] The JWKS could not be fetched", "error", err, "keys_known", known,
		"hint", "check TASKSYNC_JWKS_URL; the keys known so far stay in use")
}

func (l *fetchLog) loaded(set *keySet) {
	if len(set.keys) == 0 && l.due() {
		l.logger.Warn("[TaskSync] The JWKS has no key that can verify a token", "ignored", set.ignored,
			"hint", "ES256, RS256 (2048 bits and more) and EdDSA (Ed25519) keys count")
	}
	if !l.well {
		l.logger.Info("[TaskSync] The JWKS is fetched", "keys", len(set.keys), "ignored", set.ignored)
	}
	l.well = true
}

// due says whether a complaint may be told now, and takes the turn.
func (l *fetchLog) due() bool {
	now := l.now()
	if !l.told.IsZero() && now.Sub(l.told) < logEvery {
		return false
	}
	l.told = now
	return true
}
