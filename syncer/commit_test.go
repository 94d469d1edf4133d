package syncer

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
	"tasksync/task"
)

// cohort inserts rows with those task ids.
func (b *bundle) cohort(age time.Duration, taskIDs ...string) []string {
	b.Helper()
	ids := make([]string, len(taskIDs))
	for i, taskID := range taskIDs {
		ids[i] = b.insert(task.Merge, taskID, age)
	}
	return ids
}

func TestPoisonedMember(t *testing.T) {
	t.Parallel()
	for name, poison := range map[string]func(b *bundle){
		"clips by a CHECK constraint":   func(b *bundle) { b.rejectClips("title of bad") },
		"the row by a trigger":          func(b *bundle) { b.raiseFor("bad", "P0001") },
		"by a SQLSTATE of one's own":    func(b *bundle) { b.raiseFor("bad", "PT403") },
		"by a trigger's own mistake":    func(b *bundle) { b.raiseFor("bad", "21000") },
		"by an error inside of a value": func(b *bundle) { b.raiseFor("bad", "22P02") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, upstreamIs(fetchFunc(allDone)))
			poison(b)
			ids := b.cohort(0, "a", "bad", "b", "c")
			b.exec(`INSERT INTO music_clips (generation_id, clip_id) VALUES ($1, 'bad-merge-0')`, ids[1])
			results := b.sync(ids...)
			for i, r := range results {
				if i == 1 {
					continue
				}
				require.Equal(t, Result{ID: ids[i], Outcome: task.OutcomeSynced, NewStatus: task.Complete, ItemsUpdated: 1}, r)
				require.Equal(t, []string{"submitted complete poll SUCCESS"}, b.events(ids[i]))
				require.Len(t, b.clips(ids[i]), 1)
			}
			want := Result{ID: ids[1], Outcome: task.OutcomeFailed, Reason: ReasonClipsUpdateFailed, Next: b.clock.now().Add(30 * time.Second)}
			require.Equal(t, want, results[1])
			require.True(t, results[1].Unfit())
			require.Equal(t, row{Status: "submitted"}, b.row(ids[1]))
			require.Equal(t, map[string]task.Clip{"bad-merge-0": {ClipID: "bad-merge-0", Status: task.Submitted}}, b.clips(ids[1]), "all or nothing")
			require.Empty(t, b.events(ids[1]))
			require.NotContains(t, b.log.String(), "secret detail")

			results = b.sync(ids...)
			require.Equal(t, want, results[1], "alone it fares the same")
		})
	}
}

// Results that the database rejects end nothing, however late it is: the row
// waits until the cause is mended, and one line of the log asks for that.
func TestPoisonedMemberAtItsDeadline(t *testing.T) {
	t.Parallel()
	b := setup(t, upstreamIs(fetchFunc(allDone)))
	b.rejectClips("title of bad")
	ids := b.cohort(10*time.Minute, "a", "bad")
	results := b.sync(ids...)
	require.Equal(t, task.Complete, results[0].NewStatus)
	told := func() int { return strings.Count(b.log.String(), "The database rejects results") }
	for i, wait := range []time.Duration{0, 30 * time.Second, 5 * time.Minute, 100 * time.Hour} {
		require.Equal(t, 1, told(), "one line, not one for each look")
		b.clock.advance(wait)
		r := b.syncOne(ids[1])
		require.Equal(t, ReasonClipsUpdateFailed, r.Reason)
		require.Equal(t, row{Status: "submitted"}, b.row(ids[1]))
		require.Empty(t, b.clips(ids[1]))
		next := r.Next.Sub(b.clock.now())
		require.GreaterOrEqual(t, next, 30*time.Second)
		require.LessOrEqual(t, next, 10*time.Minute, "%d", i)
	}
	require.Equal(t, 2, told(), "after hours it is told again")
	require.Contains(t, b.log.String(), "no_such_title")
	require.NotContains(t, b.log.String(), "title of bad", "the contents of a row stay in it")
	waiting, err := b.syncer.queries.MemoryRefusedList(t.Context(), b.pool)
	require.NoError(t, err)
	require.Len(t, waiting, 1)
	require.Contains(t, waiting[0].Refused, "no_such_title")

	b.exec(`ALTER TABLE music_clips DROP CONSTRAINT no_such_title`)
	require.Equal(t, task.Complete, b.syncOne(ids[1]).NewStatus)
	require.Len(t, b.clips(ids[1]), 1)
	waiting, err = b.syncer.queries.MemoryRefusedList(t.Context(), b.pool)
	require.NoError(t, err)
	require.Empty(t, waiting)
}

