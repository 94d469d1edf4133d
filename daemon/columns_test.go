package daemon

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/internal/simulator"
	"tasksync/queries"
	"tasksync/task"
)

// applicationTables has every column in the type that suits best.
const applicationTables = `
	CREATE TABLE music_generations (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), user_id uuid, task_id text, task_type text, provider text,
		status text DEFAULT 'submitted', error_code text, error_message text, created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now(),
		completed_at timestamptz);
	CREATE TABLE music_clips (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), generation_id uuid, clip_id text, status text, title text, audio_url text,
		stream_audio_url text, video_url text, image_url text, lyrics text, tags text, model_name text, duration double precision,
		created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now());
	CREATE SCHEMA extensions; CREATE EXTENSION citext SCHEMA extensions;
	CREATE DOMAIN word AS text; CREATE DOMAIN deep AS word; CREATE DOMAIN key AS uuid; CREATE TYPE mood AS ENUM ('submitted');`

// foreign makes a database with the application's tables and no migrations. Each
// change is a column and its type, like "music_clips.title citext".
func foreign(t *testing.T, changes ...string) *bundle {
	t.Helper()
	b := setupOn(t, postgrestest.Empty(t))
	b.exec(applicationTables)
	for _, c := range changes {
		table, rest, _ := strings.Cut(c, ".")
		column, kind, _ := strings.Cut(rest, " ")
		b.exec(`ALTER TABLE ` + table + ` ALTER ` + column + ` DROP DEFAULT, ALTER ` + column + ` TYPE ` + kind + ` USING NULL`)
	}
	b.exec(`ALTER TABLE music_generations ALTER created_at SET DEFAULT now()`)
	if !strings.Contains(strings.Join(changes, ","), "music_clips.id bigint") {
		b.exec(`ALTER TABLE music_clips ALTER id SET DEFAULT gen_random_uuid()`)
	}
	return b
}

func (b *bundle) exec(sql string) {
	b.Helper()
	_, err := b.pool.Exec(context.Background(), sql)
	require.NoError(b, err, sql)
}

// every returns a change to the type for each of the columns.
func every(kind, table string, columns ...string) []string {
	var out []string
	for _, c := range columns {
		out = append(out, table+"."+c+" "+kind)
	}
	return out
}

func texts(kind string) []string {
	return append(every(kind, "music_generations", "task_id", "task_type", "provider", "status", "error_code", "error_message", "user_id"),
		every(kind, "music_clips", "clip_id", "status", "title", "audio_url", "stream_audio_url", "video_url", "image_url", "lyrics", "tags", "model_name")...)
}

func numbers(kind string) []string { return []string{"music_clips.duration " + kind} }

// TestColumnsThatWork: every type that is accepted works, from the insert to the
// answer over HTTP.
func TestColumnsThatWork(t *testing.T) {
	t.Parallel()
	for name, changes := range map[string][]string{
		"as documented": nil, "varchar": texts("varchar(300)"), "char": texts("char(300)"), "domain": texts("deep"), "citext": texts("extensions.citext"),
		"uuid domain": append(every("key", "music_clips", "id", "generation_id"), every("key", "music_generations", "id", "user_id")...),
		"numeric":     numbers("numeric(10,2)"), "real": numbers("real"), "bigint": numbers("bigint"), "integer": numbers("integer"), "smallint": numbers("smallint"),
		"timestamp": append(every("timestamp", "music_generations", "created_at", "updated_at", "completed_at"), every("timestamp", "music_clips", "created_at", "updated_at")...),
		"date":      append(every("date", "music_generations", "updated_at", "completed_at"), every("date", "music_clips", "created_at", "updated_at")...),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			foreign(t, changes...).serves()
		})
	}
}

