package upstream

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestParseRate(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Rate{
		"20/10s": {20, 10 * time.Second}, "10/s": {10, time.Second}, "600/m": {600, time.Minute}, "600/1m": {600, time.Minute},
		"3600/h": {3600, time.Hour}, "1/24h": {1, 24 * time.Hour},
		"5/500ms": {5, 500 * time.Millisecond}, "3/1.5s": {3, 1500 * time.Millisecond}, "1/1h30m": {1, 90 * time.Minute}, "1/ms": {1, time.Millisecond},
		"10": {10, time.Second}, "0": {}, "0.0": {}, "-0": {}, "1": {1, time.Second}, "1e3": {1000, time.Second}, "1000000": {1000000, time.Second},
		"0.5": {1, 2 * time.Second}, "0.1": {1, 10 * time.Second}, "0.3": {1, 3334 * time.Millisecond}, "2.5": {3, 1200 * time.Millisecond},
		"0.0001": {1, 10000 * time.Second},
	} {
		got, err := ParseRate(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{" 20 / 10s ", "20 /10s", "\t20/10s\n"} {
		got, err := ParseRate(text)
		require.NoError(t, err, text)
		require.Equal(t, Rate{20, 10 * time.Second}, got, text)
	}
	for _, text := range []string{
		"", " ", "many", "-1", "NaN", "Inf", "1e7", "1000001", "0.000001", "/", "10/", "/s", "/10s", "0/s", "-1/s", "+1/s", "1.5/s", "10/10", "10/x", "10/d",
		"10/0s", "10/-1s", "10/s/s", "10 per s", "1/25h", "1/us", "1000001/s", "99999999999999999999/s", "10/9999999999999h",
	} {
		_, err := ParseRate(text)
		require.ErrorContains(t, err, "is not a rate limit: give requests and a time, like 20/10s, 10/s or 600/m", text)
	}
}

func TestRateValidate(t *testing.T) {
	t.Parallel()
	require.NoError(t, Rate{}.Validate())
	require.NoError(t, Rate{20, 10 * time.Second}.Validate())
	for want, r := range map[string]Rate{
		"-1/1s is not": {-1, time.Second}, "0/1s is not": {0, time.Second}, "1/0s is not": {1, 0}, "1/-1s is not": {1, -time.Second},
		"1/1µs is not": {1, time.Microsecond}, "1/24h0m1s is not": {1, 24*time.Hour + time.Second}, "1000001/1s is not": {1000001, time.Second},
	} {
		require.ErrorContains(t, r.Validate(), want)
	}
}

func TestRateString(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]Rate{
		"0": {}, "20/10s": {20, 10 * time.Second}, "10/s": {10, time.Second}, "600/1m": {600, time.Minute}, "1/24h": {1, 24 * time.Hour},
		"1/1h30m": {1, 90 * time.Minute}, "1/1h0m1s": {1, time.Hour + time.Second}, "3/1.2s": {3, 1200 * time.Millisecond}, "1/10m": {1, 10 * time.Minute},
	} {
		require.Equal(t, want, r.String())
	}
}

// FuzzParseRate: what is read is permitted, and its text is read as the same.
func FuzzParseRate(f *testing.F) {
	for _, text := range []string{"20/10s", "10/s", "600/m", "10", "0.5", "0", " 5 / 1m30s ", "1e-3", "2.5", "1/24h", "many"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRate(text)
		if err != nil {
			require.Zero(t, r)
			return
		}
		require.NoError(t, r.Validate())
		again, err := ParseRate(r.String())
		require.NoError(t, err, r.String())
		require.Equal(t, r, again)
	})
}

func TestShortRates(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ from, to Rate }{
		{Rate{}, Rate{}},
		{Rate{20, 10 * time.Second}, Rate{20, 10 * time.Second}},
		{Rate{10, time.Second}, Rate{10, time.Second}},
		{Rate{600, time.Minute}, Rate{100, 10 * time.Second}},
		{Rate{3600, time.Hour}, Rate{10, 10 * time.Second}},
		{Rate{1, time.Minute}, Rate{1, time.Minute}},
	} {
		require.Equal(t, tc.to, tc.from.Short())
	}
}

// A short rate keeps to the long one in any span of its window, and wastes no more
// than a tenth.
func TestShortRatesKeepToTheLongOnes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := Rate{rapid.IntRange(1, 10_000).Draw(t, "requests"), time.Duration(rapid.Int64Range(1, int64(24*time.Hour)).Draw(t, "window"))}
		short := r.Short()
		spans := (r.Window + short.Window - 1) / short.Window // a span of r touches as many of short's, at most
		require.LessOrEqual(t, int(spans)*short.Requests, r.Requests)
		require.GreaterOrEqual(t, 10.1*float64(short.Requests)*float64(r.Window), 9*float64(r.Requests)*float64(short.Window))
	})
}