// A row that another daemon ended while it held the lock keeps its late looks.
func TestARejectionLeavesEndedRowsAlone(t *testing.T) {
	t.Parallel()
	b := setup(t, upstreamIs(&still{}))
	id := b.insert(task.Merge, "t", time.Hour)
	b.sync(id)
	require.Equal(t, "failed", b.row(id).Status)
	require.Equal(t, 1, b.memories())
	m := &member{g: task.Generation{ID: id, Status: task.Submitted}, decision: task.Decision{Status: task.Complete}}
	b.syncer.keepPending(t.Context(), m, &pgconn.PgError{Code: "55P03"})
	b.clock.advance(2 * time.Minute)
	require.Equal(t, 1, b.late())
}

// A statement that takes too long, time and again, is logged once for all rows
// and looks, and doctor and metrics name it.
func TestACommitThatNeverEndsInTime(t *testing.T) {
	t.Parallel()
	b := setup(t, upstreamIs(fetchFunc(allDone)))
	b.raiseFor("bad", "57014")
	ids := []string{b.insert(task.Merge, "bad", time.Hour), b.insert(task.Merge, "bad", time.Hour)}
	for range 4 {
		for _, r := range b.sync(ids...) {
			require.Equal(t, ReasonClipsUpdateFailed, r.Reason)
		}
		b.clock.advance(30 * time.Second)
	}
	require.Equal(t, 1, strings.Count(b.log.String(), "level=ERROR"), b.log)
	waiting, err := b.syncer.queries.MemoryRefusedList(t.Context(), b.pool)
	require.NoError(t, err)
	require.Len(t, waiting, 1)
	require.Contains(t, waiting[0].Refused, "57014")
	r := b.syncOne(ids[0])
	require.Equal(t, time.Minute, r.Next.Sub(b.clock.now()), "it is looked at less and less")

	b.exec(`DROP TRIGGER refuse ON music_generations`)
	require.Equal(t, task.Complete, b.syncOne(ids[0]).NewStatus)
}

// A message may quote what was to be written.
func TestARejectionNamesNoContents(t *testing.T) {
	t.Parallel()
	m := &member{decision: task.Decision{Clips: []task.Clip{{Title: "My Song", Lyrics: "la la la", Tags: "pop"}}}, clips: []task.Clip{{Lyrics: "Hidden verse\nof the chorus"}}}
	for message, want := range map[string]string{
		`lyrics refused: la la la, of My Song`:               "SQLSTATE P0001, table music_clips: lyrics refused: …, of …",
		`invalid input syntax for type uuid: "secret words"`: "SQLSTATE P0001, table music_clips: invalid input syntax for type uuid",
		`bad song HIDDEN VERSE OF THE… (18 of 26)`:           "SQLSTATE P0001, table music_clips: bad song …… (18 of 26)",
	} {
		pg := &pgconn.PgError{Code: "P0001", TableName: "music_clips", Message: message}
		require.Equal(t, want, rejectionOf(m, pg))
		_, want, _ = strings.Cut(want, "clips: ")
		require.Equal(t, ": "+want+" (SQLSTATE P0001)", redactFor(m, fmt.Errorf("commit: %w", pg)).Error())
	}
}

// TestStatusIsRejected has clips that the database takes and a status that it
// does not: neither is written.
func TestStatusIsRejected(t *testing.T) {
	t.Parallel()
	b := setup(t, upstreamIs(fetchFunc(allDone)))
	b.exec(`ALTER TABLE music_generations ADD CONSTRAINT never CHECK (status <> 'complete')`)
	id := b.insert(task.Merge, "t", 0)
	require.Equal(t, ReasonClipsUpdateFailed, b.syncOne(id).Reason)
	require.Empty(t, b.clips(id))
	require.Empty(t, b.events(id))
}

func TestEventIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t, upstreamIs(fetchFunc(allDone)))
	b.exec(`ALTER TABLE tasksync.generation_events ADD CONSTRAINT never CHECK (to_status <> 'complete')`)
	id := b.insert(task.Merge, "t", 0)
	require.Equal(t, ReasonClipsUpdateFailed, b.syncOne(id).Reason)
	require.Empty(t, b.clips(id))
	require.Equal(t, row{Status: "submitted"}, b.row(id))
}

// Committed is called after the commit, and at no other time.
func TestCommitted(t *testing.T) {
	t.Parallel()
	var b *bundle
	var seen []int
	b = setup(t, upstreamIs(fetchFunc(allDone)), func(c *Config) {
		c.Committed = func() {
			var n int
			require.NoError(t, b.pool.QueryRow(t.Context(), `SELECT count(*) FROM tasksync.generation_events`).Scan(&n))
			seen = append(seen, n)
		}
	})
	b.sync(b.insert(task.Merge, "t", 0), b.insert(task.Merge, "u", 0))
	require.Equal(t, []int{2}, seen)
	b.exec(`ALTER TABLE tasksync.generation_events ADD CONSTRAINT never CHECK (to_status <> 'complete') NOT VALID`)
	b.syncOne(b.insert(task.Merge, "v", 0))
	require.Len(t, seen, 1)
}

// TestLockedRows has an application that holds some rows of a cohort in a
// transaction of its own.
func TestLockedRows(t *testing.T) {
	t.Parallel()
	b := setup(t, upstreamIs(fetchFunc(allDone)))
	young := b.cohort(0, "a", "b", "c", "d", "e", "f", "g", "h")
	old := b.cohort(time.Hour, "i", "j")
	locked := []string{young[1], young[3], young[4], young[6], old[1]}
	tx, err := b.pool.Begin(t.Context())
	require.NoError(t, err)
	defer tx.Rollback(context.Background()) //nolint:errcheck // it was committed
	_, err = tx.Exec(t.Context(), `SELECT FROM music_generations WHERE id = ANY ($1::uuid[]) FOR UPDATE`, locked)
	require.NoError(t, err)

	began := time.Now()
	for _, r := range b.sync(append(slices.Clone(young), old...)...) {
		if !slices.Contains(locked, r.ID) {
			require.Equal(t, task.Complete, r.NewStatus)
			continue
		}
		require.Equal(t, ReasonClipsUpdateFailed, r.Reason)
		require.Equal(t, "submitted", b.row(r.ID).Status, "a lock passes: it is no reason to fail, not even at the deadline")
		require.Empty(t, b.events(r.ID))
	}
	require.Less(t, time.Since(began), b.syncer.cfg.CommitTimeout)
	require.NoError(t, tx.Commit(t.Context()))
	for _, r := range b.sync(locked...) {
		require.Equal(t, task.Complete, r.NewStatus)
	}
}

// TestClassesOfErrors tells errors about the data from errors about the server, and
// among the former those that will be the same next time.
func TestClassesOfErrors(t *testing.T) {
	t.Parallel()
	var pg *pgconn.PgError
	for code, want := range map[string][2]bool{
		"23514": {true, true}, "P0001": {true, true}, "XX000": {true, true}, "42501": {true, true}, "A0001": {true, true},
		"40P01": {true, false}, "40001": {true, false}, "55P03": {true, false}, "57014": {true, false},
		"57P01": {false, false}, "57P03": {false, false}, "53300": {false, false}, "08006": {false, false}, "25006": {false, false}, "58030": {false, false},
	} {
		err := fmt.Errorf("commit: %w", &pgconn.PgError{Code: code})
		require.Equal(t, want, [2]bool{rejected(err), lasting(err)}, code)
		require.ErrorAs(t, redactPg(err), &pg)
	}
	require.False(t, rejected(context.DeadlineExceeded))
	require.False(t, lasting(nil))
}

// statements counts what a pool sends.
type statements struct {
	selects, begins, others atomic.Int64
}