// serves has rows end in each way, and a user see one that does not end.
func (b *bundle) serves() {
	b.Helper()
	cfg := b.config()
	cfg.API.JWTSecret = jwtSecret
	r := b.run(cfg)
	insert := func(kind task.Type, fate simulator.Fate) string {
		var id string
		require.NoError(b, b.pool.QueryRow(b.Context(), `INSERT INTO music_generations (id, user_id, task_id, task_type, status)
			VALUES (gen_random_uuid(), '`+userOfTheAPI+`', '`+b.sim.Submit(kind, fate)+`', '`+string(kind)+`', 'submitted') RETURNING id::text`).Scan(&id))
		b.exec(`INSERT INTO music_clips (id, generation_id, clip_id, status) SELECT gen_random_uuid(), id, rtrim(task_id::text) || '-clip-1', 'submitted' FROM music_generations WHERE id = '` + id + `'`)
		return id
	}
	stuck := insert(task.Generate, simulator.Stuck)
	good := []string{insert(task.Generate, simulator.Ready), insert(task.Lyrics, simulator.Ready)}
	refused := insert(task.Extend, simulator.RefusedArtist)
	b.until("they end", func() bool {
		return b.done(good...) && b.count(`SELECT count(*) FROM music_generations WHERE status = 'failed' AND id = '`+refused+`'`) == 1
	})
	require.Equal(b, 3, b.count(`SELECT count(*) FROM tasksync.generation_events WHERE user_id = '`+userOfTheAPI+`' AND to_status IN ('complete', 'failed')`))
	token := b.token()
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		resp, body := r.asks(b.T, method, "/api/music/v2/sync", token, "")
		require.Equal(b, http.StatusOK, resp.StatusCode, body)
		var answer struct{ Generations []struct{ ID string } }
		require.NoError(b, json.Unmarshal([]byte(body), &answer))
		require.Len(b, answer.Generations, 1)
		require.Equal(b, stuck, answer.Generations[0].ID)
	}
	require.NotContains(b, b.examine(cfg), "FAIL")
}

// token returns a bearer token of the user whose rows serves inserts.
func (b *bundle) token() string {
	b.Helper()
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"sub": userOfTheAPI, "aud": "authenticated", "exp": time.Now().Add(time.Hour).Unix(),
	}).SignedString([]byte(jwtSecret))
	require.NoError(b, err)
	return signed
}

// TestColumnsThatDoNotWork: Run refuses them before a migration can fail half-way, and
// its error names the column, its type and the types that work.
func TestColumnsThatDoNotWork(t *testing.T) {
	t.Parallel()
	for change, must := range map[string]string{
		"music_generations.id bigint": "uuid", "music_generations.id text": "uuid", "music_clips.id bigint": "uuid", "music_clips.generation_id text": "uuid",
		"music_generations.status mood": "text", "music_generations.task_type mood": "text", "music_generations.provider mood": "text",
		"music_generations.error_code mood": "text", "music_generations.error_message jsonb": "text",
		"music_generations.task_id bigint": "text", "music_generations.task_id uuid": "text", "music_generations.completed_at bigint": "timestamptz",
		"music_generations.updated_at text": "timestamptz", "music_clips.created_at text": "timestamptz", "music_clips.updated_at bigint": "timestamptz",
		"music_clips.clip_id uuid": "text", "music_clips.status mood": "text", "music_clips.title text[]": "text", "music_clips.audio_url jsonb": "text",
		"music_clips.duration interval": "double precision", "music_clips.duration text": "double precision",
	} {
		t.Run(change, func(t *testing.T) {
			t.Parallel()
			b := foreign(t, change)
			name, kind, _ := strings.Cut(change, " ")
			want := name + " is " + kind + ", but must be " + must
			err := Run(t.Context(), b.config())
			require.ErrorIs(t, err, ErrColumns)
			require.ErrorContains(t, err, want)
			require.ErrorIs(t, CheckDatabase(t.Context(), b.pool), ErrColumns)
			require.Zero(t, b.count(`SELECT count(*) FROM pg_namespace WHERE nspname = 'tasksync'`), "nothing was migrated")
			require.Contains(t, b.examine(b.config()), "FAIL columns: "+want)
			var mend string
			require.NoError(t, Examine(t.Context(), b.config(), func(f Finding) {
				if f.Check == "columns" {
					mend = f.SQL
				}
			}))
			b.exec(mend)
			require.NoError(t, CheckDatabase(t.Context(), b.pool), mend)
			require.NoError(t, migrate(t.Context(), b.config().WithDefaults(), b.pool), mend)
		})
	}
}

// TestCreatedAtIsNoDay: a deadline of minutes cannot count from midnight.
func TestCreatedAtIsNoDay(t *testing.T) {
	t.Parallel()
	b := foreign(t, "music_generations.status mood", "music_generations.created_at date")
	err := CheckDatabase(t.Context(), b.pool)
	require.ErrorContains(t, err, "music_generations.status is mood", "all are named")
	require.ErrorContains(t, err, "music_generations.created_at is date, but must be timestamptz (or timestamp)")
}

