package live

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/queries"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// patience bounds a test's wait for an event that must come.
const patience = 30 * time.Second

// logBuffer is a log that is safe for concurrent use.
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

// bundle is a database to run brokers on.
type bundle struct {
	testing.TB
	pool *pgxpool.Pool
	log  *logBuffer
}

// announced makes the database announce each commit itself, so that tests can write
// events without an Announcer.
const announced = `
	CREATE FUNCTION public.announce() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NOTIFY tasksync_events; RETURN NULL; END $$;
	CREATE TRIGGER commit_is_announced AFTER INSERT ON tasksync.generation_events FOR EACH STATEMENT EXECUTE FUNCTION public.announce()`

func setup(t testing.TB) *bundle {
	t.Helper()
	return setupOn(t, postgrestest.Pool(t))
}

func setupOn(t testing.TB, pool *pgxpool.Pool) *bundle {
	t.Helper()
	b := &bundle{TB: t, pool: pool, log: &logBuffer{}}
	b.exec(announced)
	b.event(b.pool, newID()) // the event with id 1 exists: see oldest
	return b
}

// broker returns a broker that does not run yet. Its interval is so long that only
// notifications and joins make it step, unless a test says otherwise.
func (b *bundle) broker(change ...func(*Broker)) *Broker {
	broker := New(Config{
		ConnConfig: b.pool.Config().ConnConfig, Logger: slog.New(slog.NewTextHandler(b.log, nil)),
		Registerer: prometheus.NewRegistry(), Interval: time.Hour,
	})
	broker.bounds.backoff = 100 * time.Millisecond
	for _, f := range change {
		f(broker)
	}
	return broker
}

// run runs a broker until stop is called or the test ends.
func (b *bundle) run(broker *Broker) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- broker.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(b, <-done)
	})
	b.Cleanup(stop)
	return stop
}

// running returns a broker that runs until the test ends.
func (b *bundle) running(change ...func(*Broker)) *Broker {
	broker := b.broker(change...)
	b.run(broker)
	return broker
}

// subscribe returns a subscription that has joined, and its first batch.
func (b *bundle) subscribe(broker *Broker, user, since string) (*Subscription, Batch) {
	b.Helper()
	s, err := broker.Subscribe(user, since)
	require.NoError(b, err)
	b.Cleanup(s.Close)
	return s, b.next(s)
}

// next returns the next batch.
func (b *bundle) next(s *Subscription) Batch {
	b.Helper()
	select {
	case batch, open := <-s.Batches():
		require.True(b, open, "ended: %v", s.Err())
		return batch
	case <-time.After(patience):
		require.Fail(b, "no batch comes", b.log)
		return Batch{}
	}
}

// follow reads until event last has come, and returns the ids of all events and
// the last cursor.
func (b *bundle) follow(s *Subscription, last int64) (ids []int64, cursor string) {
	b.Helper()
	for {
		batch := b.next(s)
		require.False(b, batch.Reset)
		for _, e := range batch.Events {
			ids = append(ids, e.ID)
		}
		if contains(batch.Events, last) {
			return ids, batch.Cursor
		}
	}
}

func contains(events []Event, id int64) bool {
	for _, e := range events {
		if e.ID == id {
			return true
		}
	}
	return false
}

// ended waits for the end of a subscription.
func (b *bundle) ended(s *Subscription) error {
	b.Helper()
	deadline := time.After(patience)
	for {
		select {
		case _, open := <-s.Batches():
			if !open {
				return s.Err()
			}
		case <-deadline:
			require.Fail(b, "the subscription does not end", b.log)
		}
	}
}

// event writes an event of a user, for a generation without a row.
func (b *bundle) event(db queries.DBTX, user string) int64 {
	b.Helper()
	return b.eventOf(db, user, newID())
}

func (b *bundle) eventOf(db queries.DBTX, user, generation string) int64 {
	b.Helper()
	id, err := insertEvent(context.Background(), db, user, generation)
	require.NoError(b, err)
	return id
}

func insertEvent(ctx context.Context, db queries.DBTX, user, generation string) (id int64, err error) {
	err = db.QueryRow(ctx, `INSERT INTO tasksync.generation_events (generation_id, user_id, from_status, to_status, via)
		VALUES ($1, $2, 'queued', 'processing', 'poll') RETURNING id`, generation, user).Scan(&id)
	return id, err
}

func (b *bundle) begin() pgx.Tx {
	b.Helper()
	tx, err := b.pool.Begin(b.Context())
	require.NoError(b, err)
	b.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	return tx
}

func (b *bundle) exec(sql string, args ...any) {
	b.Helper()
	_, err := b.pool.Exec(b.Context(), sql, args...)
	require.NoError(b, err)
}

// connections counts the connections of all brokers to this database.
func (b *bundle) connections() (n int) {
	b.Helper()
	err := b.pool.QueryRow(b.Context(), `SELECT count(*) FROM pg_stat_activity
		WHERE datname = current_database() AND application_name = 'tasksync events'`).Scan(&n)
	require.NoError(b, err)
	return n
}

// eventually waits until condition holds.
func (b *bundle) eventually(condition func() bool) {
	b.Helper()
	require.Eventually(b, condition, patience, 5*time.Millisecond, b.log)
}

func newID() string {
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // never fails
	h := hex.EncodeToString(raw[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// steps returns the number of steps that a broker has made.
func (b *bundle) steps(broker *Broker) (n uint64) {
	b.Helper()
	families, err := broker.cfg.Registerer.(*prometheus.Registry).Gather()
	require.NoError(b, err)
	for _, f := range families {
		if f.GetName() == "tasksync_event_step_duration_seconds" {
			n = f.GetMetric()[0].GetHistogram().GetSampleCount()
		}
	}
	return n
}
