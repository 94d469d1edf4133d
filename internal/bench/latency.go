package main

import (
	"context"
	"fmt"
	"net/http/httptest"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"tasksync/daemon"
	"tasksync/internal/postgres"
	"tasksync/internal/simulator"
	"tasksync/internal/wait"
	"tasksync/task"
)

// latency inserts rows one by one on an idle system and measures the time until
// the upstream gets the first call for each.
func latency(ctx context.Context, server *postgres.Server, inserts int) error {
	url, pool, err := database(ctx, server, "latency")
	if err != nil {
		return err
	}
	defer pool.Close()
	sim := simulator.New(simulator.Config{Seed: 1, Speed: 1})
	api := httptest.NewServer(sim)
	defer api.Close()
	stop, err := runDaemon(ctx, daemon.Config{DatabaseURL: url, Providers: unlimited(api.URL)})
	if err != nil {
		return err
	}
	defer stop()
	var sent, committed []time.Duration
	for range inserts {
		if err := wait.For(ctx, spacing); err != nil {
			return err
		}
		a, b, err := once(ctx, pool, sim)
		if err != nil {
			return err
		}
		sent, committed = append(sent, a), append(committed, b)
	}
	fmt.Printf("\ninsert → first upstream call, idle, %d inserts %s apart, over HTTP\n", inserts, spacing)
	fmt.Printf("  %-24s p50 %5.1f ms   p95 %5.1f ms   p99 %5.1f ms\n", "from INSERT committed", percentile(committed, 50), percentile(committed, 95), percentile(committed, 99))
	fmt.Printf("  %-24s p50 %5.1f ms   p95 %5.1f ms   p99 %5.1f ms\n", "from INSERT sent", percentile(sent, 50), percentile(sent, 95), percentile(sent, 99))
	return nil
}

// spacing keeps the inserts well below the rate at which feed notify begins to read
// the table.
const spacing = 25 * time.Millisecond

// once inserts a row and waits until the upstream got a call for its task.
func once(ctx context.Context, pool *pgxpool.Pool, sim *simulator.Simulator) (fromSent, fromCommitted time.Duration, err error) {
	id := sim.Submit(task.Generate, simulator.Ready)
	sent := time.Now()
	if _, err := pool.Exec(ctx, `INSERT INTO music_generations (task_id, task_type) VALUES ($1, 'generate')`, id); err != nil {
		return 0, 0, err
	}
	committed := time.Now()
	for {
		if r, _ := sim.Task(id); !r.AskedAt.IsZero() {
			if err := settled(ctx, pool, time.Millisecond); err != nil {
				return 0, 0, err
			}
			return r.AskedAt.Sub(sent), max(0, r.AskedAt.Sub(committed)), nil
		}
		if time.Since(sent) > time.Minute {
			return 0, 0, fmt.Errorf("task %s was not asked for within a minute", id)
		}
		if err := wait.For(ctx, 200*time.Microsecond); err != nil {
			return 0, 0, err
		}
	}
}

// settled waits until no row is pending, and looks so often.
func settled(ctx context.Context, pool *pgxpool.Pool, every time.Duration) error {
	for {
		n, err := pending(ctx, pool)
		if err != nil || n == 0 {
			return err
		}
		if err := wait.For(ctx, every); err != nil {
			return err
		}
	}
}

func pending(ctx context.Context, pool *pgxpool.Pool) (n int, err error) {
	err = pool.QueryRow(ctx, `SELECT count(*) FROM music_generations WHERE task_type IS NOT NULL
		AND status IN ('submitted', 'queued', 'processing', 'streaming')`).Scan(&n)
	return n, err
}

// percentile returns the percentile by the nearest rank, in milliseconds.
func percentile(d []time.Duration, p int) float64 {
	sorted := slices.Sorted(slices.Values(d))
	return float64(sorted[(len(sorted)*p+99)/100-1]) / float64(time.Millisecond)
}
