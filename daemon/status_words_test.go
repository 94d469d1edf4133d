package daemon

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/internal/simulator"
	"tasksync/internal/view"
	"tasksync/task"
)

// threeWords makes tables whose statuses are pending, completed or error, and the
// configuration for them.
func threeWords(t *testing.T) (*bundle, Config) {
	t.Helper()
	b := setupOn(t, postgrestest.Empty(t))
	b.exec(applicationTables + `
		ALTER TABLE music_generations ALTER status SET DEFAULT 'pending', ADD CHECK (status IN ('pending', 'completed', 'error'));
		ALTER TABLE music_clips ALTER status SET DEFAULT 'pending', ADD CHECK (status IN ('pending', 'completed', 'error'))`)
	cfg := b.config()
	cfg.StatusWords = map[task.Status]string{
		task.Submitted: "pending", task.Queued: "pending", task.Processing: "pending", task.Streaming: "pending", task.Complete: "completed", task.Failed: "error",
	}
	return b, cfg
}

// is returns how many rows of the ids have the status, as it stands in the column.
func (b *bundle) is(status string, ids ...string) int {
	b.Helper()
	return b.count(`SELECT count(*) FROM music_generations WHERE status = $1 AND id = ANY ($2::uuid[])`, status, ids)
}

// TestRowsEndInTheApplicationsWords: rows and clips; the HTTP side and the events have
// tasksync's words.
func TestRowsEndInTheApplicationsWords(t *testing.T) {
	t.Parallel()
	b, cfg := threeWords(t)
	b.run(cfg)
	good := b.submit()
	b.exec(`INSERT INTO music_clips (generation_id, clip_id) SELECT id, task_id || '-generate-0' FROM music_generations`)
	refused := b.insert(task.Generate, b.sim.Submit(task.Generate, simulator.RefusedArtist))
	b.until("they end", func() bool { return b.is("completed", good) == 1 && b.is("error", refused) == 1 })
	require.Equal(t, 2, b.count(`SELECT count(*) FROM music_clips WHERE status = 'completed' AND audio_url IS NOT NULL`))
	require.Equal(t, 1, b.count(`SELECT count(*) FROM music_generations WHERE status = 'completed' AND completed_at IS NOT NULL AND error_code IS NULL`))
	require.Equal(t, 1, b.count(`SELECT count(*) FROM tasksync.generation_events WHERE from_status = 'submitted' AND to_status = 'complete'`))
	shown, err := view.Load(t.Context(), b.pool, []string{good}, view.Options{Words: cfg.words()})
	require.NoError(t, err)
	require.Equal(t, "complete", shown[0].Status)
	require.Equal(t, "complete", shown[0].Clips[0].Status)
	require.NotContains(t, b.log.String(), "rejects")
	require.NotContains(t, b.examine(cfg), "status")
}

// TestNothingIsWrittenTwiceInOneWord: the looks at a row under way find processing,
// for which the column has the word that stands there.
func TestNothingIsWrittenTwiceInOneWord(t *testing.T) {
	t.Parallel()
	b, cfg := threeWords(t)
	cfg.PollInterval = 50 * time.Millisecond
	r := b.run(cfg)
	id := b.insert(task.Generate, b.sim.Submit(task.Generate, simulator.Stuck))
	b.exec(`INSERT INTO music_clips (generation_id, clip_id) SELECT id, task_id || '-generate-0' FROM music_generations`)
	version := func() int {
		return b.count(`SELECT (g.xmin::text::bigint + c.xmin::text::bigint)::int FROM music_generations AS g JOIN music_clips AS c ON c.generation_id = g.id`)
	}
	looks := func() float64 { return r.metric(t, "tasksync_passes_total") }
	b.until("it was looked at", func() bool { return looks() >= 3 })
	before, seen := version(), looks()
	b.until("it was looked at often", func() bool { return looks() >= seen+10 })
	require.Equal(t, before, version(), "neither row nor clip was written")
	require.Equal(t, 1, b.is("pending", id))
	require.Zero(t, b.count(`SELECT count(*) FROM tasksync.generation_events`))
	require.Zero(t, r.metric(t, "tasksync_commits_refused_total"))
}

// TestRetryInTheApplicationsWords: Retry finds failed rows by the application's word,
// and by tasksync's own, which an earlier configuration wrote.
func TestRetryInTheApplicationsWords(t *testing.T) {
	t.Parallel()
	b, cfg := threeWords(t)
	r := b.run(cfg)
	id := b.insert(task.Generate, b.sim.Submit(task.Generate, simulator.RefusedArtist))
	b.until("it fails", func() bool { return b.is("error", id) == 1 })
	b.exec(`INSERT INTO music_clips (generation_id, clip_id, status) SELECT id, 'a', 'error' FROM music_generations`)
	b.stop(r)
	_, err := Retry(t.Context(), Config{DatabaseURL: b.database}, RetryRequest{IDs: []string{id}}, nil)
	require.ErrorContains(t, err, "TASKSYNC_STATUS_WORDS=submitted:pending,processing:pending,streaming:pending,complete:completed,failed:error", "without the words it is no failed row")
	require.Equal(t, 1, b.retry(cfg, id))
	require.Equal(t, 1, b.is("pending", id))
	require.Equal(t, 1, b.count(`SELECT count(*) FROM music_clips WHERE status = 'pending'`))
	b.exec(`ALTER TABLE music_generations DROP CONSTRAINT music_generations_status_check; UPDATE music_generations SET status = 'FAILED'`)
	require.Equal(t, 1, b.retry(cfg, id))
}

func (b *bundle) retry(cfg Config, ids ...string) int {
	b.Helper()
	n, err := Retry(b.Context(), cfg, RetryRequest{IDs: ids}, nil)
	require.NoError(b, err)
	return n
}

// TestOneWordIsLessThanTheColumnPermits: without words for the statuses in between, the
// database rejects these, and the end is written all the same.
func TestRejectedWordsInBetween(t *testing.T) {
	t.Parallel()
	b, cfg := threeWords(t)
	cfg.StatusWords = map[task.Status]string{task.Complete: "completed", task.Failed: "error"}
	b.run(cfg)
	id := b.submit()
	b.until("it is done", func() bool { return b.is("completed", id) == 1 })
}

// TestClipsKeepTheirSpelling while their status stays.
func TestClipsKeepTheirSpelling(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.run(b.config())
	id := b.insert(task.Generate, b.sim.Submit(task.Generate, simulator.Stuck))
	b.exec(`INSERT INTO music_clips (generation_id, clip_id, status) SELECT id, task_id || '-generate-0', 'Pending' FROM music_generations`)
	b.until("it is under way", func() bool { return b.is("submitted", id) == 0 })
	require.Zero(t, b.count(`SELECT count(*) FROM music_clips WHERE status = 'submitted'`))
}

func TestWordsOfAConfig(t *testing.T) {
	t.Parallel()
	b := &bundle{T: t, database: "postgres://u:p@127.0.0.1:1/x"}
	cfg := b.config()
	cfg.StatusWords = map[task.Status]string{task.Processing: "rendering"}
	err := cfg.WithDefaults().Validate()
	require.ErrorIs(t, err, ErrConfig)
	require.ErrorContains(t, err, `StatusWords give processing the word "rendering"; a pending row needs one of created,`)
	_, err = Retry(t.Context(), cfg, RetryRequest{}, nil)
	require.ErrorIs(t, err, ErrConfig)
}
