package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"tasksync/internal/database"
	"tasksync/internal/pauses"
	"tasksync/internal/planner"
	"tasksync/internal/story"
	"tasksync/looks"
)

// Story is what is known of a row: what happened to it, and what will.
type Story = story.Story

// ErrNoRow is returned for an id that names no row.
var ErrNoRow = errors.New("no row has this id, nor a task or clip with it")

// Explain tells the story of the rows that an id names: the id of a row, of its task or
// of one of its clips. Most often that is one row. It calls no provider and changes
// nothing; it needs the providers of cfg by their names only. It returns ErrNoRow if
// there is none.
func Explain(ctx context.Context, cfg Config, id string) ([]*Story, error) {
	cfg = cfg.WithDefaults()
	pool, err := OpenPool(ctx, cfg.DatabaseURL)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	show, err := cfg.story(ctx, pool)
	if err != nil {
		return nil, schemaError(err)
	}
	if show.Now, err = database.Clock(ctx, pool, cfg.Logger); err != nil {
		return nil, err
	}
	d := &daemon{cfg: cfg, providers: show.Providers, now: show.Now}
	d.planner = planner.New(planner.Config{
		DB: pool, Handlers: cfg.Handlers, Deadline: cfg.Timeout, Pace: looks.Pace(cfg.Pace), Sources: cfg.namedSources(), Now: show.Now, Logger: cfg.Logger,
	})
	if err := d.planner.Learn(ctx); err != nil {
		return nil, fmt.Errorf("read what was learnt: %w", schemaError(err))
	}
	show.Foretell = d.foretell
	return stories(ctx, pool, show, id)
}

// stories tells the stories of the rows that an id names.
func stories(ctx context.Context, pool *pgxpool.Pool, show story.Config, id string) ([]*Story, error) {
	ids, err := story.Find(ctx, pool, id)
	if err != nil {
		return nil, fmt.Errorf("find the row: %w", schemaError(err))
	}
	var all []*Story
	for _, id := range ids {
		s, err := story.Load(ctx, pool, id, show)
		if err != nil {
			return nil, schemaError(err)
		}
		if s != nil { // else it has just been deleted
			all = append(all, s)
		}
	}
	if len(all) == 0 {
		return nil, ErrNoRow
	}
	return all, nil
}

// story says how rows are read and judged, with the pauses that stand now.
func (c Config) story(ctx context.Context, pool *pgxpool.Pool) (story.Config, error) {
	book := pauses.New(pool, nil)
	if err := book.Read(ctx); err != nil {
		return story.Config{}, err
	}
	return c.storyWith(book), nil
}

func (c Config) storyWith(book *pauses.Book) story.Config {
	return story.Config{
		Policy: c.policy(), Words: c.words(), Providers: c.providerWords(), DefaultProvider: c.defaultProvider(), Paused: book, Now: time.Now,
	}
}

// namedSources are the providers for etas, which depend on their names and not on their
// limits.
func (c Config) namedSources() map[string]planner.Source {
	sources := map[string]planner.Source{}
	for i, p := range c.Providers {
		sources[p.Name] = planner.Source{Name: p.Name, Least: p.Limits.MinInterval, Batch: p.Limits.Batch}
		if i == 0 {
			sources[""] = sources[p.Name]
		}
	}
	return sources
}

// schemaError says what to do about a table that is missing.
func schemaError(err error) error {
	if database.Code(err) == database.UndefinedTable || database.Code(err) == database.UndefinedColumn {
		return fmt.Errorf("%w: run `tasksync migrate up`", ErrSchema)
	}
	return database.WithoutDetail(err)
}
