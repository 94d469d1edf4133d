// Package clips makes the statement that inserts clips into the application's table,
// where that table needs more than query ClipInsertMany gives.
//
// Applications add columns to music_clips: a user_id that their row security needs,
// a workspace_id by which the table is partitioned. Whatever the row in
// music_generations knows is filled from it; what a database has no default for, but
// every client of it fills, is supplied:
//
//   - A column that music_generations has too, with the same type, is filled with the
//     row's value; where that is null, with the column's default. It is better than
//     a default like auth.uid(), which is null for a daemon, or a constant, which
//     belongs to nobody. A default that makes up values (a sequence, a random id, a
//     time) stays, and so does every column that tasksync writes, that is a key or
//     that permits a value only once.
//   - A number that may stand once in a row, like clip_index NOT NULL DEFAULT 0 with
//     UNIQUE (generation_id, clip_index), counts the clips of the row, from its default.
//   - id, created_at and updated_at without a default get gen_random_uuid() and now().
//   - A column that tasksync writes, that is NOT NULL and for which there is no value
//     yet, gets its default, or an empty one.
//   - The created_at of clips of one statement are a microsecond apart, in the order
//     of the clips.
//
// The clips that the application made, its placeholders, keep what it wrote.
package clips

import (
	"context"
	"fmt"

	"tasksync/queries"
)

// Plan is how clips are inserted. The zero value is query ClipInsertMany.
type Plan struct {
	// Text is a statement with the parameters of ClipInsertMany; "": ClipInsertMany
	// will do.
	Text string
	// Least is like Text, but fills only what the table cannot be without: for a row
	// whose values a constraint on a filled column rejects.
	Least string
	// Filled are the columns that are filled from the row.
	Filled []string
	// Numbered are the columns that count the clips of a row.
	Numbered []string
	// Missing are columns that every clip must have a value in, and for which there is
	// none: the database rejects each clip.
	Missing []string
	// Made says that a trigger inserts in the stead of a view: times and keys are its
	// affair.
	Made bool
}

// Read makes the plan for the table as it is now.
func Read(ctx context.Context, db queries.DBTX) (Plan, error) {
	columns, err := queries.New().ClipColumnList(ctx, db)
	if err != nil {
		return Plan{}, fmt.Errorf("read the columns of music_clips: %w", err)
	}
	return newPlan(columns), nil
}

func newPlan(columns []queries.ClipColumnListRow) Plan {
	var p Plan
	full, least := statement{}, statement{}
	plain := true
	for _, c := range columns {
		plain = plain && usual(c)
		p.Made = p.Made || c.Instead
		switch value, how := valueOf(c); how {
		case filled:
			p.Filled = append(p.Filled, c.Name)
			full.add(c.Name, value)
			if required(c) {
				least.add(c.Name, value)
			}
		case written:
			full.write(c.Name, value)
			least.write(c.Name, value)
		case supplied:
			full.add(c.Name, value)
			least.add(c.Name, value)
		case numbered:
			p.Numbered = append(p.Numbered, c.Name)
			full.add(c.Name, value)
			least.add(c.Name, value)
		case missing:
			p.Missing = append(p.Missing, c.Name)
		}
	}
	if plain {
		return p
	}
	p.Text, p.Least = full.String(), least.String()
	return p
}
