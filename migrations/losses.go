package migrations

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Loss is what a way down takes away for good.
type Loss struct {
	Table string // like tasksync.late_results
	Rows  int64
	What  string // what the rows are; "": nothing is known of them
}

// kept says what the tables hold that a way down drops.
var kept = map[string]string{
	"archived_files":    "which files were copied, and which are still to be",
	"late_results":      "results that came after their rows had ended, or had no place",
	"generation_events": "the log of status changes",
	"generation_memory": "what is known of rows under way, and of late looks",
	"look_models":       "what was learnt of durations",
	"notifications":     "what servers were told, and what they are still to be told",
	"pauses":            "providers that an operator has paused, to which calls go on then",
	"settlements":       "which ends of rows were settled: money may be settled twice without them",
}

// fleeting are the tables of which nothing is missed: the next start fills them again.
var fleeting = regexp.MustCompile(`^(river_.*|feed_lease|event_tickets|budgets|budget_shares|generation_looks)$`)

var (
	dropped = regexp.MustCompile(`(?im)^\s*DROP TABLE (?:IF EXISTS )?(tasksync\.\w+(?:\s*,\s*tasksync\.\w+)*)`)
	deleted = regexp.MustCompile(`(?im)^\s*DELETE FROM tasksync\.(\w+) WHERE ([^;]*);`)
)

// Losses returns what Down, or DownTo 0 with all, would take away for good. Tables
// without rows are left out. It writes nothing.
func (m *Migrator) Losses(ctx context.Context, all bool) ([]Loss, error) {
	versions, err := m.versions(ctx)
	if err != nil {
		return nil, fmt.Errorf("read what a way down loses: %w", err)
	}
	sources := m.provider.ListSources()
	slices.Reverse(sources)
	lost := map[string]string{} // the rows of a table, as a condition; "": all
	for _, s := range sources {
		if !versions[s.Version] {
			continue
		}
		text, err := fs.ReadFile(FS, s.Path)
		if err != nil {
			return nil, fmt.Errorf("read migration %d: %w", s.Version, err)
		}
		addLosses(lost, string(text))
		if !all {
			break
		}
	}
	var out []Loss
	for _, table := range slices.Sorted(maps.Keys(lost)) {
		n, err := m.count(ctx, table, lost[table])
		if err != nil {
			return nil, fmt.Errorf("count the rows of tasksync.%s: %w", table, err)
		}
		if n > 0 {
			out = append(out, Loss{Table: "tasksync." + table, Rows: n, What: kept[table]})
		}
	}
	return out, nil
}

// addLosses adds what the way down of a migration drops or deletes, by table.
func addLosses(lost map[string]string, migration string) {
	_, down, _ := strings.Cut(migration, "-- +goose Down")
	for _, found := range deleted.FindAllStringSubmatch(down, -1) {
		if table := found[1]; !fleeting.MatchString(table) {
			if before, some := lost[table]; !some {
				lost[table] = found[2]
			} else if before != "" {
				lost[table] = before + " OR " + found[2]
			}
		}
	}
	for _, found := range dropped.FindAllStringSubmatch(down, -1) {
		for name := range strings.SplitSeq(found[1], ",") {
			if table := strings.TrimPrefix(strings.TrimSpace(name), "tasksync."); !fleeting.MatchString(table) {
				lost[table] = ""
			}
		}
	}
}

// count counts the rows of a table of tasksync's that a condition holds for. The SQL is
// made of what the migrations say.
func (m *Migrator) count(ctx context.Context, table, condition string) (n int64, err error) {
	name := pgx.Identifier{"tasksync", table}.Sanitize()
	var exists bool
	if err := m.pool.QueryRow(ctx, `SELECT pg_catalog.to_regclass($1) IS NOT NULL`, name).Scan(&exists); err != nil || !exists {
		return 0, err
	}
	if condition != "" {
		condition = " WHERE " + condition
	}
	err = m.pool.QueryRow(ctx, `SELECT count(*) FROM `+name+condition).Scan(&n)
	return n, err
}
