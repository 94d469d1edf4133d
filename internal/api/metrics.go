package api

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	webhooks *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	auto := promauto.With(reg) // nil: they are registered nowhere
	return &metrics{
		requests: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "tasksync_http_requests_total", Help: "Requests to the HTTP API by route and status code.",
		}, []string{"route", "code"}),
		duration: auto.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tasksync_http_request_duration_seconds", Help: "Time to serve a request to the HTTP API; for a stream, how long it was open.",
			Buckets: []float64{.005, .025, .1, .5, 1, 2.5, 5, 10, 60, 600},
		}, []string{"route"}),
		webhooks: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "tasksync_webhooks_total", Help: "Webhooks by provider and result: accepted, forged, malformed, without a task, of words only, with more than 100 tasks, or more than can be kept.",
		}, []string{"provider", "result"}),
	}
}
