package feed

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"tasksync/internal/wait"
	"tasksync/jobs"
	"tasksync/syncer"
	"tasksync/task"
)

// race runs writers of every kind against a feed.
type race struct {
	*bundle
	busy atomic.Bool // the writers do not pause
	stop chan struct{}

	mu       sync.Mutex
	prompt   []string // rows that the feed alone must find
	odd      []string // rows that may wait for the sweep: their created_at is wrong
	unwanted []string // rows that were rolled back
}

var errUndo = errors.New("undo")

// write inserts in one of the ways in which applications do.
func (r *race) write(rng *rand.Rand) {
	ctx := context.Background()
	switch rng.IntN(12) {
	case 0: // a transaction that is open for a while, and is committed or rolled back
		undo := rng.IntN(2) == 0
		var ids []string
		err := pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
			for range 1 + rng.IntN(4) {
				ids = append(ids, r.row(tx, ""))
				_ = wait.For(ctx, time.Duration(rng.IntN(200))*time.Millisecond)
			}
			if undo {
				return errUndo
			}
			return nil
		})
		r.note(ids, err)
	case 1: // savepoints
		var kept, undone []string
		err := pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
			kept = append(kept, r.row(tx, ""))
			_ = pgx.BeginFunc(ctx, tx, func(savepoint pgx.Tx) error {
				undone = append(undone, r.row(savepoint, ""))
				return errUndo
			})
			return pgx.BeginFunc(ctx, tx, func(savepoint pgx.Tx) error {
				kept = append(kept, r.row(savepoint, ""))
				return nil
			})
		})
		r.note(kept, err)
		r.note(undone, errUndo)
	case 2: // clocks that are minutes off, and rows dated back
		offset := []string{"-1 day", "-3 minutes", "2 minutes", "1 hour"}[rng.IntN(4)]
		id := r.row(r.pool, offset)
		r.mu.Lock()
		r.odd = append(r.odd, id)
		r.mu.Unlock()
	default:
		r.note([]string{r.row(r.pool, "")}, nil)
	}
}

type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func (r *race) row(db querier, offset string) (id string) {
	err := db.QueryRow(context.Background(), `INSERT INTO music_generations (task_id, task_type, created_at)
		VALUES ('t', 'generate', now() + coalesce(nullif($1, ''), '0')::interval) RETURNING id::text`, offset).Scan(&id)
	if err != nil {
		r.Error(err)
	}
	return id
}

func (r *race) note(ids []string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err == nil:
		r.prompt = append(r.prompt, ids...)
	case errors.Is(err, errUndo):
		r.unwanted = append(r.unwanted, ids...)
	default:
		r.Error(err)
	}
}

func (r *race) run(rng *rand.Rand) {
	for {
		select {
		case <-r.stop:
			return
		default:
		}
		r.write(rng)
		if !r.busy.Load() {
			_ = wait.For(context.Background(), time.Duration(300+rng.IntN(600))*time.Millisecond)
		}
	}
}

// following hands on to the real jobs, which no worker runs, and notes the ids.
type following struct {
	handed
	client *jobs.Client
}

func (f *following) HandOn(ctx context.Context, ids []string) error {
	if err := f.client.HandOn(ctx, ids); err != nil {
		return err
	}
	return f.handed.HandOn(ctx, ids)
}

func (f *following) Sweep(ctx context.Context, grace time.Duration) ([]string, error) {
	ids, err := f.client.Sweep(ctx, grace)
	if err != nil {
		return nil, err
	}
	f.find = func(context.Context) ([]string, error) { return ids, nil }
	return f.handed.Sweep(ctx, grace)
}

// unfollowed counts the rows that have no job.
func (b *bundle) unfollowed() int {
	return b.count(`SELECT count(*) FROM music_generations WHERE id::text NOT IN
		(SELECT jsonb_array_elements_text(args -> 'ids') FROM tasksync.river_job WHERE kind = 'sync')`)
}

