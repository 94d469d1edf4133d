package daemon

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tasksync/feed"
	"tasksync/internal/simulator"
	"tasksync/queries"
	"tasksync/task"
)

// insertWith inserts a row of a task that is ready, with a status and a provider.
func (b *bundle) insertWith(status, provider string) (id string) {
	b.Helper()
	require.NoError(b, b.pool.QueryRow(context.Background(), `INSERT INTO music_generations (task_id, task_type, status, provider)
		VALUES ($1, 'generate', $2, nullif($3, '')) RETURNING id::text`, b.sim.Submit(task.Generate, simulator.Ready), status, provider).Scan(&id))
	return id
}

// metric returns the sum of the samples whose names begin so.
func (r *running) metric(t *testing.T, prefix string) (sum float64) {
	t.Helper()
	_, body := r.get("/metrics")
	for _, m := range regexp.MustCompile(`(?m)^`+regexp.QuoteMeta(prefix)+`\S* (\S+)$`).FindAllStringSubmatch(body, -1) {
		n, err := strconv.ParseFloat(m[1], 64)
		require.NoError(t, err)
		sum += n
	}
	return sum
}

// TestWordsOfPendingRowsAreHeard: by each feed, not only by the sweep.
func TestWordsOfPendingRowsAreHeard(t *testing.T) {
	t.Parallel()
	words := []string{"pending", "PENDING", "SUBMITTED", "Queued", "created", "New", "waiting", "in_progress", "In-Progress", "in progress", "inProgress", "RUNNING", "generating"}
	for mode, heard := range map[string][]string{
		feed.Notify: {"tasksync_notifications_total", "tasksync_feed_rows_read_total"}, feed.WAL: {"tasksync_wal_rows_total"}, feed.Poll: {"tasksync_feed_rows_read_total"},
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			cfg := b.config()
			cfg.Feed = mode
			r := b.run(cfg)
			b.until("it hears of rows in this way", func() bool { return r.metric(t, `tasksync_feed_mode{mode="`+mode+`"}`) == 1 })
			ids := make([]string, len(words))
			for i, word := range words {
				ids[i] = b.insertWith(word, "")
			}
			b.until("they are done", func() bool { return b.done(ids...) })
			b.until("the feed has heard of them", func() bool {
				n := 0.0
				for _, name := range heard {
					n += r.metric(t, name)
				}
				return n >= float64(len(words))
			})
		})
	}
}

// TestARowBecomesPendingByAnyWord: the update trigger hears of it.
func TestARowBecomesPendingByAnyWord(t *testing.T) {
	t.Parallel()
	b := setup(t)
	cfg := b.config()
	cfg.Feed = feed.Notify
	b.run(cfg)
	id := b.insertWith("draft", "")
	for _, word := range []string{"Complete", "FAILED", "completed", "Error"} { // ended, in any case
		b.insertWith(word, "")
	}
	b.exec(`UPDATE music_generations SET status = 'Pending' WHERE id = '` + id + `'`)
	b.until("it is done", func() bool { return b.done(id) })
	require.Equal(t, 4, b.count(`SELECT count(*) FROM music_generations WHERE status IN ('Complete', 'FAILED', 'completed', 'Error')`), "they stay as they are")
}

// plan is a database that explains queries instead of running them.
type plan struct {
	*pgxpool.Pool
	text string
}

var errExplained = errors.New("explained")

func (p *plan) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	rows, err := p.Pool.Query(ctx, "EXPLAIN "+sql, args...)
	if err != nil {
		return nil, err
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	p.text = strings.Join(lines, "\n")
	return nil, errExplained
}

