package wal

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	retained prometheus.Gauge
	lag      prometheus.Gauge
	active   prometheus.Gauge
	dropped  prometheus.Counter
	rows     prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		retained: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "tasksync_wal_slot_retained_bytes", Help: "WAL that the server keeps for the replication slot; 0 without a slot.",
		}),
		lag: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "tasksync_wal_lag_bytes", Help: "WAL written since the last position that the reader confirmed; 0 without a slot.",
		}),
		active: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "tasksync_wal_slot_active", Help: "1 while a daemon reads from the replication slot.",
		}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tasksync_wal_slots_dropped_total", Help: "Replication slots that this daemon dropped: they held too much WAL, could not be read, or had no reader.",
		}),
		rows: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tasksync_wal_rows_total", Help: "Rows that were read from the WAL and handed on.",
		}),
	}
	for _, c := range []prometheus.Collector{m.retained, m.lag, m.active, m.dropped, m.rows} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) set(s Status) {
	m.retained.Set(float64(s.RetainedBytes))
	m.lag.Set(float64(s.LagBytes))
	m.active.Set(0)
	if s.ActivePID != 0 {
		m.active.Set(1)
	}
}