func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	switch sql := data.SQL; {
	case sql == "-- ping":
	case strings.Contains(sql, "\nSELECT") || strings.HasPrefix(sql, "SELECT"):
		s.selects.Add(1)
	case strings.HasPrefix(sql, "begin"):
		s.begins.Add(1)
	default:
		s.others.Add(1)
	}
	return ctx
}

func (s *statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func TestPassThatChangesNothingWritesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	counts := &statements{}
	cfg := b.pool.Config()
	cfg.ConnConfig.Tracer = counts
	traced, err := pgxpool.NewWithConfig(t.Context(), cfg)
	require.NoError(t, err)
	defer traced.Close()

	var ids []string
	for _, kind := range []task.Type{task.Generate, task.Lyrics, task.Merge} {
		for _, fate := range []simulator.Fate{simulator.Success, simulator.StuckStreaming, simulator.Stuck, simulator.SourceAudio} {
			id, taskID := b.submit(kind, fate)
			b.exec(`INSERT INTO music_clips (generation_id, clip_id) VALUES ($1, $2)`, id, taskID+"-clip-1")
			ids = append(ids, id)
		}
	}
	for _, age := range []time.Duration{0, 50 * time.Second, 59 * time.Second, 200 * time.Second} {
		b.clock.at = b.clock.at.Add(age)
		b.sync(ids...)
		before := b.versions()
		b.syncer.cfg.Pool = traced
		for _, r := range b.sync(ids...) {
			require.Equal(t, task.OutcomeSkipped, r.Outcome)
			require.Zero(t, r.ItemsUpdated)
		}
		b.syncer.cfg.Pool = b.pool
		require.Equal(t, before, b.versions())
	}
	require.EqualValues(t, 3*4, counts.selects.Load(), "generations, clips, memory")
	require.Zero(t, counts.begins.Load())
	require.Zero(t, counts.others.Load())
}

// hostile are strings that SQL, arrays, JSON or Postgres could stumble over.
var hostile = []string{
	`'); DROP TABLE music_clips; --`, `{a,"b\`, `NULL`, `null`, `\N`, `"`, `""`, `{}`, `{{},{}}`, `$1`, `%s%n`, "tab\tand\nline", "ü 🎵 \u202e x",
	`\x00`, `\u0000`, `E'\\'`, "` ; --", `@ids::uuid[]`, "(1,2)", "\ufeff", `{"a":1}`,
}

func TestStringsSurviveTheWayIntoTheRow(t *testing.T) {
	t.Parallel()
	b := setup(t, upstreamIs(fetchFunc(func(_ context.Context, refs []task.Ref) ([]task.Observation, error) {
		var out []task.Observation
		for _, r := range refs {
			n := strings.TrimPrefix(r.TaskID, "t")
			var i int
			_, _ = fmt.Sscan(n, &i)
			s := hostile[i]
			out = append(out, task.Observation{
				TaskID: r.TaskID, Status: task.Complete, Raw: s,
				Items: []task.Item{
					{ID: "id" + s, Title: s, Lyrics: s, Tags: s, ModelName: s, AudioURL: "https://cdn.example/a.mp3", Status: task.Complete},
					{ID: "", Title: s, Status: task.Failed},
				},
			})
		}
		return out, nil
	})))
	var ids []string
	for i := range hostile {
		ids = append(ids, b.insert(task.Merge, fmt.Sprint("t", i), 0))
	}
	for range 2 { // insert, then update
		for i, r := range b.sync(ids...) {
			require.Equal(t, task.Complete, r.NewStatus, "%q %+v\n%s", hostile[i], r, b.log)
			require.Equal(t, 2, r.ItemsUpdated)
		}
		for i, id := range ids {
			s := strings.TrimSpace(hostile[i])
			clips := b.clips(id)
			c, ok := clips["id"+s]
			require.True(t, ok, "%q %v", s, clips)
			require.Equal(t, [4]string{s, s, s, s}, [4]string{c.Title, c.Lyrics, c.Tags, c.ModelName})
			require.Equal(t, s, clips[fmt.Sprintf("t%d-merge-0", i)].Title+clips[fmt.Sprintf("t%d-merge-1", i)].Title)
		}
		b.exec(`UPDATE music_generations SET status = 'submitted'`)
		b.exec(`UPDATE music_clips SET status = 'processing', title = NULL, lyrics = NULL`)
	}
}

