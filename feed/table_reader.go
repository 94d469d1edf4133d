package feed

import (
	"context"
	"fmt"
	"time"

	"tasksync/internal/wait"
	"tasksync/queries"
)

const (
	// narrowOverlap is how far most scans go back behind the newest row that was
	// seen: the created_at of a row is when its transaction began, and the row becomes
	// visible when the transaction commits.
	narrowOverlap = 20 * time.Millisecond
	// wideEvery is the least time between two wide scans, which go back wideOverlap.
	wideEvery = time.Second
	// scanTimeout bounds one scan.
	scanTimeout = 10 * time.Second
	// pageSize is how many rows one query takes.
	pageSize = 5000
	// minPause is the least time between two scans. The time is longer after a scan
	// that took long.
	minPause = 5 * time.Millisecond
)

// A tableReader finds new rows by scanning the table in the order of created_at.
type tableReader struct {
	base
	overlap  time.Duration // how far a scan that is not wide goes back
	after    time.Time     // the newest created_at that was seen, by the database's clock
	nextWide time.Time     // when a wide scan is due, by this machine's clock
}

// newTableReader begins in the present; its first scan is a wide one.
func newTableReader(ctx context.Context, b base, overlap time.Duration) (*tableReader, error) {
	ctx, cancel := context.WithTimeout(ctx, scanTimeout)
	defer cancel()
	now, err := b.queries.ClockNow(ctx, b.cfg.Pool)
	if err != nil {
		return nil, fmt.Errorf("read the database's clock: %w", err)
	}
	return &tableReader{base: b, overlap: overlap, after: now}, nil
}

// scanUntil scans again and again until done returns true. done gets the number of
// new rows that the last scan found.
func (r *tableReader) scanUntil(ctx context.Context, done func(ctx context.Context, found int) (bool, error)) error {
	for {
		began := time.Now()
		found, err := r.scan(ctx)
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

// pauseAfter returns four times what a scan took, so that scans take a fifth of one
// connection's time at most, even where no index helps them.
func pauseAfter(began time.Time) time.Duration { return max(4*time.Since(began), minPause) }

// scan hands on the rows that are new. Wide scans take a fortieth of the time at
// most, however many rows they see.
func (r *tableReader) scan(ctx context.Context) (found int, err error) {
	if r.collector.full() {
		return 0, nil // the rows can wait in the table
	}
	ctx, cancel := context.WithTimeout(ctx, scanTimeout)
	defer cancel()
	began := time.Now()
	wide := !began.Before(r.nextWide)
	from := r.after.Add(-r.overlap)
	if wide {
		from = r.after.Add(-wideOverlap)
	}
	if found, err = r.scanPages(ctx, from); err != nil {
		return found, fmt.Errorf("look for new rows: %w", err)
	}
	if wide {
		r.nextWide = time.Now().Add(max(wideEvery, 40*time.Since(began)))
	}
	r.metrics.read.Add(float64(found))
	return found, nil
}

// widen makes the next scan a wide one.
func (r *tableReader) widen() { r.nextWide = time.Time{} }

// firstID sorts before every other id.
const firstID = "00000000-0000-0000-0000-000000000000"

// scanPages scans the rows after from, page by page, until the queue is full.
func (r *tableReader) scanPages(ctx context.Context, from time.Time) (found int, err error) {
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
