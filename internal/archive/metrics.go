package archive

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"tasksync/queries"
)

// Results of files, beside their last states.
const resultRetried = "retried"

type metrics struct {
	files *prometheus.CounterVec
	bytes prometheus.Counter
	left  prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		files: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tasksync_archive_files_total",
			Help: "Attempts at files by kind and result: archived, retried, superseded (the application wrote another URL meanwhile), removed (the clip is gone), lost.",
		}, []string{"kind", "result"}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{Name: "tasksync_archive_bytes_total", Help: "Bytes that were stored."}),
		left: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tasksync_archive_unplanned_rows_total", Help: "Rows that ended, but whose files could not be planned; `tasksync archive --backfill` finds them.",
		}),
	}
	for _, kind := range Kinds() {
		for _, result := range []string{stateArchived, resultRetried, stateSuperseded, stateRemoved, stateLost} {
			m.files.WithLabelValues(kind, result)
		}
	}
	if reg != nil {
		reg.MustRegister(m.files, m.bytes, m.left)
	}
	return m
}

// collector counts files when it is scraped.
type collector struct {
	pool                        *pgxpool.Pool
	pending, oldest, endangered *prometheus.Desc
}

// Collector returns the gauges of what the table holds.
func (a *Archiver) Collector() prometheus.Collector {
	return &collector{
		a.cfg.Pool,
		prometheus.NewDesc("tasksync_archive_pending", "Files that are not copied yet.", nil, nil),
		prometheus.NewDesc("tasksync_archive_oldest_pending_age_seconds", "For how long the oldest of these files has been waiting.", nil, nil),
		prometheus.NewDesc("tasksync_archive_endangered", "Files that are not copied although the provider deletes them soon: less than a quarter of its retention is left.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.pending
	ch <- c.oldest
	ch <- c.endangered
}

// Collect implements prometheus.Collector. Without a database it sends nothing.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	s, err := queries.New().ArchiveStats(ctx, c.pool)
	if err != nil {
		return
	}
	ch <- prometheus.MustNewConstMetric(c.pending, prometheus.GaugeValue, float64(s.Pending))
	ch <- prometheus.MustNewConstMetric(c.oldest, prometheus.GaugeValue, s.OldestSeconds)
	ch <- prometheus.MustNewConstMetric(c.endangered, prometheus.GaugeValue, float64(s.Endangered))
}

// report counts and logs what has come of the files of a run.
func (r *run) report(now time.Time) {
	for _, f := range r.files {
		result := f.state
		if result == statePending {
			result = resultRetried
		}
		r.metrics.files.WithLabelValues(f.Kind, result).Inc()
		attrs := []any{"generation_id", r.id, "clip_id", f.ClipID, "kind", f.Kind}
		switch {
		case f.state == stateArchived:
			r.cfg.Logger.Debug("[TaskSync] File archived", append(attrs, "bytes", f.Bytes)...)
		case f.state == stateLost && r.told.First("lost "+f.err.word, now):
			r.cfg.Logger.Error("[TaskSync] A file is lost: the provider has deleted it, or will not hand it out", append(attrs, "error", f.err.Error())...)
		case f.state == statePending && !now.Before(f.result.alarm) && r.told.First("endangered "+f.err.word, now):
			r.cfg.Logger.Error("[TaskSync] A file is not archived, and the provider deletes it soon; tasksync doctor says what is in the way", append(attrs, "error", f.err.Error())...)
		case f.state == statePending && r.told.First("retried "+f.err.word, now):
			r.cfg.Logger.Warn("[TaskSync] A file is not archived yet; it is tried again", append(attrs, "error", f.err.Error(), "attempt", f.Attempts)...)
		}
	}
}
