package doctor

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"tasksync/internal/database"
)

// seeOpenTables warns of rows that everybody may read. The migrations secure the
// tables that they create, and leave alone what was there before.
func (d *doctor) seeOpenTables(ctx context.Context) {
	if d.cfg.NoRLS {
		return
	}
	open, err := d.queries.DoctorOpenTableList(ctx, d.pool)
	if err != nil {
		d.say(Warning, "open tables", "%s", database.Reason(err))
		return
	}
	var names, statements []string
	for _, t := range open {
		table := pgx.Identifier{"public", t.Name}.Sanitize()
		names = append(names, t.Name)
		if t.IsView {
			statements = append(statements, "ALTER VIEW "+table+" SET (security_invoker = true);")
			continue
		}
		statements = append(statements, "ALTER TABLE "+table+" ENABLE ROW LEVEL SECURITY;", ownRows(t.Name))
	}
	if len(names) > 0 {
		d.say(Warning, "open tables: everybody who has the anon key reads all rows of "+strings.Join(names, " and "),
			"enable row security, with the policies that the application needs, like: %s If they are to be open, set TASKSYNC_NO_RLS=true", strings.Join(statements, " "))
	}
}

// ownRows is the policy by which users read what is theirs.
func ownRows(table string) string {
	if table == "music_clips" {
		return `CREATE POLICY own_rows ON public.music_clips FOR SELECT TO authenticated USING (EXISTS (SELECT FROM public.music_generations AS g WHERE g.id = generation_id AND g.user_id::text = (SELECT auth.uid()::text)));`
	}
	return `CREATE POLICY own_rows ON public.music_generations FOR SELECT TO authenticated USING (user_id::text = (SELECT auth.uid()::text));`
}
