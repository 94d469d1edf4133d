package migrations_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/migrations"
)

// newest is the number of migration files, and so the newest version.
func newest(t *testing.T) int64 {
	t.Helper()
	names, err := fs.Glob(migrations.FS, "*.sql")
	require.NoError(t, err)
	return int64(len(names))
}

func TestFilesAreEmbeddedAndNumberedWithoutGaps(t *testing.T) {
	t.Parallel()
	onDisk, err := filepath.Glob("*.sql")
	require.NoError(t, err)
	embedded, err := fs.Glob(migrations.FS, "*")
	require.NoError(t, err)
	require.Equal(t, onDisk, embedded)

	name := regexp.MustCompile(`^(\d{5})_[a-z0-9_]+\.sql$`)
	sections := regexp.MustCompile(`(?m)^-- \+goose (Up|Down)$`)
	for i, file := range onDisk {
		want, err := os.ReadFile(file)
		require.NoError(t, err)
		got, err := migrations.FS.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), file)

		match := name.FindStringSubmatch(file)
		require.NotNil(t, match, file)
		require.Equal(t, fmt.Sprintf("%05d", i+1), match[1])
		require.Equal(t, []string{"-- +goose Up", "-- +goose Down"}, sections.FindAllString(string(got), -1), file)
	}
}

func TestUpAndDownLeaveTheApplicationItsOwn(t *testing.T) {
	t.Parallel()
	b := setupEmpty(t)
	last := newest(t)
	require.Equal(t, all(1, last), b.up(t))
	require.Empty(t, b.up(t))
	golden := dump(t, b.url)
	b.exec(t, `WITH g AS (INSERT INTO public.music_generations (task_id, task_type) VALUES ('t', 'extend') RETURNING id)
		INSERT INTO public.music_clips (generation_id, clip_id) SELECT id, 't-extend-' || n FROM g, generate_series(0, 1) AS n`)
	b.exec(t, `INSERT INTO tasksync.river_job (kind, args, max_attempts) VALUES ('sync', '{}', 1)`)
	before := applicationRows(t, b)

	for version := last; version > 0; version-- {
		applied, err := b.migrator.Down(t.Context())
		require.NoError(t, err)
		require.Equal(t, []int64{version}, versions(applied))
	}
	applied, err := b.migrator.Down(t.Context())
	require.NoError(t, err)
	require.Empty(t, applied)
	require.NotContains(t, dump(t, b.url), "tasksync.", "nothing of ours is left")
	require.Equal(t, before, applicationRows(t, b))

	stepwise, err := goose.NewProvider(goose.DialectPostgres, stdlib.OpenDBFromPool(b.pool), migrations.FS, goose.WithTableName(migrations.Table))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stepwise.Close()) })
	for version := int64(1); version <= last; version++ {
		pending, err := b.migrator.Pending(t.Context())
		require.NoError(t, err)
		require.True(t, pending)
		result, err := stepwise.UpByOne(t.Context())
		require.NoError(t, err)
		require.Equal(t, version, result.Source.Version)
	}
	pending, err := b.migrator.Pending(t.Context())
	require.NoError(t, err)
	require.False(t, pending)
	require.Equal(t, golden, dump(t, b.url))
	require.Equal(t, before, applicationRows(t, b))
}

// applicationRows returns the rows of the application's tables with their
// physical place and the transaction that wrote them, so that a row that was
// written again differs.
func applicationRows(t *testing.T, b *bundle) []string {
	t.Helper()
	return column[string](t, b.pool, `SELECT concat_ws(' ', ctid, xmin, g) FROM public.music_generations AS g
		UNION ALL SELECT concat_ws(' ', ctid, xmin, c) FROM public.music_clips AS c`)
}

func TestDownToTakesBackWhatIsAbove(t *testing.T) {
	t.Parallel()
	b := setup(t)
	last := newest(t)
	applied, err := b.migrator.DownTo(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, all(last, 2), versions(applied))
	applied, err = b.migrator.DownTo(t.Context(), 0)
	require.NoError(t, err)
	require.Equal(t, []int64{1}, versions(applied))
	require.Equal(t, all(1, last), b.up(t))
}

