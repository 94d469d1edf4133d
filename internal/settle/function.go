package settle

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"

	"tasksync/queries"
)

// arguments are the types of the function's arguments: generation_id, round, outcome,
// code and details.
const arguments = "uuid, integer, text, text, jsonb"

// Function is the name of the application's function, with its schema.
type Function struct{ schema, name string }

// String returns the name quoted for SQL.
func (f Function) String() string { return pgx.Identifier{f.schema, f.name}.Sanitize() }

// nameForm is a name of SQL, quoted or not, with or without a schema.
var nameForm = regexp.MustCompile(`^(?:("(?:[^"]|"")+"|[\pL_][\pL\pN_$]*)\.)?("(?:[^"]|"")+"|[\pL_][\pL\pN_$]*)$`)

// ParseFunction reads a name as Postgres does: what is not quoted is in lower case.
// Without a schema it is in public.
func ParseFunction(text string) (Function, error) {
	m := nameForm.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return Function{}, fmt.Errorf("%q is no name of a function; give its schema and name without arguments, like public.settle_generation", text)
	}
	f := Function{schema: "public", name: bare(m[2])}
	if m[1] != "" {
		f.schema = bare(m[1])
	}
	return f, nil
}

func bare(identifier string) string {
	if inner, quoted := strings.CutPrefix(identifier, `"`); quoted {
		return strings.ReplaceAll(strings.TrimSuffix(inner, `"`), `""`, `"`)
	}
	return strings.ToLower(identifier)
}

// Problem is why a function cannot be called.
type Problem struct {
	What, Next string
	SQL        string // the statement that mends it, if SQL can
}

// Error implements error.
func (p *Problem) Error() string {
	return strings.TrimSuffix(p.What+": "+p.Next+": "+p.SQL, ": ")
}

// Check returns a Problem if the function cannot be called.
func Check(ctx context.Context, db queries.DBTX, f Function) error {
	found, err := queries.New().SettleFunctionList(ctx, db, queries.SettleFunctionListParams{SchemaName: f.schema, Name: f.name})
	if err != nil {
		return fmt.Errorf("look for function %s: %w", f, err)
	}
	var others []string
	for _, o := range found {
		if o.Arguments == arguments {
			return f.check(o)
		}
		others = append(others, fmt.Sprintf("%s(%s)", f, o.Arguments))
	}
	p := &Problem{What: fmt.Sprintf("settlements: there is no function %s(%s)", f, arguments), Next: "create it, as docs/money.md shows, or correct TASKSYNC_SETTLE"}
	if len(others) > 0 {
		p.Next = "its arguments must have these types; there is " + strings.Join(others, " and ")
	}
	return p
}

// check judges the function with the right arguments.
func (f Function) check(o queries.SettleFunctionListRow) error {
	what := fmt.Sprintf("settlements: %s(%s)", f, arguments)
	switch {
	case o.Kind != "f":
		return &Problem{What: what + " is no function", Next: "a procedure, which could commit, or an aggregate cannot be called; create a function"}
	case !o.MayUse:
		return &Problem{What: fmt.Sprintf("settlements: role %s may not use schema %s", o.Role, f.schema), Next: "run as its owner", SQL: fmt.Sprintf("GRANT USAGE ON SCHEMA %s TO %s;", pgx.Identifier{f.schema}.Sanitize(), o.Role)}
	case !o.MayExecute:
		return &Problem{What: fmt.Sprintf("settlements: role %s may not call %s", o.Role, f), Next: "run as its owner", SQL: fmt.Sprintf("GRANT EXECUTE ON FUNCTION %s(%s) TO %s;", f, arguments, o.Role)}
	case o.Volatility != "v":
		return &Problem{What: what + " may not write, because it is not VOLATILE", Next: "run as its owner", SQL: fmt.Sprintf("ALTER FUNCTION %s(%s) VOLATILE;", f, arguments)}
	}
	return nil
}
