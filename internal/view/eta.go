package view

import (
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tasksync/queries"
	"tasksync/task"
)

// Eta is when a row under way is expected to end.
type Eta struct {
	P50 time.Time `json:"p50" doc:"By then half of such tasks have ended."`
	P90 time.Time `json:"p90" doc:"By then nine of ten have."`
}

var _ huma.SchemaTransformer = (*Eta)(nil)

// TransformSchema implements huma.SchemaTransformer.
func (*Eta) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	s.Nullable = true
	return s
}

// Foretell says by when half and nine tenths of the rows like this one have ended;
// false: it is not known. It is called for each row that is shown, and must not wait.
type Foretell func(Pending) (p50, p90 time.Time, ok bool)

// Pending is a row under way, as far as its end depends on it.
type Pending struct {
	// Row has its type, provider, time of creation and, if its time began later, that.
	Row   task.Generation
	Stage task.Stage
	// Entered is when the first clip was seen in this stage, as far as the clips
	// tell; zero in the first stage.
	Entered time.Time
}

// foretell fills in the stage and the eta of a row under way.
func (g *Generation) foretell(r queries.GenerationListViewsRow, show Options) {
	if !task.Status(g.Status).Pending() {
		return
	}
	p := Pending{Row: task.Generation{
		Type: task.Type(r.TaskType), Provider: r.Provider, CreatedAt: r.CreatedAt, Memory: task.Memory{BeganAt: r.BeganAt},
	}}
	for _, c := range g.Clips {
		p.see(c)
	}
	word := p.Stage.String()
	g.Stage = &word
	if show.Foretell == nil {
		return
	}
	if p50, p90, ok := show.Foretell(p); ok {
		g.Eta = &Eta{P50: p50.UTC().Round(time.Second), P90: p90.UTC().Round(time.Second)}
	}
}

// see takes the stage of a clip, if it is further than that of the others.
func (p *Pending) see(c Clip) {
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	stage := task.StageOf(task.Clip{
		Status: task.Status(c.Status), Title: text(c.Title), StreamAudioURL: text(c.StreamAudioURL),
		Lyrics: text(c.Lyrics), Tags: text(c.Tags),
	})
	var at time.Time
	if c.UpdatedAt != nil {
		at = *c.UpdatedAt
	}
	switch {
	case stage == task.StageSubmitted || stage < p.Stage:
	case stage > p.Stage:
		p.Stage, p.Entered = stage, at
	case at.Before(p.Entered):
		p.Entered = at
	}
}