func TestStatusListsAllInOrder(t *testing.T) {
	t.Parallel()
	b := setupEmpty(t)
	last := newest(t)
	status := func() (applied, pending []int64) {
		list, err := b.migrator.Status(t.Context())
		require.NoError(t, err)
		require.Equal(t, all(1, last), versions(list))
		for _, a := range list {
			if a.Pending {
				pending = append(pending, a.Version)
			} else {
				applied = append(applied, a.Version)
			}
		}
		return applied, pending
	}

	applied, pending := status()
	require.Empty(t, applied)
	require.Equal(t, all(1, last), pending)
	b.up(t)
	_, err := b.migrator.Down(t.Context())
	require.NoError(t, err)
	applied, pending = status()
	require.Equal(t, all(1, last-1), applied)
	require.Equal(t, []int64{last}, pending)
	b.up(t)
	_, pending = status()
	require.Empty(t, pending)
}

// Two daemons, and more, may start at the same time.
func TestConcurrentUpsApplyOnce(t *testing.T) {
	t.Parallel()
	url := postgrestest.Empty(t)
	group, ctx := errgroup.WithContext(t.Context())
	applied := make(chan []int64, 8)
	for _, b := range []*bundle{open(t, url), open(t, url)} {
		for range cap(applied) / 2 {
			m := openMigrator(t, b.pool)
			group.Go(func() error {
				if _, err := m.Pending(ctx); err != nil {
					return err
				}
				list, err := m.Up(ctx)
				applied <- versions(list)
				return err
			})
		}
	}
	require.NoError(t, group.Wait())
	close(applied)
	var total []int64
	for list := range applied {
		total = append(total, list...)
	}
	require.True(t, slices.IsSorted(total))
	require.Equal(t, all(1, newest(t)), total)
}

func TestOneConnectionSuffices(t *testing.T) {
	t.Parallel()
	conf, err := pgxpool.ParseConfig(postgrestest.Empty(t))
	require.NoError(t, err)
	conf.MaxConns = 1
	b := openConfig(t, conf)
	b.up(t)
	_, err = b.migrator.DownTo(t.Context(), 0)
	require.NoError(t, err)
	require.Zero(t, value[int](t, b.pool, `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()`),
		"a pooled connection must not keep goose's lock")
}

// Triggers that were turned off stay off when a migration replaces them, up and down;
// those that are on stay on.
func TestTriggersStayAsTheyWere(t *testing.T) {
	t.Parallel()
	b := setup(t)
	on := func() []string {
		return column[string](t, b.pool, `SELECT tgname::text FROM pg_trigger WHERE tgrelid = 'public.music_generations'::regclass AND tgname LIKE 'tasksync%' AND tgenabled = 'O' ORDER BY 1`)
	}
	both := []string{"tasksync_notify_insert", "tasksync_notify_update"}
	for _, want := range [][]string{both, {"tasksync_notify_update"}, nil} {
		b.exec(t, `ALTER TABLE public.music_generations ENABLE TRIGGER tasksync_notify_insert, ENABLE TRIGGER tasksync_notify_update`)
		for _, name := range both {
			if !slices.Contains(want, name) {
				b.exec(t, `ALTER TABLE public.music_generations DISABLE TRIGGER `+name)
			}
		}
		_, err := b.migrator.DownTo(t.Context(), 18)
		require.NoError(t, err)
		require.ElementsMatch(t, want, on())
		b.up(t)
		require.ElementsMatch(t, want, on())
	}
	b.exec(t, `ALTER TABLE public.music_generations ENABLE ALWAYS TRIGGER tasksync_notify_insert, ENABLE ALWAYS TRIGGER tasksync_notify_update`)
	_, err := b.migrator.DownTo(t.Context(), 18)
	require.NoError(t, err)
	b.up(t)
	require.Equal(t, 2, value[int](t, b.pool, `SELECT count(*)::int FROM pg_trigger WHERE tgname LIKE 'tasksync_notify%' AND tgenabled = 'A'`), "always")
}
