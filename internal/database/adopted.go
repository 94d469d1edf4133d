package database

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"tasksync/queries"
)

// Adoption is what `tasksync adopt` has put in place of music_generations: a view over
// a table of the application's.
type Adoption struct {
	Table string // its name, like public.songs
	// Statuses are those that the application has words for, in their order.
	Statuses []string
	// Complete is false if the triggers of the table are gone.
	Complete bool
	// Trouble says why the role of the connection cannot work on the table, and what to
	// do; "": it can.
	Trouble string
}

// AdoptionComment is the comment of the view, by which it is known.
func AdoptionComment(table string, statuses []string) string {
	return fmt.Sprintf("tasksync adopt: a view over %s (statuses: %s)", table, strings.Join(statuses, ", "))
}

var adoptionComment = regexp.MustCompile(`^tasksync adopt: a view over (.+) \(statuses: ([a-z, ]+)\)`)

// Adopted returns what stands in place of music_generations; nil if that is a table, or
// missing, or a view of another's.
func Adopted(ctx context.Context, db queries.DBTX) (*Adoption, error) {
	list, err := queries.New().AdoptionList(ctx, db)
	if err != nil {
		return nil, fmt.Errorf("look for an adopted table: %w", err)
	}
	if len(list) == 0 {
		return nil, nil //nolint:nilnil // there is none
	}
	m := adoptionComment.FindStringSubmatch(list[0].Comment)
	if m == nil {
		return nil, nil //nolint:nilnil // a view of another's
	}
	a := &Adoption{Table: m[1], Statuses: strings.Split(m[2], ", "), Complete: list[0].Name != ""}
	switch r := list[0]; {
	case !r.MayWrite:
		a.Trouble = fmt.Sprintf("role %s may not read and write %s: connect as its owner, which ran `tasksync adopt`", r.Role, a.Table)
	case r.Hides:
		a.Trouble = fmt.Sprintf("row security of %s hides rows from role %s: connect as its owner, or ALTER ROLE %s BYPASSRLS", a.Table, r.Role, r.Role)
	}
	return a, nil
}
