package migrations_test

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/migrations"
)

// said collects what a Migrator says.
type said struct {
	mu    sync.Mutex
	lines []string
}

func (s *said) add(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, text)
}

func (s *said) all() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "\n")
}

// applicationTables have rows, and none of our columns and indexes.
const applicationTables = `
	CREATE TABLE public.music_generations (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), user_id uuid, task_id text, status text NOT NULL DEFAULT 'submitted', created_at timestamptz DEFAULT now());
	CREATE TABLE public.music_clips (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), generation_id uuid REFERENCES public.music_generations, clip_id text);
	INSERT INTO public.music_generations (task_id) SELECT n FROM generate_series(1, 100) AS n;
	INSERT INTO public.music_clips (generation_id, clip_id) SELECT id, task_id || '-clip-1' FROM public.music_generations`

// hold leaves a transaction open that has done sql, and returns its process and how to
// end it.
func hold(t *testing.T, url, sql string) (pid string, end func()) {
	t.Helper()
	conn := connect(t, url)
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), sql)
	require.NoError(t, err)
	return value[string](t, tx, `SELECT pg_backend_pid()::text`), func() { require.NoError(t, tx.Commit(context.Background())) }
}

// tries counts how often somebody waited for a lock of the application's table.
func tries(t *testing.T, b *bundle) bool {
	t.Helper()
	return value[bool](t, b.pool, `SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'public.music_generations'::regclass AND mode = 'AccessExclusiveLock')`)
}

// TestWritersGoOnBesideAWaitingMigration: an idle transaction has read the table. The
// migrations wait for it, inserts do not.
func TestWritersGoOnBesideAWaitingMigration(t *testing.T) {
	t.Parallel()
	goose := gooseCommand(t)
	for name, migrate := range map[string]func(*bundle, *said) error{
		"ours": func(b *bundle, s *said) error {
			m, err := migrations.OpenConfig(b.pool, migrations.Config{Warn: s.add})
			if err == nil {
				_, err = m.Up(context.Background())
				_ = m.Close()
			}
			return err
		},
		"stock goose": func(b *bundle, _ *said) error {
			cmd := exec.CommandContext(context.Background(), goose, "-dir", ".", "postgres", b.url, "up")
			cmd.Env = append(os.Environ(), "GOOSE_TABLE="+migrations.Table)
			return cmd.Run()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, s := setupEmpty(t), &said{}
			b.exec(t, applicationTables)
			pid, end := hold(t, b.url, `SELECT FROM public.music_generations WHERE task_id = 'a secret' AND status <> '4711'`)
			done := make(chan error, 1)
			go func() { done <- migrate(b, s) }()

			writer := connect(t, b.url)
			_, err := writer.Exec(t.Context(), `SET statement_timeout = '10s'`)
			require.NoError(t, err)
			for waits := 0; waits < 3; {
				if tries(t, b) {
					waits++
				}
				_, err := writer.Exec(t.Context(), `INSERT INTO public.music_generations (task_id) VALUES ('t')`)
				require.NoError(t, err, "a writer stood behind the migration")
			}
			require.Empty(t, done)
			if name == "ours" {
				require.Eventually(t, func() bool {
					return strings.Contains(s.all(), "waits for a lock on public.music_generations, held by process "+pid)
				}, time.Minute, 10*time.Millisecond)
				require.Contains(t, s.all(), "idle in transaction, in a transaction since ")
				require.Contains(t, s.all(), "query: SELECT pg_backend_pid()::text")
				require.Equal(t, 1, strings.Count(s.all(), "process "+pid), "once")
			}
			end()
			require.NoError(t, <-done)
			pending, err := b.migrator.Pending(t.Context())
			require.NoError(t, err)
			require.False(t, pending)
		})
	}
}

