package record

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tasksync/internal/recent"
	"tasksync/internal/wait"
	"tasksync/queries"
	"tasksync/task"
)

const (
	// perSecond is how many looks, and as many rows that were heard of, are kept of a
	// second at most: one statement for them takes some 20 ms.
	perSecond = 500
	// writeEvery spaces the statements.
	writeEvery   = time.Second
	writeTimeout = 5 * time.Second
	// forgetEvery spaces the searches for what is past its time, each of which reads the
	// table; forgetMax bounds what one statement deletes.
	forgetEvery = 10 * time.Minute
	forgetMax   = 5000
)

// Config is what a Writer needs.
type Config struct {
	DB         queries.DBTX
	Keep       time.Duration         // how long looks and answers are kept; required
	Logger     *slog.Logger          // default: none
	Registerer prometheus.Registerer // nil: the metric is not registered
}

// Writer keeps looks. It is safe for concurrent use; a nil one keeps nothing.
type Writer struct {
	cfg     Config
	queries *queries.Queries
	dropped prometheus.Counter
	told    recent.Seldom

	mu    sync.Mutex
	made  []Made
	heard []heard
}

type heard struct {
	id, by string
	at     time.Time
}

// New returns a Writer. It writes while Run runs.
func New(cfg Config) *Writer {
	cfg.Logger = cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler))
	w := &Writer{cfg: cfg, queries: queries.New(), told: recent.Seldom{Again: 10 * time.Minute}}
	w.dropped = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "tasksync_looks_unrecorded_total", Help: "Looks that `tasksync explain` will not show, because there were more in a second than are kept.",
	})
	if cfg.Registerer != nil {
		cfg.Registerer.MustRegister(w.dropped)
	}
	return w
}

// Wants reports whether there is room for looks: if not, nothing need be prepared.
func (w *Writer) Wants() bool {
	if w == nil {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.made) < perSecond
}

// Looked keeps looks, as far as there is room for them.
func (w *Writer) Looked(made []Made) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	n := min(len(made), perSecond-len(w.made))
	w.made = append(w.made, made[:n]...)
	w.dropped.Add(float64(len(made) - n))
}

// Heard keeps that the daemon has heard of rows, by a feed or the sweep.
func (w *Writer) Heard(ids []string, by string, at time.Time) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range ids[:min(len(ids), perSecond-len(w.heard))] {
		w.heard = append(w.heard, heard{id, by, at})
	}
}

// Run writes until ctx ends, and then what is left.
func (w *Writer) Run(ctx context.Context) error {
	forgot := time.Now().Add(-rand.N(forgetEvery)) // daemons that start together take turns
	for {
		err := wait.For(ctx, writeEvery)
		w.write(context.WithoutCancel(ctx))
		if err != nil {
			return nil
		}
		if time.Since(forgot) >= forgetEvery {
			forgot = time.Now()
			w.forget(ctx)
		}
	}
}

// write writes what is in the buffer. What cannot be written is lost: it must not pile
// up while the database is away.
func (w *Writer) write(ctx context.Context) {
	w.mu.Lock()
	made, news := w.made, w.heard
	w.made, w.heard = nil, nil
	w.mu.Unlock()
	if len(made)+len(news) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	if err := w.queries.LooksUpsertMany(ctx, w.cfg.DB, params(made, news)); err != nil && w.told.First("write", time.Now()) {
		w.cfg.Logger.Warn("[TaskSync] The looks of the last second could not be kept; `tasksync explain` will lack them", "error", err)
	}
}

func (w *Writer) forget(ctx context.Context) {
	for range 20 {
		n, err := w.queries.LooksDeleteOlderThan(ctx, w.cfg.DB, queries.LooksDeleteOlderThanParams{KeepSeconds: w.cfg.Keep.Seconds(), MaxRows: forgetMax})
		if err != nil || n < forgetMax {
			return
		}
	}
}

// row is what is written about one generation.
type row struct {
	heard  heard
	looks  []Look
	answer []byte
	last   *Made // with the answer
}

// params gathers what is written by generation: a statement can change a row once only.
func params(made []Made, news []heard) queries.LooksUpsertManyParams {
	rows := map[string]*row{}
	at := func(id string) *row {
		if rows[id] == nil {
			rows[id] = &row{}
		}
		return rows[id]
	}
	for _, h := range news {
		if r := at(h.id); r.heard.by == "" {
			r.heard = h
		}
	}
	for i, m := range made {
		r := at(m.GenerationID)
		m.Message = cut(m.Message, maxMessage)
		r.looks = append(r.looks, m.Look)
		if m.Answer != nil {
			r.last = &made[i]
		}
	}
	var p queries.LooksUpsertManyParams
	bodies := map[*task.Answer]parsed{}
	for id, r := range rows {
		r.pack(bodies)
		r.add(&p, id)
	}
	return p
}

// pack redacts and compresses the last answer. Rows that were asked for together have one
// body, which bodies holds.
func (r *row) pack(bodies map[*task.Answer]parsed) {
	if r.last == nil {
		return
	}
	body, known := bodies[r.last.Answer]
	if !known {
		body = parse(r.last.Answer.Body)
		bodies[r.last.Answer] = body
	}
	if redacted := body.redact(r.last.TaskID, r.last.Alone); redacted != nil {
		r.answer = pack(redacted)
	}
}

func (r *row) add(p *queries.LooksUpsertManyParams, id string) {
	looks, _ := json.Marshal(r.looks) // of strings, numbers and times
	if r.looks == nil {
		looks = []byte("[]")
	}
	p.GenerationIds = append(p.GenerationIds, id)
	p.HeardAts = append(p.HeardAts, r.heard.at)
	p.HeardBys = append(p.HeardBys, r.heard.by)
	p.Looks = append(p.Looks, string(looks))
	p.Answers = append(p.Answers, r.answer)
	var code int32
	var answered time.Time
	if r.answer != nil {
		code, answered = int32(r.last.Answer.Code), r.last.At.Add(r.last.Answer.Took) //nolint:gosec // an HTTP status
	}
	p.AnswerCodes, p.AnsweredAts = append(p.AnswerCodes, code), append(p.AnsweredAts, answered)
}
