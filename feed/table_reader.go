package feed

import (
	"context"
	"fmt"
	"time"

	"tasksync/internal/wait"
	"tasksync/queries"
)

const (
	// narrowOverlap is how far a look goes back behind the newest row that was
	// seen: rows become visible when they are committed, and created_at is when
	// their transaction began.
	narrowOverlap = 20 * time.Millisecond
	// wideOverlap is how far a look goes back every wideEvery, and at first: as far
	// as the sweep leaves rows to the feed.
	wideOverlap = 5 * time.Second
	wideEvery   = time.Second
	// lookTimeout bounds one look.
	lookTimeout = 10 * time.Second
	// pageSize is how many rows one query takes.
	pageSize = 5000
	// minPause is the time between two looks when reading; it is longer after a
	// look that took long.
	minPause = 5 * time.Millisecond
)

// A reader finds new rows by looking at the table, in the order of created_at.
type reader struct {
	*Feed
	overlap  time.Duration
	after    time.Time // the newest created_at that was seen
	nextWide time.Time // on our clock
}

// newReader begins in the present; its first look is a wide one.
func (f *Feed) newReader(ctx context.Context, overlap time.Duration) (*reader, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	now, err := f.queries.ClockNow(ctx, f.cfg.Pool)
	if err != nil {
		return nil, fmt.Errorf("read the database's clock: %w", err)
	}
	return &reader{Feed: f, overlap: overlap, after: now}, nil
}

// run looks again and again, until done says so after a look. It is told how many
// rows the look found.
func (r *reader) run(ctx context.Context, done func(ctx context.Context, found int) (bool, error)) error {
	for {
		began := time.Now()
		found, err := r.look(ctx)
		if err != nil {
			return err
		}
		pause := pauseAfter(began)
		if over, err := done(ctx, found); err != nil || over {
			return err
		}
		if err := wait.For(ctx, pause); err != nil {
			return err
		}
	}
}

// paced looks once, and says how long to pause then.
func (r *reader) paced(ctx context.Context) (pause time.Duration, err error) {
	began := time.Now()
	_, err = r.look(ctx)
	return pauseAfter(began), err
}

// pauseAfter is four times what a look took, so that looks take a fifth of one
// connection's time at most, even where no index helps them.
func pauseAfter(began time.Time) time.Duration { return max(4*time.Since(began), minPause) }

// look hands on the rows that are new. Wide looks take a twentieth of the time at
// most, however many rows they see.
func (r *reader) look(ctx context.Context) (found int, err error) {
	if r.collector.full() {
		return 0, nil // rows can wait where they are
	}
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	began := time.Now()
	wide := !began.Before(r.nextWide)
	from := r.after.Add(-r.overlap)
	if wide {
		from = r.after.Add(-wideOverlap)
	}
	if found, err = r.pages(ctx, from); err != nil {
		return found, fmt.Errorf("look for new rows: %w", err)
	}
	if wide {
		r.nextWide = time.Now().Add(max(wideEvery, 40*time.Since(began)))
	}
	r.metrics.read.Add(float64(found))
	return found, nil
}

// widen makes the next look a wide one.
func (r *reader) widen() { r.nextWide = time.Time{} }

// firstID sorts before every other.
const firstID = "00000000-0000-0000-0000-000000000000"

func (r *reader) pages(ctx context.Context, from time.Time) (found int, err error) {
	at, id := from, firstID
	for {
		rows, err := r.queries.GenerationListNew(ctx, r.cfg.Pool, queries.GenerationListNewParams{AfterTime: at, AfterID: id, MaxRows: pageSize})
		if err != nil || len(rows) == 0 {
			return found, err
		}
		ids := make([]string, len(rows))
		for i, row := range rows {
			ids[i] = row.ID
		}
		found += r.collector.found(ids)
		last := rows[len(rows)-1]
		at, id = last.CreatedAt, last.ID
		if at.After(r.after) {
			r.after = at
		}
		if len(rows) < pageSize || r.collector.full() {
			return found, nil
		}
	}
}
