package outgoing

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The attempts grow apart, and the last is nearly three days after the first.
func TestSpaces(t *testing.T) {
	t.Parallel()
	var all, last time.Duration
	for _, s := range spaces() {
		require.GreaterOrEqual(t, s, last)
		all, last = all+s, s
	}
	require.Less(t, all, 72*time.Hour)
	require.Greater(t, all, 71*time.Hour)
	for attempts, want := range spaces() {
		got, more := spaceAfter(attempts + 1)
		require.True(t, more)
		require.InDelta(t, want, got, float64(want/10)+1)
	}
	_, more := spaceAfter(len(spaces()) + 1)
	require.False(t, more)
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 29, 9, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-7": 0, "soon": 0, "99999999999": maxRetryAfter, "9223372036854775807": maxRetryAfter, "1e3": 0,
		now.Add(time.Minute).Format(http.TimeFormat): time.Minute, now.Add(-time.Minute).Format(http.TimeFormat): 0, now.AddDate(1, 0, 0).Format(http.TimeFormat): maxRetryAfter,
	} {
		require.Equal(t, want, retryAfter(value, now), value)
	}
}