// TestFeedMissesNothingWhileItChangesState races writers against a feed that goes
// from listening to reading and back all the time. The feed alone must find the
// rows whose created_at is right. After one sweep like those that the daemon makes
// every few seconds, every other row has its job too.
func TestFeedMissesNothingWhileItChangesState(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Log("seed", seed)
	r := &race{bundle: setup(t), stop: make(chan struct{})}
	client, err := jobs.New(jobs.Config{Pool: r.pool, Handlers: task.DefaultHandlers(), Syncer: syncer.New(syncer.Config{Pool: r.pool, Policy: task.DefaultPolicy()})})
	require.NoError(t, err)
	to := &following{client: client}
	cfg := r.config(to)
	cfg.Mode, cfg.BusyRate, cfg.CalmAfter = Notify, 100, 300*time.Millisecond
	feed := r.bundle.run(cfg)
	r.awaitUp(feed)
	var writers sync.WaitGroup
	for n := range 6 {
		writers.Go(func() { r.run(rand.New(rand.NewPCG(seed, uint64(n)))) })
	}
	const rounds = 6
	for n := 1; n <= rounds; n++ {
		r.busy.Store(true)
		before := r.written()
		r.until("it reads", func() bool { return strings.Count(r.log.String(), "Many new rows") >= n && r.written() > before+400 })
		r.busy.Store(false)
		r.until("it listens again", func() bool { return strings.Count(r.log.String(), "listening again") >= n })
	}
	close(r.stop)
	writers.Wait()
	t.Logf("%d rows, %d with odd times, %d undone; %.0f heard, %.0f read", len(r.prompt), len(r.odd), len(r.unwanted),
		testutil.ToFloat64(feed.metrics.notifications), testutil.ToFloat64(feed.metrics.read))
	r.awaitAll(&to.handed)
	require.Empty(t, r.times(&to.handed, r.unwanted), "rows that do not exist")
	require.Positive(t, testutil.ToFloat64(feed.metrics.notifications))
	require.Positive(t, testutil.ToFloat64(feed.metrics.read))
	require.Equal(t, 1, to.sweeps(), "the session was never lost")
	left := r.unfollowed()
	t.Logf("%d of %d odd rows are left to the sweep", left, len(r.odd))
	require.LessOrEqual(t, left, len(r.odd))
	_, err = client.Sweep(t.Context(), 5*time.Second)
	require.NoError(t, err)
	require.Zero(t, r.unfollowed(), "after one sweep")
}

func (r *race) written() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.prompt)
}

// awaitAll waits until every row that the feed alone must find is handed on, and
// names the rows that are missing.
func (r *race) awaitAll(to *handed) {
	r.Helper()
	for end := time.Now().Add(patience); !to.has(r.prompt...); _ = wait.For(r.Context(), 20*time.Millisecond) {
		if time.Now().Before(end) {
			continue
		}
		times := to.times()
		for i, id := range r.prompt {
			if times[id] == 0 {
				var at time.Time
				require.NoError(r, r.pool.QueryRow(r.Context(), `SELECT created_at FROM music_generations WHERE id = $1`, id).Scan(&at))
				r.Errorf("row %d of %d, created %s, is missing", i, len(r.prompt), at)
			}
		}
		require.Fail(r, "rows are missing", r.log)
	}
}

// times counts how often each of ids was handed on, and leaves out the others.
func (r *race) times(to *handed, ids []string) map[string]int {
	all, out := to.times(), map[string]int{}
	for _, id := range ids {
		if n := all[id]; n > 0 {
			out[id] = n
		}
	}
	return out
}

// quiet reports whether the triggers are quiet.
func (b *bundle) quiet() bool {
	return b.count(`SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND granted
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
		AND objid::bigint = 8386110886476607075 & 4294967295`) == 1
}

