package outgoing

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"tasksync/internal/recent"
	"tasksync/internal/view"
	"tasksync/queries"
)

// Config is what a Notifier needs.
type Config struct {
	Pool      *pgxpool.Pool // required
	Receivers []Receiver    // required
	Secrets   []Secret      // required: each of them signs every message
	Schema    string        // required: where River's tables are
	Version   string        // of tasksync, for the header User-Agent
	// Show says how rows are shown, as in the HTTP API.
	Show       view.Options
	Logger     *slog.Logger          // default: discard
	Registerer prometheus.Registerer // nil: the metrics are not registered
	Now        func() time.Time      // the database's clock; default time.Now
}

// Notifier writes notifications and sends them. It is safe for concurrent use.
type Notifier struct {
	cfg       Config
	queries   *queries.Queries
	client    *http.Client
	jobs      *river.Client[pgx.Tx] // only inserts
	receivers map[string]*state     // by their names
	names     []string              // of the receivers
	told      recent.Seldom
	metrics   *metrics
}

// New makes a Notifier. Who only writes notifications needs nothing else.
func New(cfg Config) (*Notifier, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	jobs, err := river.NewClient(riverpgxv5.New(cfg.Pool), &river.Config{Schema: cfg.Schema, FetchCooldown: announceEvery, Logger: cfg.Logger})
	if err != nil {
		return nil, err
	}
	n := &Notifier{
		cfg: cfg, queries: queries.New(), client: newClient(cfg.Receivers), jobs: jobs,
		receivers: make(map[string]*state, len(cfg.Receivers)), told: recent.Seldom{Again: time.Minute}, metrics: newMetrics(cfg.Registerer),
	}
	for _, r := range cfg.Receivers {
		n.receivers[r.Name] = &state{Receiver: r}
		n.names = append(n.names, r.Name)
	}
	if cfg.Registerer != nil {
		cfg.Registerer.MustRegister(newCollector(n))
	}
	return n, nil
}

// Close closes idle connections to the receivers.
func (n *Notifier) Close() { n.client.CloseIdleConnections() }
