package clips

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/queries"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

func exec(t *testing.T, pool *pgxpool.Pool, sql string) {
	t.Helper()
	_, err := pool.Exec(context.WithoutCancel(t.Context()), sql)
	require.NoError(t, err)
}

// A table that needs no more has the statement that is always the same.
func TestThePlainTable(t *testing.T) {
	t.Parallel()
	pool := postgrestest.Pool(t)
	plan, err := Read(t.Context(), pool)
	require.NoError(t, err)
	require.Equal(t, Plan{}, plan)
	for _, alter := range []string{
		`ADD album text`, `ADD rating int NOT NULL DEFAULT 0`, `ALTER created_at SET DEFAULT CURRENT_TIMESTAMP`, `ALTER title TYPE varchar(300)`,
	} {
		exec(t, pool, `ALTER TABLE music_clips `+alter)
		plan, err = Read(t.Context(), pool)
		require.NoError(t, err)
		require.Equal(t, Plan{}, plan, alter)
	}
}

func TestTheColumnsOfAPlan(t *testing.T) {
	t.Parallel()
	pool := postgrestest.Pool(t)
	exec(t, pool, `
		ALTER TABLE music_generations ADD mood text, ADD price numeric, ADD "Org" bigint NOT NULL DEFAULT 1;
		ALTER TABLE music_clips ADD user_id uuid NOT NULL, ADD mood text, ADD "Org" bigint, ADD price uuid, ADD album text NOT NULL,
			ADD completed_at timestamptz, ADD error_message text, ADD provider text`)
	plan, err := Read(t.Context(), pool)
	require.NoError(t, err)
	require.Equal(t, []string{"user_id", "mood", "Org", "provider"}, plan.Filled)
	require.Equal(t, []string{"album"}, plan.Missing)
	require.Contains(t, plan.Text, `"Org"`)
	require.Contains(t, plan.Least, `"user_id"`)
	require.NotContains(t, plan.Least, `"mood"`)
	exec(t, pool, `PREPARE full_one AS `+plan.Text)
	exec(t, pool, `PREPARE least_one AS `+plan.Least)
}

// A role that may insert some columns only is not stopped by the others.
func TestColumnPrivileges(t *testing.T) {
	t.Parallel()
	pool := postgrestest.Pool(t)
	role := "clips_" + strings.ToLower(t.Name())
	exec(t, pool, `ALTER TABLE music_clips ADD user_id uuid, ADD tenant text; ALTER TABLE music_generations ADD tenant text`)
	exec(t, pool, `CREATE ROLE `+role)
	exec(t, pool, `GRANT `+role+` TO CURRENT_USER`)
	t.Cleanup(func() {
		exec(t, pool, `DROP OWNED BY `+role)
		exec(t, pool, `DROP ROLE `+role)
	})
	exec(t, pool, `GRANT SELECT ON music_generations, music_clips TO `+role)
	exec(t, pool, `GRANT INSERT (generation_id, clip_id, status, title, audio_url, stream_audio_url, video_url, image_url, lyrics, tags, model_name, duration, user_id)
		ON music_clips TO `+role)
	var generation string
	require.NoError(t, pool.QueryRow(t.Context(), `INSERT INTO music_generations (user_id, tenant) VALUES (gen_random_uuid(), 'acme') RETURNING id`).Scan(&generation))
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	defer tx.Rollback(t.Context()) //nolint:errcheck // committed by then
	_, err = tx.Exec(t.Context(), `SET LOCAL ROLE `+role)
	require.NoError(t, err)
	n, err := NewInserter().Insert(t.Context(), tx, oneClip(generation), false)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	require.NoError(t, tx.Commit(t.Context()))
	var owned, tenants int
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(user_id), count(tenant) FROM music_clips`).Scan(&owned, &tenants))
	require.Equal(t, []int{1, 0}, []int{owned, tenants})
}

func oneClip(generation string) queries.ClipInsertManyParams {
	none := []string{""}
	return queries.ClipInsertManyParams{
		GenerationIds: []string{generation}, ClipIds: []string{"clip"}, Statuses: []string{"complete"}, Titles: none, AudioUrls: none, StreamAudioUrls: none,
		VideoUrls: none, ImageUrls: none, Lyrics: none, Tags: none, ModelNames: none, Durations: []float64{0},
	}
}
