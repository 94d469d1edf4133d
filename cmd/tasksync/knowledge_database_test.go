package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
	"tasksync/task"
)

// rejection is a way in which the application's schema rejects a result: SQL that makes
// the schema so, SQL that mends it, and words of the log line about it.
type rejection struct {
	name, breaks, mends string
	names               []string
}

var rejections = []rejection{
	{
		"a column NOT NULL",
		`ALTER TABLE music_clips ADD COLUMN album text NOT NULL`,
		`ALTER TABLE music_clips ALTER COLUMN album DROP NOT NULL`,
		[]string{"album"},
	},
	{
		"a trigger that raises",
		`CREATE FUNCTION refuse_clips() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the archive is closed'; END $$;
		CREATE TRIGGER refuse_clips BEFORE INSERT OR UPDATE ON music_clips FOR EACH ROW EXECUTE FUNCTION refuse_clips()`,
		`DROP TRIGGER refuse_clips ON music_clips`,
		[]string{"refuse_clips", "the archive is closed", "P0001"},
	},
	{
		"a check",
		`ALTER TABLE music_clips ADD CONSTRAINT clips_are_short CHECK (duration IS NULL OR duration < 1)`,
		`ALTER TABLE music_clips DROP CONSTRAINT clips_are_short`,
		[]string{"clips_are_short"},
	},
	{
		"a full disk", // as Postgres says it
		`CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE disk_full USING MESSAGE = 'could not extend file'; END $$;
		CREATE TRIGGER no_room BEFORE INSERT OR UPDATE ON music_clips FOR EACH ROW EXECUTE FUNCTION no_room()`,
		`DROP TRIGGER no_room ON music_clips`,
		[]string{"could not extend file"},
	},
	{
		"a trigger on generations",
		`CREATE FUNCTION refuse_ends() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF NEW.status IN ('complete', 'failed') THEN RAISE EXCEPTION 'the ledger is closed'; END IF; RETURN NEW; END $$;
		CREATE TRIGGER refuse_ends BEFORE UPDATE ON music_generations FOR EACH ROW EXECUTE FUNCTION refuse_ends()`,
		`DROP TRIGGER refuse_ends ON music_generations`,
		[]string{"refuse_ends", "the ledger is closed", "P0001"},
	},
}

// Results that the database rejects are not lost: their rows stay pending past the
// deadline, one log line says what the matter is, and the rows complete by themselves
// when that is mended.
func TestRefusedResultsAreNotLost(t *testing.T) {
	t.Parallel()
	for _, refusal := range rejections {
		t.Run(refusal.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "sunoapi")
			d := start(t, w.with(), "run")
			d.ready(t)
			w.exec(t, refusal.breaks)
			tasks := w.add(t, 3, simulator.Success, 0)
			w.asked(t, d, 1, tasks...)
			w.finish()
			w.outlive(t, shortTimeout)
			since := time.Now()
			w.await(t, d, "each was asked for past the deadline", func() bool {
				for _, id := range tasks {
					if times := w.front.times(id); times[len(times)-1].Before(since) {
						return false
					}
				}
				return true
			})
			require.Equal(t, 3, w.count(t, `SELECT count(*) FROM music_generations WHERE status NOT IN ('complete', 'failed')`), w.standing(t))
			w.outlive(t, 3*shortTimeout)
			require.Equal(t, 3, w.count(t, `SELECT count(*) FROM music_generations WHERE status NOT IN ('complete', 'failed')`), w.standing(t))
			require.Len(t, d.loud(refusal.names...), 1, "one line for each thing that refuses, not for each look:\n%s", tail(d.output()))
			w.exec(t, refusal.mends)
			w.complete(t, d, worldPatience, tasks...)
			w.ended(t, d)
		})
	}
}

// Clips of another row have the ids of these results, and the application's index
// permits each id once.
func TestClipIDsThatAreTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sunoapi")
	d := start(t, w.with(), "run")
	d.ready(t)
	w.exec(t, `CREATE UNIQUE INDEX one_clip_each ON music_clips (clip_id)`)
	tasks := w.add(t, 4, simulator.Ready, 0)
	w.complete(t, d, worldPatience, tasks...)
	// The first row gets the clips of a task that is not its own.
	taken := w.add(t, 1, simulator.Success, 0)[0]
	record, _ := w.sim.Task(taken)
	for _, c := range record.Expected.Clips {
		w.exec(t, `INSERT INTO music_clips (generation_id, clip_id) SELECT id, $2 FROM music_generations WHERE task_id = $1`, tasks[0], c.ClipID)
	}
	w.asked(t, d, 1, taken)
	w.finish()
	w.outlive(t, 3*shortTimeout)
	require.True(t, task.Status(w.of(t, taken).Status).Pending(), w.standing(t))
	require.Len(t, d.loud("one_clip_each"), 1, tail(d.output()))
	others := w.add(t, 4, simulator.Ready, 0)
	w.complete(t, d, worldPatience, others...)
	w.exec(t, `DROP INDEX one_clip_each`)
	w.complete(t, d, worldPatience, taken)
	verifyClips(t, record, w.clips(t)[w.of(t, taken).ID], "the row whose ids were taken")
	require.Zero(t, d.stop(t), tail(d.output()))
}

// loud returns the warnings and errors of the log that have one of the words.
func (p *process) loud(words ...string) (found []string) {
	for line := range strings.Lines(p.output()) {
		var entry struct{ Level string }
		if json.Unmarshal([]byte(line), &entry) == nil && (entry.Level == "WARN" || entry.Level == "ERROR") && containsAny(line, words...) {
			found = append(found, line)
		}
	}
	return found
}

// The application replaces the values of a complete clip by its own while the other
// clip is under way. The application's values stay, whichever text sorts first.
func TestWhatTheApplicationWroteStays(t *testing.T) {
	t.Parallel()
	for _, provider := range []string{"sunoapi", "sunoproxy", "acedata"} {
		for _, sorts := range []string{"AAA", "zzz"} {
			t.Run(provider+" "+sorts, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, provider)
				d := start(t, w.with("TASKSYNC_TIMEOUT", "10m"), "run")
				d.ready(t)
				id := w.add(t, 1, simulator.Success, 0)[0]
				w.advance(99999 * time.Millisecond) // the first clip is final by 100 s, all are not before that
				const complete = `SELECT count(*) FROM music_clips WHERE status = 'complete' AND audio_url IS NOT NULL`
				w.await(t, d, "the first clip is complete", func() bool { return w.count(t, complete) == 1 })
				url, title := fmt.Sprintf("https://%s.example/copies/1.mp3", strings.ToLower(sorts)), sorts+", as the user calls it"
				w.exec(t, `UPDATE music_clips SET audio_url = $1, title = $2, image_url = $3 WHERE status = 'complete'`, url, title, url+".png")
				kept := func() int {
					return w.count(t, `SELECT count(*) FROM music_clips WHERE audio_url = $1 AND title = $2 AND image_url = $3`, url, title, url+".png")
				}
				w.asked(t, d, len(w.front.times(id))+3, id)
				require.Equal(t, 1, kept(), "three looks later")
				require.NotEqual(t, "complete", w.of(t, id).Status)
				w.finish()
				w.complete(t, d, worldPatience, id)
				require.Equal(t, 1, kept(), "at the end")
				require.Equal(t, 2, w.count(t, complete))
				require.Zero(t, d.stop(t), tail(d.output()))
			})
		}
	}
}
