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

// A number that may stand once in a row counts its clips, from the default and after
// those that are there.
func TestNumberedClips(t *testing.T) {
	t.Parallel()
	pool := postgrestest.Pool(t)
	exec(t, pool, `ALTER TABLE music_generations ADD number int DEFAULT 7;
		ALTER TABLE music_clips ADD clip_index smallint NOT NULL DEFAULT 0, ADD UNIQUE (generation_id, clip_index),
			ADD "Number" bigint DEFAULT '1'::bigint NOT NULL, ADD UNIQUE ("Number", generation_id),
			ADD rank int DEFAULT 0, ADD UNIQUE (generation_id, rank), ADD version int NOT NULL DEFAULT 1,
			ADD slot int NOT NULL DEFAULT 3, ADD UNIQUE (generation_id, slot, clip_id)`)
	plan, err := Read(t.Context(), pool)
	require.NoError(t, err)
	require.Equal(t, []string{"clip_index", "Number"}, plan.Numbered)
	exec(t, pool, `INSERT INTO music_generations (id) VALUES ('00000000-0000-0000-0000-000000000001'), ('00000000-0000-0000-0000-000000000002');
		INSERT INTO music_clips (generation_id, clip_id, clip_index, "Number", rank) VALUES ('00000000-0000-0000-0000-000000000002', 'there', 4, -5, NULL)`)
	n, err := NewInserter().Insert(t.Context(), pool, params([]string{
		"00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002", "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002",
	}), false)
	require.Error(t, err, "rank is the application's: %d", n)
	exec(t, pool, `ALTER TABLE music_clips DROP rank`)
	_, err = NewInserter().Insert(t.Context(), pool, params([]string{
		"00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002", "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002",
	}), false)
	require.NoError(t, err)
	var got string
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT string_agg(concat_ws(' ', right(generation_id::text, 1), clip_index, "Number"), ', ' ORDER BY generation_id, clip_index) FROM music_clips`).Scan(&got))
	require.Equal(t, "1 0 1, 1 1 2, 2 4 -5, 2 5 1, 2 6 2", got)
}

// params are clips of these rows.
func params(rows []string) queries.ClipInsertManyParams {
	p := queries.ClipInsertManyParams{GenerationIds: rows}
	for i := range rows {
		none := ""
		p.ClipIds, p.Statuses = append(p.ClipIds, "clip-"+string(rune('a'+i))), append(p.Statuses, "complete")
		p.Titles, p.AudioUrls, p.StreamAudioUrls, p.VideoUrls = append(p.Titles, none), append(p.AudioUrls, none), append(p.StreamAudioUrls, none), append(p.VideoUrls, none)
		p.ImageUrls, p.Lyrics, p.Tags, p.ModelNames = append(p.ImageUrls, none), append(p.Lyrics, none), append(p.Tags, none), append(p.ModelNames, none)
		p.Durations = append(p.Durations, 0)
	}
	return p
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
