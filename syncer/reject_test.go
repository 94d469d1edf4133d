package syncer

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/task"
)

// titled answers every task with one clip whose title is the task's id.
func titled(_ context.Context, refs []task.Ref) ([]task.Observation, error) {
	out := make([]task.Observation, len(refs))
	for i, r := range refs {
		out[i] = task.Observation{TaskID: r.TaskID, Status: task.Complete, Items: []task.Item{item("clip-of-"+r.TaskID, r.TaskID)}}
	}
	return out, nil
}

// Words that rows and messages have in common do not make many causes of one.
func TestOneCauseIsOneCauseForAllRows(t *testing.T) {
	t.Parallel()
	titles := []string{"a", "e", "too", "new row", "value", "song"}
	for name, c := range map[string]struct{ sql, shown string }{
		"a CHECK": {`ALTER TABLE music_clips ADD CONSTRAINT never CHECK (title = '')`, `violates check constraint \"never\"`},
		"a value": {`ALTER TABLE music_clips ALTER audio_url TYPE varchar(3)`, "value too long for type character varying(3)"},
		"a trigger": {`CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no new song may be called %', NEW.title; END $$;
			CREATE TRIGGER no BEFORE INSERT ON music_clips FOR EACH ROW EXECUTE FUNCTION no()`, "PL/pgSQL function no() line 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, upstreamIs(fetchFunc(titled)))
			b.exec(c.sql)
			for _, r := range b.sync(b.cohort(0, titles...)...) {
				require.Equal(t, ReasonClipsUpdateFailed, r.Reason)
			}
			require.Equal(t, 1, strings.Count(b.log.String(), "The database rejects results"), b.log)
			require.Contains(t, b.log.String(), c.shown)
			for _, title := range titles {
				require.NotContains(t, b.log.String(), "called "+title)
			}
			waiting, err := b.syncer.queries.MemoryRefusedList(t.Context(), b.pool)
			require.NoError(t, err)
			require.Len(t, waiting, 1)
			require.EqualValues(t, len(titles), waiting[0].Waiting)
		})
	}
}

// Two triggers are two causes, although both raise the same SQLSTATE.
func TestTwoTriggersAreTwoCauses(t *testing.T) {
	t.Parallel()
	b := setup(t, upstreamIs(fetchFunc(titled)))
	b.exec(`
		CREATE FUNCTION one() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not one of them'; END $$;
		CREATE FUNCTION two() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not two of them'; END $$;
		CREATE TRIGGER one BEFORE INSERT ON music_clips FOR EACH ROW WHEN (NEW.title = 'one song') EXECUTE FUNCTION one();
		CREATE TRIGGER two BEFORE INSERT ON music_clips FOR EACH ROW WHEN (NEW.title = 'two songs') EXECUTE FUNCTION two()`)
	b.sync(b.cohort(time.Hour, "one song", "two songs")...)
	require.Equal(t, 2, strings.Count(b.log.String(), "The database rejects results"), b.log)
	require.Contains(t, b.log.String(), "not one of them")
	require.Contains(t, b.log.String(), "not two of them")
	waiting, err := b.syncer.queries.MemoryRefusedList(t.Context(), b.pool)
	require.NoError(t, err)
	require.Len(t, waiting, 2)
}