// TestSettingsOfOtherCommands: what only a daemon's settings or role make right must not
// stop a command that lacks them and does not need them.
func TestSettingsOfOtherCommands(t *testing.T) {
	t.Parallel()
	b := foreign(t)
	b.exec(`ALTER TABLE music_generations ADD CHECK (status IN ('submitted', 'processing', 'streaming', 'completed', 'failed'));
		ALTER TABLE music_clips ADD workspace text NOT NULL`)
	cfg := b.config().WithDefaults()
	require.ErrorContains(t, migrate(t.Context(), cfg, b.pool), "workspace")
	require.NoError(t, CheckDatabase(t.Context(), b.pool), "the migrations can be applied")
	cfg.Clips, cfg.StatusWords = clipsUpdate, map[task.Status]string{task.Complete: "completed"}
	require.NoError(t, migrate(t.Context(), cfg, b.pool))
	_, err := Retry(t.Context(), Config{DatabaseURL: cfg.DatabaseURL, StatusWords: cfg.StatusWords, Version: cfg.Version}, RetryRequest{}, nil)
	require.NoError(t, err, "it inserts no clip")
}

// TestUsersOfNoUUID: only the API for users needs user_id.
func TestUsersOfNoUUID(t *testing.T) {
	t.Parallel()
	b := foreign(t, "music_generations.user_id bigint")
	cfg := b.config()
	cfg.API.JWTSecret = jwtSecret
	err := Run(t.Context(), cfg)
	require.ErrorIs(t, err, ErrColumns)
	require.ErrorContains(t, err, "music_generations.user_id is bigint, but must be uuid")
	require.NoError(t, CheckDatabase(t.Context(), b.pool))
	require.Contains(t, b.examine(b.config()), "warn columns: music_generations.user_id is bigint")
	b.run(b.config())
	taskID := b.sim.Submit(task.Generate, simulator.Ready)
	b.exec(`INSERT INTO music_generations (id, user_id, task_id, task_type, status) VALUES ('` + userOfTheAPI + `', 5, '` + taskID + `', 'generate', 'submitted')`)
	b.until("it is done", func() bool { return b.done(userOfTheAPI) })
}

// TestShortErrorMessages: a row must not stay pending because the text of its failure
// is too long for the column.
func TestShortErrorMessages(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"varchar(12)", "short_text"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := setupOn(t, postgrestest.Empty(t))
			b.exec(`CREATE DOMAIN short_text AS varchar(12);` + applicationTables +
				`; ALTER TABLE music_generations ALTER error_message TYPE ` + kind + `, ALTER created_at SET DEFAULT now();
				ALTER TABLE music_clips ALTER id SET DEFAULT gen_random_uuid()`)
			b.run(b.config())
			taskID := b.sim.Submit(task.Generate, simulator.RefusedArtist)
			b.exec(`INSERT INTO music_generations (id, task_id, task_type, status) VALUES ('` + userOfTheAPI + `', '` + taskID + `', 'generate', 'submitted')`)
			b.until("it has failed, with the beginning of the text", func() bool {
				return b.count(`SELECT count(*) FROM music_generations WHERE status = 'failed' AND length(error_message) = 12`) == 1
			})
		})
	}
}

// explainer returns the plan of a query instead of its rows.
type explainer struct{ *pgxpool.Pool }

func (e explainer) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return e.Pool.Query(ctx, "EXPLAIN "+sql, args...)
}

// recorder keeps the plan of a query.
type recorder struct {
	*pgxpool.Pool
	plan string
}

func (r *recorder) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	lines, err := r.Pool.Query(ctx, "EXPLAIN "+sql, args...)
	if err != nil {
		return nil, err
	}
	plan, err := pgx.CollectRows(lines, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	r.plan = strings.Join(plan, "\n")
	return r.Pool.Query(ctx, sql, args...)
}

// TestUsersRowsAreFoundByTheIndex for every type of user_id.
func TestUsersRowsAreFoundByTheIndex(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"uuid", "text", "varchar"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := foreign(t, "music_generations.user_id "+kind)
			require.NoError(t, migrate(t.Context(), b.config().WithDefaults(), b.pool))
			b.exec(`INSERT INTO music_generations (id, user_id, task_id, task_type, status)
				SELECT gen_random_uuid(), gen_random_uuid(), n, 'generate', 'submitted' FROM generate_series(1, 5000) AS n; ANALYZE music_generations`)
			plan, err := queries.New().GenerationListPendingByUser(t.Context(), explainer{b.pool}, queries.GenerationListPendingByUserParams{UserID: userOfTheAPI, MaxRows: 100})
			require.NoError(t, err)
			require.Contains(t, strings.Join(plan, "\n"), "tasksync_pending_by_user_id_idx")
			pages := &recorder{Pool: b.pool}
			_, err = queries.New().GenerationListByUser(t.Context(), pages, queries.GenerationListByUserParams{UserID: userOfTheAPI, AfterID: userOfTheAPI, AfterAt: 1, MaxRows: 100})
			require.NoError(t, err)
			require.Equal(t, 2, strings.Count(pages.plan, "tasksync_user_rows_idx"), pages.plan)
		})
	}
}