// TestStatusesOfAllTypes: whatever the type of the column, a word counts in any case,
// and the queries use the indexes.
func TestStatusesOfAllTypes(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"text", "varchar(40)", "char(40)", "deep", "extensions.citext", `text COLLATE tr`, `text COLLATE loose`} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := foreign(t)
			b.exec(`CREATE COLLATION tr (provider = icu, locale = 'tr-TR'); CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
				ALTER TABLE music_generations ALTER status DROP DEFAULT, ALTER status TYPE ` + kind)
			require.NoError(t, migrate(t.Context(), b.config().WithDefaults(), b.pool))
			b.exec(`INSERT INTO music_generations (user_id, task_id, task_type, status)
				SELECT gen_random_uuid(), n, 'generate', (ARRAY['COMPLETE', 'completed', 'Cancelled'])[1 + n % 3] FROM generate_series(1, 20000) AS n;
				INSERT INTO music_generations (user_id, task_id, task_type, status)
				SELECT gen_random_uuid(), n, 'generate', (ARRAY['WAITING', 'Pending', 'IN_PROGRESS', 'rendering', NULL, repeat('ß', 40)])[1 + n % 6] FROM generate_series(1, 60) AS n;
				ANALYZE music_generations`)
			b.explains()
			words, err := queries.New().GenerationListOddWords(t.Context(), b.pool, task.StatusWords{}.Spellings(task.Complete, task.Failed))
			require.NoError(t, err)
			require.Equal(t, []queries.GenerationListOddWordsRow{{Word: "", Found: 10}, {Word: "rendering", Found: 10}, {Word: strings.Repeat("ß", 40), Found: 10}}, words)
		})
	}
}

// explains requires that the queries for pending rows use the indexes.
func (b *bundle) explains() {
	b.Helper()
	q, ctx, p := queries.New(), b.Context(), &plan{Pool: b.pool}
	cfg := b.config().WithDefaults()
	types, providers := cfg.Handlers.Names(), cfg.providerWords().All()
	for name, ask := range map[string]func() error{
		"by_created_at new": func() error {
			_, err := q.GenerationListNew(ctx, p, queries.GenerationListNewParams{AfterID: userOfTheAPI, MaxRows: 10})
			return err
		},
		"by sweep": func() error {
			_, err := q.GenerationListUnfollowed(ctx, p, queries.GenerationListUnfollowedParams{TaskTypes: types, Providers: providers, MaxRows: 10})
			return err
		},
		"by stats":   func() error { _, err := q.GenerationPendingStats(ctx, p, nil); return err },
		"by doctor":  func() error { _, err := q.DoctorPendingList(ctx, p); return err },
		"by overdue": func() error { _, err := q.MemoryOverdueStats(ctx, p, cfg.overdue()); return err },
		"by_task_id tasks": func() error {
			_, err := q.GenerationListPendingByTask(ctx, p, queries.GenerationListPendingByTaskParams{TaskIds: []string{"7"}, Providers: providers, MaxRows: 10})
			return err
		},
		"by_user_id user": func() error {
			_, err := q.GenerationListPendingByUser(ctx, p, queries.GenerationListPendingByUserParams{UserID: userOfTheAPI, MaxRows: 10})
			return err
		},
	} {
		require.ErrorIs(b, ask(), errExplained, name)
		index, _, _ := strings.Cut(name, " ")
		require.Contains(b, p.text, "tasksync_pending_"+index, name)
		require.NotContains(b, p.text, "Seq Scan on music_generations", name)
	}
	_, err := q.GenerationListOddWords(ctx, p, nil)
	require.ErrorIs(b, err, errExplained)
	require.NotContains(b, p.text, "Seq Scan")
}

// TestOddWordsAreBounded, even where each row has a word of its own.
func TestOddWordsAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(`INSERT INTO music_generations (task_type, status) SELECT 'generate', repeat('x', 5000) || n FROM generate_series(1, 1200) AS n;
		INSERT INTO music_generations (task_type, status) SELECT 'generate', 'word ' || n FROM generate_series(1, 200) AS n;
		INSERT INTO music_generations (task_type, status) SELECT 'generate', 'fertig' FROM generate_series(1, 100) AS n;
		INSERT INTO music_generations (task_type, status) SELECT NULL, 'draft' FROM generate_series(1, 10) AS n`)
	words, err := queries.New().GenerationListOddWords(t.Context(), b.pool, []string{"fertig"})
	require.NoError(t, err)
	require.Len(t, words, 49, "50, without the one that is known")
	b.exec(`DELETE FROM music_generations WHERE status LIKE 'word %'`)
	words, err = queries.New().GenerationListOddWords(t.Context(), b.pool, []string{"fertig"})
	require.NoError(t, err)
	require.Equal(t, []queries.GenerationListOddWordsRow{{Word: strings.Repeat("x", 40), Found: 1000}}, words)
}

