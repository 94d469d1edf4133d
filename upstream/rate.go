package upstream

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Bounds of a Rate.
const (
	maxRateRequests = 1_000_000
	minRateWindow   = time.Millisecond
	maxRateWindow   = 24 * time.Hour
)

// Rate permits Requests in any span of Window. The zero value is no limit.
type Rate struct {
	Requests int
	Window   time.Duration
}

// shortWindow is the longest window of [Rate.Short].
const shortWindow = 10 * time.Second

// Short returns a rate over ten seconds at most, or over the time of one request,
// that keeps to r and permits nine tenths of it at least. What was sent counts for a
// window: with a long one a daemon that begins, or whose share grows, would wait for it.
func (r Rate) Short() Rate {
	if r.Requests <= 0 || r.Window <= shortWindow {
		return r
	}
	for parts := int((r.Window + shortWindow - 1) / shortWindow); parts < r.Requests; parts++ {
		if n := r.Requests / parts; 10*n*parts >= 9*r.Requests {
			return Rate{n, (r.Window + time.Duration(parts) - 1) / time.Duration(parts)}
		}
	}
	return Rate{1, (r.Window + time.Duration(r.Requests) - 1) / time.Duration(r.Requests)}
}

// errRate says what a rate may be.
var errRate = errors.New("is not a rate limit: give requests and a time, like 20/10s, 10/s or 600/m, or requests per second, like 10 or 0.5; " +
	"1 to 1000000 requests, 1ms to 24h; 0 is no limit")

// ParseRate reads a rate: requests and a time, like 20/10s, 10/s, 600/m or 3600/h, or
// a number of requests per second. A number n permits n requests in any one second;
// one that is not whole is rounded up, over a time that is longer by as much: 0.5 is
// 1 in 2 s, and 2.5 is 3 in 1.2 s. 0 is no limit. The error quotes the text.
func ParseRate(text string) (Rate, error) {
	r, ok := parseRate(text)
	if !ok || r.Validate() != nil {
		return Rate{}, fmt.Errorf("%q %w", text, errRate)
	}
	return r, nil
}

func parseRate(text string) (r Rate, ok bool) {
	number, window, windowed := strings.Cut(text, "/")
	if !windowed {
		return perSecond(strings.TrimSpace(text))
	}
	requests, err := strconv.ParseUint(strings.TrimSpace(number), 10, 31)
	if err != nil || requests == 0 {
		return Rate{}, false
	}
	window = strings.TrimSpace(window)
	if window != "" && (window[0] < '0' || window[0] > '9') {
		window = "1" + window
	}
	span, err := time.ParseDuration(window)
	return Rate{int(requests), span}, err == nil && span > 0
}

func perSecond(text string) (Rate, bool) {
	n, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil || math.IsNaN(n) || n < 0 || n > maxRateRequests:
		return Rate{}, false
	case n == 0:
		return Rate{}, true
	}
	requests := math.Ceil(n)
	ms := math.Ceil(requests/n*1000 - 1e-6) // a whole number of them, and none too short
	return Rate{int(requests), time.Duration(min(ms, math.MaxInt32)) * time.Millisecond}, true
}

// Validate returns an error for a rate that is out of bounds.
func (r Rate) Validate() error {
	if r == (Rate{}) {
		return nil
	}
	if r.Requests < 1 || r.Requests > maxRateRequests || r.Window < minRateWindow || r.Window > maxRateWindow {
		return fmt.Errorf("%d/%s %w", r.Requests, r.Window, errRate)
	}
	return nil
}

// String returns what [ParseRate] reads, like 20/10s, 10/s or 0.
func (r Rate) String() string {
	switch r.Window {
	case 0:
		return "0"
	case time.Second:
		return fmt.Sprintf("%d/s", r.Requests)
	}
	window := r.Window.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(window, zero) {
			window = window[:len(window)-2]
		}
	}
	return fmt.Sprintf("%d/%s", r.Requests, window)
}
