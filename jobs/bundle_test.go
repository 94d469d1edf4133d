package jobs

import (
	"bytes"
	"context"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/internal/simulator"
	"tasksync/syncer"
	"tasksync/task"
	"tasksync/upstream"
	"tasksync/upstream/sunoapi"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// logBuffer is a log that concurrent workers may write to.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// bundle is a database with a simulator, and what a client needs.
type bundle struct {
	*testing.T
	pool   *pgxpool.Pool
	sim    *simulator.Simulator
	policy task.Policy
	log    *logBuffer
	syncer *syncer.Syncer
	// client has not been started; for tests that only insert and look.
	client *Client
}

func setup(t *testing.T, change ...func(*task.Policy, *simulator.Config)) *bundle {
	t.Helper()
	b := &bundle{T: t, pool: postgrestest.Pool(t), policy: task.DefaultPolicy(), log: &logBuffer{}}
	simConfig := simulator.Config{Seed: 4711}
	for _, f := range change {
		f(&b.policy, &simConfig)
	}
	b.sim = simulator.New(simConfig)
	server := httptest.NewServer(b.sim)
	t.Cleanup(server.Close)
	t.Cleanup(b.sim.Close)
	adapter, err := sunoapi.SunoAPI().New(upstream.Config{
		BaseURL: server.URL, APIKey: "key-of-the-test", Requests: -1, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	b.syncer = syncer.New(syncer.Config{Pool: b.pool, Upstreams: map[string]syncer.Upstream{"": adapter}, Policy: b.policy, Logger: b.logger()})
	b.client = b.newClient()
	return b
}

func (b *bundle) logger() *slog.Logger { return slog.New(slog.NewTextHandler(b.log, nil)) }

// newClient returns a client as another daemon on the same database has it.
func (b *bundle) newClient(change ...func(*Config)) *Client {
	b.Helper()
	cfg := Config{Pool: b.pool, Syncer: b.syncer, Handlers: b.policy.Handlers, Logger: b.logger(), Workers: 4}
	for _, f := range change {
		f(&cfg)
	}
	c, err := New(cfg)
	require.NoError(b, err)
	return c
}

// start starts a client and stops it with the test.
func (b *bundle) start(c *Client) *Client {
	b.Helper()
	require.NoError(b, c.Start(context.Background()))
	b.Cleanup(func() { b.stop(c) })
	return c
}

func (b *bundle) stop(c *Client) {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 9*time.Second)
	defer cancel()
	require.NoError(b, c.Stop(ctx))
}

func sweepEvery(d time.Duration) func(*Config) { return func(c *Config) { c.SweepInterval = d } }

// insert makes a submitted row of that age.
func (b *bundle) insert(kind task.Type, taskID string, age time.Duration) string {
	b.Helper()
	var id string
	err := b.pool.QueryRow(context.Background(), `
		INSERT INTO music_generations (user_id, task_id, task_type, created_at)
		VALUES (gen_random_uuid(), nullif($1, ''), nullif($2, ''), now() - make_interval(secs => $3)) RETURNING id`,
		taskID, string(kind), age.Seconds()).Scan(&id)
	require.NoError(b, err)
	return id
}

func (b *bundle) submit(kind task.Type, fate simulator.Fate, age time.Duration, faults ...simulator.Fault) (id, taskID string) {
	b.Helper()
	taskID = b.sim.Submit(kind, fate, faults...)
	return b.insert(kind, taskID, age), taskID
}

func (b *bundle) exec(sql string, args ...any) {
	b.Helper()
	_, err := b.pool.Exec(context.Background(), sql, args...)
	require.NoError(b, err)
}

func (b *bundle) status(id string) string {
	b.Helper()
	var status string
	require.NoError(b, b.pool.QueryRow(context.Background(), `SELECT status FROM music_generations WHERE id = $1`, id).Scan(&status))
	return status
}

// jobState is a sync job as the database has it.
type jobState struct {
	ID          int64
	State       string
	Kind        string
	Attempt     int
	ScheduledAt time.Time
	IDs         []string
	TaskType    string
	Output      string
	Errors      int
}

func (b *bundle) jobs() []jobState {
	b.Helper()
	rows, err := b.pool.Query(context.Background(), `
		SELECT id, state::text, kind, attempt, scheduled_at,
			CASE WHEN jsonb_typeof(args -> 'ids') = 'array' THEN ARRAY(SELECT jsonb_array_elements_text(args -> 'ids')) ELSE '{}' END AS ids,
			coalesce(args ->> 'task_type', '') AS task_type, coalesce(metadata ->> 'output', '') AS output, coalesce(array_length(errors, 1), 0) AS errors
		FROM tasksync.river_job WHERE kind = 'sync' ORDER BY id`)
	require.NoError(b, err)
	jobs, err := pgx.CollectRows(rows, pgx.RowToStructByPos[jobState])
	require.NoError(b, err)
	return jobs
}

// addJob makes a job over ids and puts it into a state.
func (b *bundle) addJob(state string, ids ...string) int64 {
	b.Helper()
	res, err := b.client.river.Insert(context.Background(), SyncArgs{TaskType: task.Generate, IDs: ids}, nil)
	require.NoError(b, err)
	attempted, ok := strings.CutPrefix(state, "running ")
	switch {
	case ok:
		b.exec(`UPDATE tasksync.river_job SET state = 'running', attempt = 1, attempted_at = now() - $2::interval WHERE id = $1`, res.Job.ID, attempted)
	case state == "completed" || state == "cancelled" || state == "discarded":
		b.exec(`UPDATE tasksync.river_job SET state = $2::text::tasksync.river_job_state, finalized_at = now() WHERE id = $1`, res.Job.ID, state)
	default:
		b.exec(`UPDATE tasksync.river_job SET state = $2::text::tasksync.river_job_state WHERE id = $1`, res.Job.ID, state)
	}
	return res.Job.ID
}

// until waits for a change that other goroutines make.
func (b *bundle) until(what string, ok func() bool) {
	b.Helper()
	require.Eventually(b, ok, 30*time.Second, 10*time.Millisecond, what)
}

func (b *bundle) asked(taskID string) int {
	b.Helper()
	record, ok := b.sim.Task(taskID)
	require.True(b, ok)
	return record.Asked
}
