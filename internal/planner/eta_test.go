package planner

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/looks"
	"tasksync/task"
)

// taught is a planner that has learnt of songs, and the time of its clock.
func taught(t *testing.T) (p *Planner, now time.Time) {
	t.Helper()
	c := &clock{at: time.Now()}
	p = newPlanner(postgrestest.Pool(t), c)
	teach(p, 200)
	require.NoError(t, p.Learn(t.Context()))
	return p, c.at
}

func TestEtaFollowsTheAge(t *testing.T) {
	t.Parallel()
	p, now := taught(t)
	at := func(age time.Duration) (half, most float64) {
		began := now.Add(-age)
		p50, p90, ok := p.Eta(Pending{Type: task.Generate, Began: began}, now)
		require.True(t, ok, age)
		require.False(t, p50.Before(now), age)
		return p50.Sub(began).Seconds(), p90.Sub(began).Seconds()
	}
	half, most := at(0)
	require.InDelta(t, 110, half, 8, "the median")
	require.InDelta(t, 172, most, 20, "110 s · e^(1.28·0.35)")
	later, latest := at(110 * time.Second)
	require.InDelta(t, 137, later, 12, "the median of those that take longer than 110 s")
	require.Greater(t, latest, most)
}

func TestEtaSaysNothingWithoutKnowledge(t *testing.T) {
	t.Parallel()
	p, now := taught(t)
	song := Pending{Type: task.Generate, Began: now.Add(-time.Minute)}
	_, _, ok := p.Eta(song, now)
	require.True(t, ok)
	for name, change := range map[string]func(*Pending){
		"a type of which no row has ended": func(r *Pending) { r.Type = task.Extend },
		"a provider of which none has":     func(r *Pending) { r.Provider = "kie" },
		"no such provider":                 func(r *Pending) { r.Provider = "nowhere" },
		"no such type":                     func(r *Pending) { r.Type = "unheard of" },
		"overdue":                          func(r *Pending) { r.Began = now.Add(-10 * time.Minute) },
		"no time at all":                   func(r *Pending) { r.Began = time.Time{} },
		"longer than any other":            func(r *Pending) { r.Began = now.Add(-9 * time.Minute) },
	} {
		row := song
		change(&row)
		_, _, ok := p.Eta(row, now)
		require.False(t, ok, name)
	}
	fresh := newPlanner(nil, &clock{at: now})
	_, _, ok = fresh.Eta(song, now)
	require.False(t, ok)
	require.Empty(t, fresh.models, "a question makes no model")
}

// Where a stage comes at any time, and the end thirty seconds after it, the stage
// tells more than the age.
func TestEtaFollowsTheStage(t *testing.T) {
	t.Parallel()
	c := &clock{at: time.Now()}
	p := newPlanner(postgrestest.Pool(t), c)
	for i := range 200 {
		preview := time.Duration(20+i) * time.Second
		track := looks.Track{}.Looked(preview-time.Second, task.StageSubmitted).Looked(preview+time.Second, task.StagePreview).Looked(preview+29*time.Second, task.StagePreview)
		p.Ended(Row{Type: task.Generate, Track: track, Age: preview + 31*time.Second}, false)
	}
	require.NoError(t, p.Learn(t.Context()))
	c.forward(planTime + time.Second)
	now := c.now()
	left := func(r Pending) float64 {
		p50, _, ok := p.Eta(r, now)
		require.True(t, ok)
		return p50.Sub(now).Seconds()
	}
	row := Pending{Type: task.Generate, Stage: task.StagePreview, Began: now.Add(-70 * time.Second), Entered: now.Add(-10 * time.Second)}
	require.InDelta(t, 20, left(row), 5)
	row.Entered = time.Time{} // then the age alone counts
	require.Greater(t, left(row), 50.0)
	row.Entered, row.Stage = now.Add(-10*time.Second), task.StageWorded // of which nothing was learnt
	require.Greater(t, left(row), 50.0)
}
