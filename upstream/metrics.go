package upstream

import (
	"errors"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tasksync/task"
)

// Labels of calls that ended without a code, beside the reasons timeout, network,
// bad_body and too_large.
const (
	labelCanceled = "canceled"
	labelOther    = "other"
)

// metrics are the metrics of one provider.
type metrics struct {
	requests *prometheus.CounterVec
	duration prometheus.Observer
	rateWait prometheus.Observer
	paused   prometheus.Gauge
	breaker  prometheus.Gauge
	unknown  prometheus.Counter
}

// newMetrics registers the metrics of a provider with reg, or takes those that another
// client has registered there.
func newMetrics(reg prometheus.Registerer, provider string) (*metrics, error) {
	buckets := []float64{.005, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 15, 30}
	label := []string{"provider"}
	requests, err0 := register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tasksync_upstream_requests_total",
		Help: "Calls sent to the provider, by the code of the response or what came instead of one.",
	}, []string{"provider", "code"}))
	duration, err1 := register(reg, prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "tasksync_upstream_request_duration_seconds",
		Help:    "Time from sending a call to the provider to the end of the response.",
		Buckets: buckets,
	}, label))
	rateWait, err2 := register(reg, prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "tasksync_upstream_rate_wait_seconds",
		Help:    "Time that calls waited for the rate limit and for calls under way.",
		Buckets: buckets,
	}, label))
	paused, err3 := register(reg, prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "tasksync_upstream_credential_paused",
		Help: "1 while the provider refuses the credential (key, credits, subscription), else 0.",
	}, label))
	breaker, err4 := register(reg, prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "tasksync_upstream_breaker_open",
		Help: "1 while calls pause because the provider did not answer the last ones, else 0.",
	}, label))
	unknown, err5 := register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tasksync_upstream_unknown_status_total",
		Help: "Answers with a status that tasksync does not know and takes for processing.",
	}, label))
	return &metrics{
		requests: requests.MustCurryWith(prometheus.Labels{"provider": provider}),
		duration: duration.WithLabelValues(provider),
		rateWait: rateWait.WithLabelValues(provider),
		paused:   paused.WithLabelValues(provider),
		breaker:  breaker.WithLabelValues(provider),
		unknown:  unknown.WithLabelValues(provider),
	}, errors.Join(err0, err1, err2, err3, err4, err5)
}

// register registers c with reg, or returns the equal collector that is registered
// already: the clients of several credentials share one registry.
func register[C prometheus.Collector](reg prometheus.Registerer, c C) (C, error) {
	err := reg.Register(c)
	if already, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		if there, ok := already.ExistingCollector.(C); ok {
			return there, nil
		}
	}
	return c, err
}

func (m *metrics) observe(code string, took time.Duration) {
	m.requests.WithLabelValues(code).Inc()
	m.duration.Observe(took.Seconds())
}

// codeLabel is the label of the provider's code, or of the HTTP status where there
// is no code. The set of labels is closed, whatever a provider may send.
func codeLabel(code, status int) string {
	if code == 0 {
		code = status
	}
	switch code {
	case 200, 400, 401, 402, 403, 404, 405, 408, 409, 413, 422, 429, 430, 433, 451, 455,
		500, 501, 502, 503, 504, 505, 531:
		return strconv.Itoa(code)
	}
	if class := code / 100; class >= 2 && class <= 5 {
		return strconv.Itoa(class) + "xx"
	}
	return labelOther
}

// failureLabel is the label of an answer that no reader read.
func failureLabel(status int, f *task.Failure) string {
	switch f.Reason {
	case ReasonBadBody, ReasonTooLarge:
		return f.Reason
	}
	return codeLabel(0, status)
}