// TestUpstreamSendsTooMuch has NULs and megabytes in its fields, over HTTP.
func TestUpstreamSendsTooMuch(t *testing.T) {
	t.Parallel()
	huge := strings.Repeat("xü", 350_000) // a megabyte
	for name, text := range map[string]string{"NUL": "a\x00b", "huge": huge, "only NUL": "\x00\x00"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			item := map[string]any{
				"id": "clip-1", "title": text, "prompt": text, "tags": text[:len(text)/100+1], "modelName": text[:1],
				"audioUrl": "https://cdn.example/a.mp3", "imageUrl": "https://cdn.example/" + text, "duration": 12.5,
			}
			b := setup(t, upstreamIs(adapter(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				data := map[string]any{"taskId": r.URL.Query().Get("taskId"), "status": "SUCCESS", "response": map[string]any{"sunoData": []any{item}}}
				if r.URL.Query().Get("taskId") == "fails" {
					data = map[string]any{"taskId": "fails", "status": "GENERATE_AUDIO_FAILED", "errorCode": 500, "errorMessage": text}
				}
				_ = json.NewEncoder(w).Encode(map[string]any{"code": 200, "msg": "success", "data": data})
			}))))
			ids := b.cohort(0, "works", "fails")
			b.sync(ids...)
			require.Equal(t, "complete", b.row(ids[0]).Status, b.log)
			require.Equal(t, "failed", b.row(ids[1]).Status)
			require.NotEmpty(t, b.row(ids[1]).Message)
			require.LessOrEqual(t, len(b.row(ids[1]).Message), 1<<10)
			c := b.clips(ids[0])["clip-1"]
			require.LessOrEqual(t, len(c.Title), 1<<10)
			require.LessOrEqual(t, len(c.Lyrics), 64<<10)
			require.Equal(t, name == "only NUL", c.Title == "")
			require.Equal(t, "https://cdn.example/a.mp3", c.AudioURL)
		})
	}
}

// A clip that the application inserts while the same one is committed makes the
// row wait for a moment, not for as long as after a rejection.
func TestAClipThatWasInsertedAtTheSameMoment(t *testing.T) {
	t.Parallel()
	b := setup(t, upstreamIs(fetchFunc(allDone)))
	id := b.insert(task.Merge, "t", 0)
	b.exec(`CREATE FUNCTION beside() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN RAISE unique_violation USING CONSTRAINT = 'music_clips_generation_id_clip_id_key'; END $$;
		CREATE TRIGGER beside BEFORE INSERT ON music_clips FOR EACH ROW EXECUTE FUNCTION beside()`)
	require.Equal(t, b.clock.now().Add(retrySoon), b.syncOne(id).Next)
	b.exec(`DROP TRIGGER beside ON music_clips`)
	require.Equal(t, task.Complete, b.syncOne(id).NewStatus)
}

// While the disk is full a row waits longer and longer: each look costs a call.
func TestAFullDiskIsNotAskedForEveryFiveSeconds(t *testing.T) {
	t.Parallel()
	b := setup(t, upstreamIs(fetchFunc(allDone)))
	b.raiseFor("t", "53100")
	id := b.insert(task.Merge, "t", 0)
	for age, want := range map[time.Duration]time.Duration{0: 30 * time.Second, 10 * time.Minute: 150 * time.Second, 24 * time.Hour: 10 * time.Minute} {
		b.exec(`ALTER TABLE music_generations DISABLE TRIGGER refuse`)
		b.exec(`UPDATE music_generations SET created_at = $2 WHERE id = $1`, id, b.clock.now().Add(-age))
		b.exec(`ALTER TABLE music_generations ENABLE TRIGGER refuse`)
		require.Equal(t, b.clock.now().Add(want), b.syncOne(id).Next, age)
		require.Equal(t, row{Status: "submitted"}, b.row(id))
	}
	b.exec(`DROP TRIGGER refuse ON music_generations`)
	require.Equal(t, task.Complete, b.syncOne(id).NewStatus)
}
