package upstream

import (
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tasksync/internal/recent"
)

// maxStatusWord is how many bytes of a status word are kept.
const maxStatusWord = 64

// unknownWords counts statuses that no table knows, and logs each of the first
// hundred words once.
type unknownWords struct {
	provider string
	logger   *slog.Logger
	total    prometheus.Counter
	logged   recent.Seldom
}

func newUnknownWords(provider string, logger *slog.Logger, total prometheus.Counter) *unknownWords {
	return &unknownWords{provider: provider, logger: logger, total: total}
}

func (u *unknownWords) note(word string) {
	u.total.Inc()
	if u.logged.First(word, time.Now()) {
		u.logger.Warn("[TaskSync] Unknown status of the provider, taken for processing", "provider", u.provider, "status", word)
	}
}

// UnknownStatus notes a status that no table of the adapter knows, and that the
// adapter takes for processing: it is counted, and each of the first words is logged
// once. word may be as the provider sent it.
func (c *Client) UnknownStatus(word string) { c.unknown.note(c.StatusWord(word)) }

// StatusWord makes a provider's word for a status fit for the event log: without
// secrets, and at most 64 bytes long. Secrets are cut out first, since the part of
// a key that a cut leaves would not be recognised.
func (c *Client) StatusWord(word string) string {
	word = c.Redact(word)
	return strings.ToValidUTF8(word[:min(len(word), maxStatusWord)], "")
}
