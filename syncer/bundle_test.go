package syncer

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/internal/simulator"
	"tasksync/task"
	"tasksync/upstream"
	"tasksync/upstream/sunoapi"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// clock is the time of both the syncer and the simulator.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// fetchFunc is an upstream for tests that must place a fault exactly.
type fetchFunc func(ctx context.Context, refs []task.Ref) ([]task.Observation, error)

func (f fetchFunc) Fetch(ctx context.Context, refs []task.Ref) ([]task.Observation, error) {
	return f(ctx, refs)
}

type probeFunc func(url string) task.Probe

func (f probeFunc) Probe(_ context.Context, url string) task.Probe { return f(url) }

// logBuffer is a log that concurrent passes may write to.
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

// bundle is a syncer on a database of its own, with the simulator as its
// upstream over HTTP.
type bundle struct {
	*testing.T
	pool   *pgxpool.Pool
	clock  *clock
	sim    *simulator.Simulator
	syncer *Syncer
	log    *logBuffer
	reg    *prometheus.Registry
}

const simSeed = 4711

// setup applies changes to the configuration. An upstream that they set replaces
// the simulator.
func setup(t *testing.T, change ...func(*Config)) *bundle {
	t.Helper()
	b := &bundle{
		T: t, pool: postgrestest.Pool(t), log: &logBuffer{}, reg: prometheus.NewRegistry(),
		clock: &clock{at: time.Now().Truncate(time.Millisecond)},
	}
	b.sim = simulator.New(simulator.Config{Seed: simSeed, Now: b.clock.now})
	cfg := Config{
		Pool: b.pool, Policy: task.DefaultPolicy(), Now: b.clock.now, Registerer: b.reg,
		Logger: slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range change {
		f(&cfg)
	}
	if cfg.Upstreams == nil {
		upstreamIs(adapter(t, b.sim))(&cfg)
	}
	b.syncer = New(cfg)
	return b
}

// adapter asks handler over HTTP, in the format of sunoapi.org.
func adapter(t *testing.T, handler http.Handler) upstream.Adapter {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	if sim, ok := handler.(*simulator.Simulator); ok {
		t.Cleanup(sim.Close) // first, so that the server can close
	}
	a, err := sunoapi.SunoAPI().New(upstream.Config{
		BaseURL: server.URL, APIKey: "key-of-the-test", Requests: -1,
		Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	return a
}

func upstreamIs(u Upstream) func(*Config) {
	return func(c *Config) { c.Upstreams = map[string]Upstream{"": u} }
}

// answers returns an upstream that says the same about every task.
func answers(obs task.Observation) func(*Config) {
	return upstreamIs(fetchFunc(func(_ context.Context, refs []task.Ref) ([]task.Observation, error) {
		out := make([]task.Observation, len(refs))
		for i, r := range refs {
			out[i] = obs
			out[i].TaskID = r.TaskID
		}
		return out, nil
	}))
}

func item(id, title string) task.Item {
	return task.Item{ID: id, Title: title, Status: task.Complete, AudioURL: "https://cdn.example/" + id + ".mp3"}
}

// done returns a completed task with one clip that is named after it.
func done(taskID string) task.Observation {
	return task.Observation{TaskID: taskID, Status: task.Complete, Raw: "SUCCESS", Items: []task.Item{item("clip-of-"+taskID, "title of "+taskID)}}
}

// allDone answers every task with done.
func allDone(_ context.Context, refs []task.Ref) ([]task.Observation, error) {
	var out []task.Observation
	for _, r := range refs {
		out = append(out, done(r.TaskID))
	}
	return out, nil
}

// insert makes a submitted row of that age.
func (b *bundle) insert(kind task.Type, taskID string, age time.Duration) string {
	b.Helper()
	var id string
	err := b.pool.QueryRow(context.Background(), `
		INSERT INTO music_generations (user_id, task_id, task_type, created_at)
		VALUES (gen_random_uuid(), nullif($1, ''), nullif($2, ''), $3) RETURNING id`,
		taskID, string(kind), b.clock.now().Add(-age)).Scan(&id)
	require.NoError(b, err)
	return id
}

// submit makes a task at the simulator, and its row.
func (b *bundle) submit(kind task.Type, fate simulator.Fate, faults ...simulator.Fault) (id, taskID string) {
	b.Helper()
	taskID = b.sim.Submit(kind, fate, faults...)
	return b.insert(kind, taskID, 0), taskID
}

func (b *bundle) exec(sql string, args ...any) {
	b.Helper()
	_, err := b.pool.Exec(context.Background(), sql, args...)
	require.NoError(b, err)
}

func (b *bundle) sync(ids ...string) []Result {
	b.Helper()
	results, err := b.syncer.Sync(context.Background(), Request{IDs: ids})
	require.NoError(b, err)
	return results
}

// syncOne returns the result of a pass over one row.
func (b *bundle) syncOne(id string) Result {
	b.Helper()
	results := b.sync(id)
	require.Len(b, results, 1)
	return results[0]
}

// row is what tests compare of a generation.
type row struct {
	Status, Code, Message string
	Completed             bool
}

func (b *bundle) row(id string) row {
	b.Helper()
	var r row
	err := b.pool.QueryRow(context.Background(), `
		SELECT status, coalesce(error_code, ''), coalesce(error_message, ''), completed_at IS NOT NULL
		FROM music_generations WHERE id = $1`, id).Scan(&r.Status, &r.Code, &r.Message, &r.Completed)
	require.NoError(b, err)
	return r
}

// clips returns the clips of a generation by clip id, without their keys.
func (b *bundle) clips(id string) map[string]task.Clip {
	b.Helper()
	rows, err := b.syncer.queries.ClipListByGenerations(context.Background(), b.pool, []string{id})
	require.NoError(b, err)
	out := make(map[string]task.Clip, len(rows))
	for _, r := range rows {
		c := b.syncer.clip(r)
		c.ID, c.GenerationID, c.CreatedAt = "", "", time.Time{}
		out[c.ClipID] = c
	}
	require.Len(b, out, len(rows), "a clip id twice")
	return out
}

// events returns the changes of a generation's status, as "from to via
// upstream".
func (b *bundle) events(id string) []string {
	b.Helper()
	rows, err := b.pool.Query(context.Background(), `
		SELECT concat_ws(' ', from_status, to_status, via, upstream_status)
		FROM tasksync.generation_events WHERE generation_id = $1 ORDER BY id`, id)
	require.NoError(b, err)
	events, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(b, err)
	return events
}

// versions returns the row versions of everything that a pass could write.
func (b *bundle) versions() []string {
	b.Helper()
	rows, err := b.pool.Query(context.Background(), `
		SELECT 'g' || id || ' ' || xmin || ' ' || xmax FROM music_generations
		UNION ALL SELECT 'c' || id || ' ' || xmin || ' ' || xmax FROM music_clips
		UNION ALL SELECT 'e' || id || ' ' || xmin || ' ' || xmax FROM tasksync.generation_events ORDER BY 1`)
	require.NoError(b, err)
	versions, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(b, err)
	return versions
}

// rejectClips makes the database reject clips with that title.
func (b *bundle) rejectClips(title string) {
	b.Helper()
	b.exec(fmt.Sprintf(`ALTER TABLE music_clips ADD CONSTRAINT no_such_title CHECK (title <> '%s')`, title))
}

// raiseFor makes a trigger raise with that SQLSTATE when a row with that task id
// is updated.
func (b *bundle) raiseFor(taskID, sqlstate string) {
	b.Helper()
	b.exec(fmt.Sprintf(`
		CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			IF NEW.task_id = '%s' THEN
				RAISE EXCEPTION 'the application does not want it' USING ERRCODE = '%s', DETAIL = 'secret detail';
			END IF;
			RETURN NEW;
		END $$;
		CREATE TRIGGER refuse BEFORE UPDATE ON music_generations FOR EACH ROW EXECUTE FUNCTION refuse()`, taskID, sqlstate))
}

func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
