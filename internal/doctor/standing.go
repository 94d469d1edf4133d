package doctor

import (
	"cmp"
	"context"
	"slices"
)

// lasting are the checks whose findings may become bad under a running daemon: a tool of
// the application's drops or changes a column, an operator takes a privilege away.
var lasting = []string{"server", "columns", "missing_columns", "rights"}

// Standing examines whether the tables are still such that a daemon can work. It returns
// what is bad, in short; "" if nothing is, or if the database does not answer.
func Standing(ctx context.Context, cfg Config) string {
	bad := ""
	d := newDoctor(cfg, func(f Finding) {
		if f.Level == Bad {
			bad = cmp.Or(bad, f.What+"; `tasksync doctor` says what to do")
		}
	})
	for _, c := range checks() {
		if c.when <= after && slices.Contains(lasting, c.name) && !d.down {
			d.check = c.name
			c.see(d, ctx)
		}
	}
	if d.down || ctx.Err() != nil {
		return ""
	}
	return bad
}