// TestAliasesOfProviders: rows name the provider in the application's words.
func TestAliasesOfProviders(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.run(b.config())
	var ids []string
	for _, word := range []string{"", "sunoapi", "SunoAPI", " suno ", "SUNOAPI.ORG", "suno_api"} {
		ids = append(ids, b.insertWith("pending", word))
	}
	strange := b.insertWith("pending", "udio")
	b.until("they are done", func() bool { return b.done(ids...) })
	require.False(t, b.done(strange))
	b.until("it is counted", func() bool { return r.metric(t, `tasksync_ignored_generations{reason="unknown_provider"}`) == 1 })
	require.Contains(t, b.examine(b.config()), `warn rows: 1 pending of provider "udio", which is not configured`)
	b.stop(r)
	b.stop(b.run(b.config())) // rows were followed here, so one odd row does not stop the others
}

// TestProvidersThatNobodyKnows: a daemon that would follow no row does not start.
func TestProvidersThatNobodyKnows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.insertWith("pending", "udio")
	b.insertWith("pending", "Acme Music")
	err := Run(t.Context(), b.config())
	require.ErrorContains(t, err, `all 2 pending rows name providers that are not configured ("Acme Music": 1, "udio": 1)`)
	require.ErrorContains(t, err, "set TASKSYNC_PROVIDER or TASKSYNC_PROVIDERS")
	require.Contains(t, b.examine(b.config()), "FAIL providers: all 2 pending rows")
	id := b.insertWith("pending", "")
	b.run(b.config())
	b.until("it is done", func() bool { return b.done(id) })
}

// TestRowsWaitForTheirTask: a row that stands in a queue of the application's for
// longer than the deadline does not fail, and has all of its time from its task on.
func TestRowsWaitForTheirTask(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(`INSERT INTO music_generations (id, task_type, status, created_at) VALUES ('00000000-0000-4000-8000-000000000001', 'generate', 'pending', now() - interval '2 hours')`)
	require.Contains(t, b.examine(b.config()), "1 pending, none past the deadline", "before anybody has looked at it, too")
	b.exec(`DELETE FROM music_generations WHERE id = '00000000-0000-4000-8000-000000000001'`)
	r := b.run(b.config())
	row := func(status string) (id string) {
		require.NoError(t, b.pool.QueryRow(t.Context(), `INSERT INTO music_generations (task_type, status, created_at) VALUES ('generate', $1, now() - interval '2 hours') RETURNING id::text`, status).Scan(&id))
		return id
	}
	waits, submitted := row("Created"), row("submitted")
	b.until("tasksync's own word says that there is a task", func() bool { return b.is("failed", submitted) == 1 })
	b.until("it is noted", func() bool {
		return b.count(`SELECT count(*) FROM tasksync.generation_memory WHERE generation_id = $1 AND reason = 'no_task_id'`, waits) == 1
	})
	require.Equal(t, 1, b.is("Created", waits))
	require.InDelta(t, 1, r.metric(t, `tasksync_ignored_generations{reason="no_task_id"}`), 0)
	require.Zero(t, r.metric(t, "tasksync_overdue_generations"))
	require.Zero(t, r.metric(t, "tasksync_oldest_pending_age_seconds"))
	require.Contains(t, b.examine(b.config()), "1 pending, none past the deadline")
	b.exec(`UPDATE music_generations SET task_id = '` + b.sim.Submit(task.Generate, simulator.Stuck) + `' WHERE id = '` + waits + `'`)
	b.until("it is under way", func() bool { return b.is("Created", waits) == 0 })
	require.Equal(t, 1, b.count(`SELECT count(*) FROM music_generations AS g JOIN tasksync.generation_memory AS m ON m.generation_id = g.id
		WHERE g.id = $1 AND g.status IN ('processing', 'streaming') AND m.began_at > now() - interval '1 minute'`, waits))
}
