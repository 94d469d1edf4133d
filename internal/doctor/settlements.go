package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"tasksync/internal/settle"
)

// settlements are the privileges that settling rows needs.
var settlements = []struct{ tables, privileges string }{
	{"settlements", "SELECT INSERT UPDATE"},
}

// seeSettle examines whether the application's function can be called.
func (d *doctor) seeSettle(ctx context.Context) {
	if d.cfg.Settle == "" {
		return
	}
	function, err := settle.ParseFunction(d.cfg.Settle)
	if err == nil {
		err = settle.Check(ctx, d.pool, function)
	}
	if problem, ok := errors.AsType[*settle.Problem](err); ok {
		d.find(Finding{Level: Bad, What: problem.What, Next: problem.Next, SQL: problem.SQL})
		return
	}
	if err != nil {
		d.trouble("settlements", err)
		return
	}
	var w wantedRights
	w.addTables(settlements)
	if d.needRights(ctx, w, Bad, "or connect as the role that ran the migrations") {
		d.say(Good, fmt.Sprintf("settlements: %s is called at the end of each row", function), "")
	}
}

// seeQuarantined tells of settlements that wait for the function.
func (d *doctor) seeQuarantined(ctx context.Context) {
	rows, err := d.queries.SettlementQuarantinedStats(ctx, d.pool)
	if err != nil {
		d.settlementsTrouble(err)
		return
	}
	for _, r := range rows {
		what := strings.TrimSpace("SQLSTATE " + r.Sqlstate)
		if r.Sqlstate == "" {
			what = "no call failed"
		}
		d.say(Bad, fmt.Sprintf("settlements: %d are quarantined (%s, %s)", r.Found, what, r.Error),
			"mend the function; daemons call it again by themselves, `tasksync settle retry` at once; `tasksync settle list` shows them")
	}
}

// seeUnsettled looks for ends of the last day that were not settled.
func (d *doctor) seeUnsettled(ctx context.Context) {
	since := time.Now().Add(-24 * time.Hour)
	if d.cfg.Settle == "" {
		last, err := d.queries.SettlementLast(ctx, d.pool, since)
		switch {
		case err != nil:
			d.settlementsTrouble(err)
		case last.After(since):
			d.say(Warning, fmt.Sprintf("settlements: TASKSYNC_SETTLE is not set, but rows were settled until %s", last.UTC().Format(time.DateTime)+" UTC"),
				"set it for all daemons and commands of this database, or rows that this one ends are not settled")
		}
		return
	}
	m, err := d.queries.SettlementMissing(ctx, d.pool, since)
	switch {
	case err != nil:
		d.settlementsTrouble(err)
	case m.Missing > 0:
		d.say(Warning, fmt.Sprintf("settlements: %d ends of the last day were not settled, the last at %s", m.Missing, m.LastAt.UTC().Format(time.DateTime)+" UTC"),
			"a daemon or a command without TASKSYNC_SETTLE wrote them; set it there, and see `tasksync settle backfill --help`")
	}
}

// settlementsTrouble says that a check could not be made, which matters only if rows
// are settled.
func (d *doctor) settlementsTrouble(err error) {
	if d.cfg.Settle != "" {
		d.trouble("settlements", err)
	}
}
