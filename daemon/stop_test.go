package daemon

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/internal/simulator"
	"tasksync/internal/wait"
	"tasksync/task"
)

// TestStopWhileEverythingHangs: upstream and database do not answer while jobs,
// requests, webhooks and streams are under way. One deadline holds for all of them,
// and the next daemon does what they have not written.
func TestStopWhileEverythingHangs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(`CREATE FUNCTION hang() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			PERFORM set_config('lock_timeout', '0', true), pg_advisory_xact_lock_shared(42); RETURN NEW; END $$;
		CREATE TRIGGER hang BEFORE UPDATE ON music_generations FOR EACH ROW EXECUTE FUNCTION hang()`)
	lock, err := pgx.Connect(t.Context(), b.database)
	require.NoError(t, err)
	defer lock.Close(context.Background())
	_, err = lock.Exec(t.Context(), `SELECT pg_advisory_lock(42)`)
	require.NoError(t, err)

	cfg := b.config()
	cfg.API.JWTSecret, cfg.API.WebhookTokens = jwtSecret, []string{webhookTest}
	r := b.run(cfg)
	ids := []string{b.submit(simulator.Hang), b.submit(simulator.Hang)} // only jobs look at these
	var tasks []string
	for range 3 { // jobs, requests and webhooks look at these
		taskID := b.sim.Submit(task.Generate, simulator.Ready)
		tasks, ids = append(tasks, taskID), append(ids, b.insertFor(userOfTheAPI, task.Generate, taskID))
	}
	ctx, cancel := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	defer clients.Wait()
	defer cancel()
	streaming := make(chan struct{})
	clients.Go(func() { r.follow(ctx, b.token(), streaming) })
	<-streaming
	for _, id := range tasks {
		clients.Go(func() {
			for ctx.Err() == nil { // until the daemon has gone
				r.send(ctx, "/webhooks/sunoapi/"+webhookTest, "", fmt.Sprintf(`{"data":{"task_id":%q}}`, id))
				r.send(ctx, "/api/music/v2/sync", b.token(), "{}")
				_ = wait.For(ctx, 50*time.Millisecond)
			}
		})
	}
	b.until("passes hang in the database", func() bool {
		return b.count(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) >= 3
	})
	took := b.stop(r)
	t.Log("stopped after", took)
	require.Less(t, took, 10*time.Second)

	cancel()
	_, err = lock.Exec(t.Context(), `SELECT pg_advisory_unlock(42)`)
	require.NoError(t, err)
	b.run(cfg)
	b.until("nothing is lost", func() bool { return b.done(ids...) })
}

// send posts and ignores the response: the daemon may be gone.
func (r *running) send(ctx context.Context, path, bearer, body string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+r.addr+path, strings.NewReader(body))
	if err != nil {
		return
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if resp, err := client.Do(req); err == nil {
		_ = resp.Body.Close()
	}
}

// follow reads a stream of events until it ends. It closes begun when it is under way.
func (r *running) follow(ctx context.Context, bearer string, begun chan struct{}) {
	tell := sync.OnceFunc(func() { close(begun) })
	defer tell()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.addr+"/api/music/v2/sync/events", nil)
	if err != nil {
		return
	}
	req.Header.Set("Authorization", "Bearer "+bearer)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if lines.Text() == "event: ready" {
			tell()
		}
	}
}

// TestStopWhileJobsStart: the database falls silent at the moment at which the jobs
// are about to start.
func TestStopWhileJobsStart(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := postgrestest.NewProxy(t, "127.0.0.1:0", b.database)
	cfg := b.config()
	cfg.DatabaseURL = p.URL()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	d := &daemon{cfg: cfg.WithDefaults(), health: newHealth("database", "feed", "jobs")}
	parts := d.parts()
	at := slices.IndexFunc(parts, func(p part) bool { return p.name == "jobs" })
	parts = slices.Insert(parts, at, part{name: "silence", open: func(context.Context) error {
		p.FallSilent(true)
		cancel()
		return nil
	}})
	ended := make(chan error, 1)
	go func() { ended <- d.run(ctx, parts) }()
	select {
	case err := <-ended:
		require.ErrorIs(t, err, context.Canceled)
	case <-time.After(stopTimeout + 30*time.Second):
		require.Fail(t, "it does not stop", b.log)
	}
}
