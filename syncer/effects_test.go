package syncer

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tasksync/task"
)

// recordEnds makes an effect that writes "from to code via" into table ends.
func recordEnds(ctx context.Context, tx pgx.Tx, ends []Ending) error {
	for _, e := range ends {
		if _, err := tx.Exec(ctx, `INSERT INTO ends VALUES ($1, concat_ws(' ', $2::text, $3::text, nullif($4, ''), $5::text))`,
			e.Generation.ID, string(e.From), string(e.To), string(e.Code), string(e.Via)); err != nil {
			return err
		}
	}
	return nil
}

func setupEnds(t *testing.T, change ...func(*Config)) *bundle {
	b := setup(t, append(change, func(c *Config) { c.Effects = []Effect{recordEnds} })...)
	b.exec(`CREATE TABLE ends (generation_id uuid, said text, n bigserial)`)
	return b
}

func (b *bundle) ends(id string) []string {
	b.Helper()
	rows, err := b.pool.Query(context.Background(), `SELECT said FROM ends WHERE generation_id = $1 ORDER BY n`, id)
	require.NoError(b, err)
	said, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(b, err)
	return said
}

// Each end and each retry reaches the effects once, and nothing else does.
func TestEffectsHearOfEachEndOnce(t *testing.T) {
	t.Parallel()
	up := &still{}
	b := setupEnds(t, upstreamIs(up), func(c *Config) { c.Policy.Late = task.LateComplete })
	id := b.insert(task.Merge, "t", 9*time.Minute)
	b.sync(id)
	require.Empty(t, b.ends(id), "it is under way")
	b.clock.advance(time.Minute)
	b.sync(id)
	b.sync(id)
	want := []string{"processing failed API_ERROR timeout"}
	require.Equal(t, want, b.ends(id))

	_, err := b.syncer.Retry(t.Context(), RetryRequest{IDs: []string{id}}, nil)
	require.NoError(t, err)
	want = append(want, "failed submitted retry")
	require.Equal(t, want, b.ends(id))

	b.clock.advance(11 * time.Minute)
	b.sync(id)
	want = append(want, "submitted failed API_ERROR timeout")
	require.Equal(t, want, b.ends(id))

	b.syncer.sources[""].upstream = fetchFunc(allDone)
	b.clock.advance(2 * time.Minute)
	require.Equal(t, 1, b.late())
	want = append(want, "failed complete late")
	require.Equal(t, want, b.ends(id))
	b.sync(id)
	require.Equal(t, want, b.ends(id))
}

// An effect that fails keeps its row pending, and no other one.
func TestAnEffectsErrorKeepsItsRowOnly(t *testing.T) {
	t.Parallel()
	b := setupEnds(t, upstreamIs(fetchFunc(allDone)))
	good, bad, also := b.insert(task.Merge, "a", 0), b.insert(task.Merge, "b", 0), b.insert(task.Merge, "c", 0)
	b.exec(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no such account'; END $$`)
	b.exec(`CREATE TRIGGER refuse BEFORE INSERT ON ends FOR EACH ROW WHEN (NEW.generation_id = '` + bad + `') EXECUTE FUNCTION refuse()`)
	b.sync(good, bad, also)
	require.Equal(t, "complete", b.row(good).Status)
	require.Equal(t, "complete", b.row(also).Status)
	require.Equal(t, "submitted", b.row(bad).Status)
	require.Empty(t, b.events(bad))
	b.exec(`DROP TRIGGER refuse ON ends`)
	b.sync(bad)
	require.Equal(t, []string{"submitted complete poll"}, b.ends(bad))
}

// Without effects, nothing is noted and no statement is made: there is no transaction to
// make it in.
func TestWithoutEffectsAnEndCostsNothing(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts those of all tests
	s := &Syncer{}
	m := &member{g: task.Generation{Status: task.Processing}, decision: task.Decision{Status: task.Complete}}
	var c changes
	require.Zero(t, testing.AllocsPerRun(100, func() {
		s.addEnding(&c, ViaPoll, m)
		_ = s.apply(context.Background(), nil, c.ends)
	}))
	require.Empty(t, c.ends)
}
