package upstream

import (
	"log/slog"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	maxUnknown    = 32 // unknown words that are remembered, and so logged
	maxStatusWord = 64 // bytes of a status word that are kept
)

// unknownWords counts statuses that no table knows, and logs each word once.
type unknownWords struct {
	provider string
	logger   *slog.Logger
	total    prometheus.Counter

	mu     sync.Mutex
	logged map[string]bool
}

func newUnknownWords(provider string, logger *slog.Logger, total prometheus.Counter) *unknownWords {
	return &unknownWords{provider: provider, logger: logger, total: total, logged: map[string]bool{}}
}

func (u *unknownWords) note(word string) {
	u.total.Inc()
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.logged[word] || len(u.logged) >= maxUnknown {
		return
	}
	u.logged[word] = true
	u.logger.Warn("[TaskSync] Unknown upstream status taken for processing", "provider", u.provider, "status", word)
}

// UnknownStatus notes a status that no table of the adapter knows and that it
// takes for processing: it is counted, and each of the first words is logged
// once. word may be as the provider sent it.
func (c *Client) UnknownStatus(word string) { c.unknown.note(c.StatusWord(word)) }

// StatusWord makes a provider's word for a status fit for the event log: without
// secrets, and no longer than 64 bytes. What is cut out is cut out first, since a
// part of a key would not be known for one.
func (c *Client) StatusWord(word string) string {
	word = c.Redact(word)
	return strings.ToValidUTF8(word[:min(len(word), maxStatusWord)], "")
}
