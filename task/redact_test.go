package task

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Redact looks for a part of a secret before it looks for the secret: that must not
// overlook one.
func TestRedactOverlooksNothing(t *testing.T) {
	t.Parallel()
	always := func(text string) string {
		text = urlPattern.ReplaceAllStringFunc(clean(text, maxLyrics), redactURL)
		text = secretPattern.ReplaceAllString(text, "${1}[redacted]")
		text = botToken.ReplaceAllString(text, "[redacted]")
		return clean(skToken.ReplaceAllString(text, "[redacted]"), maxMessage)
	}
	parts := []string{
		"Bearer", "bearer", " ", "\t", "\n", "\f", "\r", "=", ":", "api_key", "token", "secret", "abcdef123456", "sk", "pk", "rk", "-", "_", "ABCDEFGHIJKL",
		"123456789", "https", "://", "h.example/", "?q=1", "user", "@", "'", "\"", "a", "SUCCESS", "\u2003", "k",
	}
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range 100_000 {
		var b strings.Builder
		for range 1 + rnd.IntN(7) {
			b.WriteString(parts[rnd.IntN(len(parts))])
		}
		require.Equal(t, always(b.String()), Redact(b.String()), "%q of seed %d", b.String(), seed)
	}
}