// A writer whose transaction stays open keeps the feed from lock K, but not from
// reading, and not from going back to listening.
func TestAnOpenWriterHoldsUpNobody(t *testing.T) {
	t.Parallel()
	b := setup(t)
	to := &handed{}
	cfg := b.config(to)
	cfg.Mode, cfg.BusyRate, cfg.CalmAfter = Notify, 10, 500*time.Millisecond
	r := b.run(cfg)
	b.awaitUp(r)
	writer, err := b.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = writer.Exec(t.Context(), insertRow)
	require.NoError(t, err)
	var ids []string
	insert := func() {
		for range 30 {
			ids = append(ids, b.insert())
		}
	}
	b.until("it reads", func() bool {
		insert()
		return strings.Contains(b.log.String(), "Many new rows")
	})
	b.until("it asks for the lock", func() bool {
		insert()
		return b.count(`SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`) > 0
	})
	b.until("all are read", func() bool { return to.has(ids...) })
	require.False(t, b.quiet())
	require.NoError(t, writer.Commit(t.Context()))
	b.until("it has the lock", func() bool {
		insert()
		return b.quiet()
	})
	heard := int(testutil.ToFloat64(r.metrics.notifications))
	insert()
	b.until("all are read", func() bool { return to.has(ids...) })
	require.InDelta(t, heard, testutil.ToFloat64(r.metrics.notifications), 5, "no trigger notifies; a few may have been under way")
	b.until("it listens again", func() bool { return strings.Contains(b.log.String(), "listening again") })
	require.False(t, b.quiet())
	last := b.insert()
	b.until("it hears", func() bool { return to.has(last) })
	require.Positive(t, heard)
	for id, n := range to.times() {
		require.Equal(t, 1, n, "%s was handed on more than once", id)
	}
}

// A reader of the table does not run ahead of the jobs.
func TestReaderWaitsForAFullQueue(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f, err := New(b.config(&handed{}))
	require.NoError(t, err)
	reader, err := newTableReader(t.Context(), f.base, narrowOverlap)
	require.NoError(t, err)
	const rows = queueFull + 2*pageSize
	b.exec(`INSERT INTO music_generations (task_id, task_type) SELECT n::text, 'generate' FROM generate_series(1, $1) AS n`, rows)
	found := 0
	for range 3 {
		n, err := reader.scan(t.Context())
		require.NoError(t, err)
		found += n
	}
	require.Equal(t, queueFull, found, "it stops when the queue is full")
	for found < rows {
		for len(f.collector.take()) > 0 {
		}
		reader.widen() // all rows have the same created_at
		n, err := reader.scan(t.Context())
		require.NoError(t, err)
		require.Positive(t, n)
		found += n
	}
	require.Equal(t, rows, found)
}

// A row of the future is not read, and hides no other row.
func TestReaderIgnoresTheFuture(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f, err := New(b.config(&handed{}))
	require.NoError(t, err)
	reader, err := newTableReader(t.Context(), f.base, narrowOverlap)
	require.NoError(t, err)
	b.exec(`INSERT INTO music_generations (task_id, task_type, created_at) VALUES ('t', 'generate', now() + '1 minute')`)
	b.exec(`INSERT INTO music_generations (task_id, task_type, created_at) VALUES ('t', 'generate', 'infinity')`)
	n, err := reader.scan(t.Context())
	require.NoError(t, err)
	require.Zero(t, n)
	b.insert()
	n, err = reader.scan(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, n)
}

// The feed waits for a transaction that is younger than all that have ended, too.
func TestFeedWaitsForTheYoungestWriter(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f, err := New(b.config(&handed{}))
	require.NoError(t, err)
	writer, err := b.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = writer.Exec(t.Context(), insertRow)
	require.NoError(t, err)
	horizon, err := f.queries.FeedHorizon(t.Context(), b.pool)
	require.NoError(t, err)
	ended := func() bool {
		ended, err := f.queries.FeedWritersEnded(t.Context(), b.pool, horizon)
		require.NoError(t, err)
		return ended
	}
	require.False(t, ended())
	require.NoError(t, writer.Commit(t.Context()))
	b.until("it has ended", ended)
}

// A reader that pauses because the queue is full finds no rows, and that is no
// calm.
func TestAFullQueueIsNotCalm(t *testing.T) {
	t.Parallel()
	b := setup(t)
	cfg := b.config(&handed{})
	cfg.CalmAfter = time.Millisecond
	f, err := New(cfg)
	require.NoError(t, err)
	calm := (reading{leader: newLeader(f.base, nil)}).calm(time.Now().Add(-time.Second))
	f.collector.add(make([]string, queueFull)...)
	over, err := calm(t.Context(), 0)
	require.NoError(t, err)
	require.False(t, over)
	for len(f.collector.take()) > 0 {
	}
	b.until("it is calm", func() bool {
		over, err = calm(t.Context(), 0)
		return err == nil && over
	})
}
