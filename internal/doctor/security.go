package doctor

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"tasksync/queries"
	"tasksync/task"
)

// seeRowSecurity refuses a role from which row security hides rows of the
// application's tables: the daemon would follow none of them, and nothing would say
// so. A table is open to a role that may read and write a made-up row of it; by a
// policy with true, as a rule.
func (d *doctor) seeRowSecurity(ctx context.Context) { d.seePolicies(ctx, "public") }

// seeOurRowSecurity is seeRowSecurity for the tables in schema tasksync.
func (d *doctor) seeOurRowSecurity(ctx context.Context) { d.seePolicies(ctx, "tasksync") }

func (d *doctor) seePolicies(ctx context.Context, schema string) {
	policies, err := d.queries.DoctorPolicyList(ctx, d.pool, schema)
	if err != nil {
		d.trouble("row security", err)
		return
	}
	if len(policies) == 0 {
		return
	}
	tables, err := d.loadTables(ctx)
	if err != nil {
		d.trouble("row security", err)
		return
	}
	var closed, narrow []policySet
	for _, p := range setsOf(policies) {
		conditions := p.conditions()
		switch {
		case d.opens(ctx, tables[p.table()], p, conditions):
		case schema == "public" && d.showsSome(ctx, p, conditions):
			narrow = append(narrow, p)
		default:
			closed = append(closed, p)
		}
	}
	if len(closed) > 0 {
		d.find(hiddenRows(d.role, closed))
	}
	if len(narrow) > 0 {
		f := hiddenRows(d.role, narrow)
		f.Level, f.What = Warning, strings.Replace(f.What, "row security hides rows", "row security shows some rows and may hide others", 1)
		d.find(f)
	}
}

// A policySet is what row security has for the role on one table. Its first row has
// no policy if there is none.
type policySet []queries.DoctorPolicyListRow

func (p policySet) table() string { return p[0].TableName }
func (p policySet) full() string  { return p[0].SchemaName + "." + p[0].TableName }

// setsOf divides the policies by their table.
func setsOf(policies []queries.DoctorPolicyListRow) []policySet {
	var sets []policySet
	for i, p := range policies {
		if i == 0 || p.TableName != policies[i-1].TableName {
			sets = append(sets, nil)
		}
		sets[len(sets)-1] = append(sets[len(sets)-1], p)
	}
	return sets
}

// The commands, as in pg_policy.polcmd.
const (
	selects = "r"
	inserts = "a"
	updates = "w"
	deletes = "d"
)

// conditions are what a row must fulfill for tasksync to do its work with it.
func (p policySet) conditions() []string {
	var all []string
	for _, command := range commandsOn(p) {
		if command != inserts {
			all = append(all, p.condition(command, reads))
		}
		if command == inserts || command == updates {
			all = append(all, p.condition(command, stores))
		}
	}
	return all
}

// opens reports whether the policies let the role do what tasksync does with a row of
// the table. An expression that cannot be evaluated would fail each query too.
func (d *doctor) opens(ctx context.Context, t table, p policySet, conditions []string) bool {
	if !slices.ContainsFunc(conditions, func(c string) bool { return c != alwaysTrue }) {
		return true
	}
	if p[0].SchemaName != "public" {
		return false // who closes our own tables a little closes them
	}
	holds, err := d.try(ctx, t, []madeUpRow{madeUp(t, d.cfg.word(task.Submitted))}, conditions)
	return err == nil && !slices.Contains(holds[0], false)
}

// showsSome reports whether the role sees a row of the table that it may change: then
// the policies depend on what is in a row, which a made-up one does not tell. The
// conditions come from the catalogs.
func (d *doctor) showsSome(ctx context.Context, p policySet, conditions []string) (some bool) {
	const patience = "5s"
	err := pgx.BeginTxFunc(ctx, d.pool, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL statement_timeout = '"+patience+"'"); err != nil {
			return err
		}
		return tx.QueryRow(ctx, fmt.Sprintf("SELECT EXISTS (SELECT FROM public.%s WHERE %s)", p.table(), strings.Join(conditions, " AND ")), pgx.QueryExecModeExec).Scan(&some)
	})
	return err == nil && some
}

// commandsOn returns what tasksync does with the rows of a table.
func commandsOn(p policySet) []string {
	switch {
	case p[0].SchemaName != "public":
		return []string{selects, inserts, updates, deletes}
	case p.table() == "music_generations":
		return []string{selects, updates}
	default:
		return []string{selects, inserts, updates}
	}
}

// condition returns what a row must fulfill for a command: one of the permissive
// policies, and all that restrict.
func (p policySet) condition(command string, of func(queries.DoctorPolicyListRow) string) string {
	var permit, restrict []string
	for _, row := range p {
		expression := of(row)
		switch {
		case row.Policy == "" || expression == "" || (row.Command != command && row.Command != "*"):
		case row.Permissive:
			permit = append(permit, "("+expression+")")
		default:
			restrict = append(restrict, "("+expression+")")
		}
	}
	permitted := strings.Join(permit, " OR ")
	if slices.Contains(permit, "(true)") || len(permit) == 0 {
		permitted = strconv.FormatBool(len(permit) > 0)
	}
	return fmt.Sprintf("coalesce(%s, false)", strings.Join(append(restrict, "("+permitted+")"), " AND "))
}

// alwaysTrue is the condition that a policy with true makes.
const alwaysTrue = "coalesce((true), false)"

// reads returns which rows a policy shows; "": none.
func reads(p queries.DoctorPolicyListRow) string { return p.Sees }

// stores returns which rows a policy lets be written.
func stores(p queries.DoctorPolicyListRow) string { return cmp.Or(p.Writes, p.Sees) }

// restricts reports whether a restrictive policy applies: no further policy helps
// against it.
func (p policySet) restricts() bool {
	return slices.ContainsFunc(p, func(row queries.DoctorPolicyListRow) bool { return row.Policy != "" && !row.Permissive })
}

// hiddenRows is the finding about tables that are not open to the role.
func hiddenRows(role string, closed []policySet) Finding {
	var names, statements []string
	owns, restricted := true, false
	for _, p := range closed {
		names = append(names, strings.TrimPrefix(p.full(), "public."))
		owns, restricted = owns && p[0].Owns, restricted || p.restricts()
		statements = append(statements, fmt.Sprintf("CREATE POLICY tasksync ON %s FOR ALL TO %s USING (true) WITH CHECK (true);", p.full(), role))
	}
	f := Finding{
		Level: Bad, What: fmt.Sprintf("row security hides rows of %s from role %s, which would never be followed", strings.Join(names, ", "), role),
		Next: fmt.Sprintf("connect as the owner (%s), or let a superuser run ALTER ROLE %s BYPASSRLS, or run as the owner", closed[0][0].Owner, role),
		SQL:  strings.Join(statements, "\n"),
	}
	switch {
	case restricted: // permissive policies do not help against it
		f.Next, f.SQL = "a policy AS RESTRICTIVE hides them, so let a superuser run", fmt.Sprintf("ALTER ROLE %s BYPASSRLS;", role)
	case owns:
		f.Next = fmt.Sprintf("row security is forced on the owner: let a superuser run ALTER ROLE %s BYPASSRLS, or run as the owner", role)
	}
	return f
}