// TestALockThatNeverComesIsAnError, and the migrations go on where they stopped. Of
// the query nothing is said that may be a value.
func TestALockThatNeverComesIsAnError(t *testing.T) {
	t.Parallel()
	conf, err := pgxpool.ParseConfig(postgrestest.Empty(t))
	require.NoError(t, err)
	conf.ConnConfig.RuntimeParams["tasksync.lock_wait"] = "300ms"
	b := openConfig(t, conf)
	b.exec(t, applicationTables)

	conn := connect(t, b.url)
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `/* by 'me' */ SELECT FROM public.music_generations WHERE length(task_id) > 12345 AND task_id = 'a secret'`)
	require.NoError(t, err)
	_, err = b.migrator.Up(t.Context())
	require.ErrorContains(t, err, "migrate up: no lock on public.music_generations within 00:00:00.3: it is held by process ")
	require.ErrorContains(t, err, "query: SELECT FROM public.music_generations WHERE length(task_id) >.")
	require.ErrorContains(t, err, "pg_terminate_backend")
	require.NotContains(t, err.Error(), "secret")
	require.NotContains(t, err.Error(), "12345")
	require.NotContains(t, err.Error(), "SQLSTATE")
	require.NoError(t, tx.Rollback(t.Context()))
	require.Equal(t, all(1, newest(t)), b.up(t))
}

// TestALongTransactionElsewhereDelaysIndexesOnly: a transaction with an old snapshot
// holds up an index that is built beside the writers, and is named.
func TestALongTransactionElsewhereDelaysIndexesOnly(t *testing.T) {
	t.Parallel()
	b, s := setupEmpty(t), &said{}
	b.exec(t, applicationTables)
	conn := connect(t, b.url)
	tx, err := conn.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	require.NoError(t, err)
	pid := value[string](t, tx, `SELECT pg_backend_pid()::text`)
	m, err := migrations.OpenConfig(b.pool, migrations.Config{Warn: s.add})
	require.NoError(t, err)
	defer m.Close()
	done := make(chan error, 1)
	go func() {
		_, err := m.Up(context.Background())
		done <- err
	}()
	require.Eventually(t, func() bool { return strings.Contains(s.all(), "while writers go on, for process "+pid+" (role ") }, time.Minute, 10*time.Millisecond, s.all())
	b.exec(t, `SET statement_timeout = '10s'; INSERT INTO public.music_generations (task_id) VALUES ('t')`)
	require.NoError(t, tx.Commit(t.Context()))
	require.NoError(t, <-done)
}

// TestWhatWasInterruptedIsMended: each file whose statements are no transaction may
// stop anywhere and be run again, and an index that was left invalid is built anew.
func TestWhatWasInterruptedIsMended(t *testing.T) {
	t.Parallel()
	b := setupEmpty(t)
	b.exec(t, applicationTables)
	_, err := b.pool.Exec(t.Context(), `CREATE UNIQUE INDEX CONCURRENTLY tasksync_pending_created_at_idx ON public.music_generations (status)`)
	require.Error(t, err)
	_, err = b.pool.Exec(t.Context(), `CREATE UNIQUE INDEX CONCURRENTLY idx_music_generations_task_type ON public.music_generations (status)`)
	require.Error(t, err)

	stepwise, err := goose.NewProvider(goose.DialectPostgres, stdlib.OpenDBFromPool(b.pool), migrations.FS, goose.WithTableName(migrations.Table))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stepwise.Close()) })
	for version := int64(1); version <= newest(t); version++ {
		_, err := stepwise.UpByOne(t.Context())
		require.NoError(t, err)
		if !slices.Contains(withoutTransaction(t), version) {
			continue
		}
		want := dump(t, b.url)
		b.exec(t, `DELETE FROM public.tasksync_goose_version WHERE version_id = $1`, version)
		_, err = stepwise.UpByOne(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, dump(t, b.url), version)
	}
	require.Zero(t, value[int](t, b.pool, `SELECT count(*) FROM pg_index WHERE NOT indisvalid`))
	require.Contains(t, dump(t, b.url), "CREATE INDEX idx_music_generations_task_type ON public.music_generations USING btree (task_type)")
}
