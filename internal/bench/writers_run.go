package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tasksync/daemon"
	"tasksync/feed"
	"tasksync/internal/postgres"
	"tasksync/internal/wait"
)

// writerBench measures the cells of the writers' table.
type writerBench struct {
	server  *postgres.Server
	pgbench string
	options options
}

// dropSlots has feed wal begin here, and not with the rows of the other variants
// since its last turn.
const dropSlots = `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active`

func databaseOf(variant int) string { return fmt.Sprintf("writers_%d", variant) }

// prepare makes a variant's database.
func (w *writerBench) prepare(ctx context.Context, i int, v variant) error {
	_, pool, err := database(ctx, w.server, databaseOf(i))
	if err != nil {
		return err
	}
	defer pool.Close()
	_, err = pool.Exec(ctx, v.trigger)
	return err
}

// measure has clients insert, after a second of warming up in which the feed
// notices the load.
func (w *writerBench) measure(ctx context.Context, i int, v variant, clients int, c *cell) error {
	url := w.server.DatabaseURL(databaseOf(i))
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return err
	}
	defer pool.Close()
	for _, sql := range []string{`TRUNCATE music_generations CASCADE`, `TRUNCATE tasksync.river_job`, dropSlots, `CHECKPOINT`} {
		if _, err := pool.Exec(ctx, sql); err != nil {
			return err
		}
	}
	note := &noted{at: map[string]time.Time{}}
	stop, err := w.start(ctx, v, url, note)
	if err != nil {
		return err
	}
	defer stop()
	_, _ = w.insertFor(ctx, url, clients, 1) // warming up
	warm := time.Now()
	perSecond, err := w.insertFor(ctx, url, clients, w.options.seconds)
	if err != nil {
		return err
	}
	c.perSecond = append(c.perSecond, perSecond)
	if v.mode == "" || v.daemon {
		return nil
	}
	if err := wait.For(ctx, 2*time.Second); err != nil { // for the last rows
		return err
	}
	return note.latencies(ctx, pool, warm, c)
}

func (w *writerBench) insertFor(ctx context.Context, url string, clients, seconds int) (perSecond float64, err error) {
	return pgbenchRate(ctx, w.pgbench, insertScript, "--client", fmt.Sprint(clients), "--time", fmt.Sprint(seconds), url)
}

// start starts the variant's feed or daemon, and returns when it is up.
func (w *writerBench) start(ctx context.Context, v variant, url string, note *noted) (stop func(), err error) {
	switch {
	case v.mode == "":
		return func() {}, nil
	case v.daemon:
		return runDaemon(ctx, daemon.Config{DatabaseURL: url, Providers: instantly(), Feed: v.mode})
	}
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return nil, err
	}
	up := make(chan struct{})
	once := sync.OnceFunc(func() { close(up) })
	f, err := feed.New(feed.Config{Pool: pool, Jobs: note, Mode: v.mode, BusyRate: v.busyRate, State: func(reason string) {
		if reason == "" {
			once()
		}
	}})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { _ = f.Run(ctx) }) // it returns nil when ctx ends
	stop = func() {
		cancel()
		running.Wait()
		pool.Close()
	}
	select {
	case <-up:
		return stop, nil
	case <-time.After(time.Minute):
		stop()
		return nil, errors.New("the feed is not up")
	}
}

// noted implements feed.Jobs, and only notes when a row was handed on.
type noted struct {
	mu sync.Mutex
	at map[string]time.Time
}

// HandOn implements feed.Jobs.
func (n *noted) HandOn(_ context.Context, ids []string) error {
	now := time.Now()
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, id := range ids {
		if _, again := n.at[id]; !again {
			n.at[id] = now
		}
	}
	return nil
}

// Sweep implements feed.Jobs.
func (*noted) Sweep(context.Context, time.Duration) ([]string, error) { return nil, nil }

// latencies adds the latencies of the rows that were inserted after since to c. Postgres
// and this process have the same clock.
func (n *noted) latencies(ctx context.Context, pool *pgxpool.Pool, since time.Time, c *cell) error {
	rows, err := pool.Query(ctx, `SELECT id::text, created_at FROM music_generations WHERE created_at > $1`, since)
	if err != nil {
		return err
	}
	var id string
	var created time.Time
	n.mu.Lock()
	defer n.mu.Unlock()
	_, err = pgx.ForEachRow(rows, []any{&id, &created}, func() error {
		if at, ok := n.at[id]; ok {
			c.latencies = append(c.latencies, at.Sub(created))
		} else {
			c.missed++
		}
		return nil
	})
	return err
}
