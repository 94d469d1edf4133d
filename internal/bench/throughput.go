package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http/httptest"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"tasksync/daemon"
	"tasksync/internal/postgres"
	"tasksync/internal/simulator"
	"tasksync/task"
	"tasksync/upstream"
	"tasksync/upstream/sunoapi"
)

// source prepares an upstream with n tasks that are complete at once.
type source func(n int) (cfg daemon.Config, taskIDs []string, stop func())

// throughput measures how many generations per second a daemon finishes, from its
// start, when all rows are pending, to the last commit.
func throughput(ctx context.Context, server *postgres.Server, name string, rows int, from source) (perSecond float64, err error) {
	url, pool, err := database(ctx, server, name)
	if err != nil {
		return 0, err
	}
	defer pool.Close()
	cfg, taskIDs, stopUpstream := from(rows)
	defer stopUpstream()
	if err := insertPending(ctx, pool, taskIDs); err != nil {
		return 0, err
	}
	cfg.DatabaseURL = url
	began := time.Now()
	stop, err := runDaemon(ctx, cfg)
	if err != nil {
		return 0, err
	}
	defer stop()
	if err := settled(ctx, pool, 10*time.Millisecond); err != nil {
		return 0, err
	}
	took := time.Since(began)
	return float64(rows) / took.Seconds(), complete(ctx, pool, rows)
}

// complete returns an error unless all rows and their clips are complete.
func complete(ctx context.Context, pool *pgxpool.Pool, rows int) error {
	var done, clips int
	err := pool.QueryRow(ctx, `SELECT (SELECT count(*) FROM music_generations WHERE status = 'complete'),
		(SELECT count(*) FROM music_clips WHERE status = 'complete' AND audio_url IS NOT NULL)`).Scan(&done, &clips)
	if err == nil && (done != rows || clips != 2*rows) {
		err = fmt.Errorf("%d rows and %d clips are complete, not %d and %d", done, clips, rows, 2*rows)
	}
	return err
}

const insertRows = `
WITH g AS (
    INSERT INTO music_generations (task_id, task_type, created_at)
    SELECT unnest($1::text[]), 'generate', now() - interval '10 seconds' RETURNING id, task_id
)
INSERT INTO music_clips (generation_id, clip_id)
SELECT g.id, g.task_id || '-generate-' || n FROM g, generate_series(0, 1) AS n`

func insertPending(ctx context.Context, pool *pgxpool.Pool, taskIDs []string) error {
	if _, err := pool.Exec(ctx, insertRows, taskIDs); err != nil {
		return err
	}
	for _, maintain := range []string{`VACUUM (ANALYZE) music_generations`, `VACUUM (ANALYZE) music_clips`, `CHECKPOINT`} {
		if _, err := pool.Exec(ctx, maintain); err != nil {
			return err
		}
	}
	return nil
}

// instantUpstream answers in process, for cohorts of 100, as a provider with a
// batch call would.
func instantUpstream(n int) (daemon.Config, []string, func()) {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("bench-task-%d", i)
	}
	return daemon.Config{Providers: instantly()}, ids, func() {}
}

// simulatorUpstream answers over HTTP, one call a task.
func simulatorUpstream(n int) (daemon.Config, []string, func()) {
	sim := simulator.New(simulator.Config{Seed: 1, Speed: math.Inf(1)})
	api := httptest.NewServer(sim)
	ids := make([]string, n)
	for i := range ids {
		ids[i] = sim.Submit(task.Generate, simulator.Success)
	}
	return daemon.Config{Providers: unlimited(api.URL)}, ids, api.Close
}

// unlimited returns provider sunoapi, simulated at url, without a rate limit.
func unlimited(url string) []daemon.Provider {
	return []daemon.Provider{{Provider: sunoapi.SunoAPI(), APIURL: url, APIKey: "bench", RateLimit: &upstream.Rate{}}}
}

// instantly returns a provider whose adapter is instant.
func instantly() []daemon.Provider {
	return []daemon.Provider{{Provider: upstream.Provider{
		Name: "instant", BaseURL: "in process", Keyless: true,
		New: func(upstream.Config) (upstream.Adapter, error) { return instant{}, nil },
	}}}
}

// instant is an adapter for which every task is complete.
type instant struct{}

// Limits implements upstream.Adapter.
func (instant) Limits() upstream.Limits { return upstream.Limits{Batch: 100} }

// Paused implements upstream.Adapter.
func (instant) Paused() (reason string, until time.Time, paused bool) { return "", time.Time{}, false }

// Fetch implements upstream.Adapter.
func (instant) Fetch(_ context.Context, refs []task.Ref) ([]task.Observation, error) {
	out := make([]task.Observation, len(refs))
	for i, ref := range refs {
		out[i] = task.Observation{TaskID: ref.TaskID, Status: task.Complete, Raw: "SUCCESS", Items: []task.Item{item(ref, 1), item(ref, 2)}}
	}
	return out, nil
}

func item(ref task.Ref, n int) task.Item {
	id := fmt.Sprintf("%s-%d", ref.TaskID, n)
	return task.Item{
		ID: id, Title: "A song of the bench", Tags: "ambient, piano", ModelName: "chirp-crow", Duration: 154.68,
		AudioURL: "https://audio.example/r/" + id + ".mp3", StreamAudioURL: "https://audio.example/s/" + id,
		ImageURL: "https://audio.example/i/" + id + ".jpeg", Lyrics: "[Verse]\none line\nanother line",
	}
}

// runDaemon starts a daemon and returns when it is ready.
func runDaemon(ctx context.Context, cfg daemon.Config) (stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	started, ended := make(chan struct{}), make(chan error, 1)
	cfg.ListenAddr, cfg.AdminAddr = "127.0.0.1:0", "127.0.0.1:0"
	cfg.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	cfg.Started = func(net.Addr) { close(started) }
	go func() { ended <- daemon.Run(ctx, cfg) }()
	select {
	case <-started:
		return func() {
			cancel()
			if err := <-ended; err != nil {
				fmt.Fprintln(os.Stderr, "bench: the daemon's end:", err)
			}
		}, nil
	case err := <-ended:
		cancel()
		return nil, errors.Join(errors.New("the daemon ended"), err)
	}
}
