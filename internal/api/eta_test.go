package api

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/live"
	"tasksync/internal/simulator"
	"tasksync/internal/view"
	"tasksync/task"
)

// outlook is what a client sees of a row's end.
type outlook struct {
	Status string
	Stage  *string
	Eta    *struct{ P50, P90 string }
}

// Rows under way have a stage and an eta wherever they are shown; ended rows have none.
func TestRowsShowTheirEta(t *testing.T) {
	t.Parallel()
	began := make(chan time.Time, 10)
	foretell := func(p view.Pending) (p50, p90 time.Time, ok bool) {
		began <- p.Row.CreatedAt
		at := p.Row.CreatedAt.Truncate(time.Second)
		return at.Add(110*time.Second + 100*time.Millisecond), at.Add(170 * time.Second), p.Row.Type == task.Generate
	}
	b := setup(t, func(c *Config) {
		c.Show.Foretell = foretell
		c.Live = live.New(live.Config{ConnConfig: c.Pool.Config().ConnConfig, Show: c.Show})
	})
	s := b.openStream(b.url, alice)
	b.insert(alice, task.Generate, b.sim.Submit(task.Generate, simulator.Stuck))
	check := func(o outlook) {
		t.Helper()
		at := (<-began).UTC().Truncate(time.Second)
		require.NotNil(t, o.Eta)
		require.Equal(t, at.Add(110*time.Second).Format(time.RFC3339), o.Eta.P50)
		require.Equal(t, at.Add(170*time.Second).Format(time.RFC3339), o.Eta.P90)
		require.Equal(t, "submitted", *o.Stage)
	}
	var rows struct{ Generations []outlook }
	b.call(http.MethodGet, syncPath, token(alice), "").decode(t, &rows)
	check(rows.Generations[0])
	b.call(http.MethodPost, syncPath, token(alice), "").decode(t, &rows)
	check(rows.Generations[0])
	require.Equal(t, "processing", rows.Generations[0].Status)
	var event struct{ Generation outlook }
	require.NoError(t, json.Unmarshal([]byte(s.next("status").data), &event))
	check(event.Generation)

	lyrics := b.insert(alice, task.Lyrics, b.sim.Submit(task.Lyrics, simulator.Stuck)) // of which nothing is known
	b.call(http.MethodGet, syncPath, token(alice), "").decode(t, &rows)
	require.Nil(t, rows.Generations[1].Eta)
	require.Equal(t, "submitted", *rows.Generations[1].Stage)
	_, err := b.pool.Exec(t.Context(), `UPDATE music_generations SET status = 'complete' WHERE id = $1`, lyrics)
	require.NoError(t, err)
	_, ready := b.insertReady(alice)
	b.call(http.MethodPost, syncPath, token(alice), taskIDs(ready)).decode(t, &rows)
	require.Equal(t, "complete", rows.Generations[0].Status)
	require.Nil(t, rows.Generations[0].Eta)
	require.Nil(t, rows.Generations[0].Stage)
}
