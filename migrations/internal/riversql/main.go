// Command riversql renders River's own migrations as goose files for schema
// tasksync, so that the stock goose command can run them and River still finds
// them valid. Each of River's versions is one file, because each needs a
// transaction of its own. Run it by `go generate ./migrations` after an upgrade
// of River: what is there is rendered again, what is new gets the next number.
package main

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

const schema = "tasksync"

func main() {
	if err := render(); err != nil {
		log.Fatal(err)
	}
}

func render() error {
	m, err := rivermigrate.New(riverpgxv5.New(nil), &rivermigrate.Config{Schema: schema})
	if err != nil {
		return err
	}
	for _, v := range m.AllVersions() {
		path, err := file(v.Version)
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text(v)), 0o644); err != nil { //nolint:gosec // a source file
			return err
		}
	}
	return nil
}

// file returns the goose file of a River version: the one that has it already,
// or the next free number.
func file(version int) (string, error) {
	suffix := fmt.Sprintf("_river_%03d.sql", version)
	have, err := filepath.Glob("*" + suffix)
	if err != nil || len(have) == 1 {
		return strings.Join(have, ""), err
	}
	all, err := filepath.Glob("[0-9]*.sql")
	if err != nil {
		return "", err
	}
	next := 1
	for _, name := range all {
		var n int
		if _, err := fmt.Sscanf(name, "%d_", &n); err == nil {
			next = max(next, n+1)
		}
	}
	return fmt.Sprintf("%05d%s", next, suffix), nil
}

func text(v rivermigrate.Migration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "-- River's own migration %d (%s) for schema %s, rendered by go generate: do not edit.\n", v.Version, v.Name, schema)
	b.WriteString("-- The work of River's authors, under the Mozilla Public License 2.0; see NOTICE.\n\n-- +goose Up\n")
	if v.Version == 1 {
		fmt.Fprintf(&b, "CREATE SCHEMA IF NOT EXISTS %s;\n", schema)
	}
	statement(&b, v.SQLUp)
	b.WriteString(record(v.Version))
	b.WriteString("\n-- +goose Down\n")
	if v.Version > 1 {
		fmt.Fprintf(&b, "DELETE FROM %s.river_migration WHERE version = %d;\n", schema, v.Version)
	}
	statement(&b, v.SQLDown)
	if v.Version == 1 {
		fmt.Fprintf(&b, "DROP SCHEMA %s;\n", schema)
	}
	return b.String()
}

// statement passes SQL to goose in one piece: it may hold functions, whose
// bodies goose would cut at their semicolons.
func statement(b *strings.Builder, sql string) {
	sql = strings.TrimSpace(strings.ReplaceAll(sql, "/* TEMPLATE: schema */", schema+"."))
	fmt.Fprintf(b, "-- +goose StatementBegin\n%s\n-- +goose StatementEnd\n", sql)
}

// record inserts the version where River's migrator looks for it. The table has
// a column line from River's migration 5 on.
func record(version int) string {
	if version < 5 {
		return fmt.Sprintf("INSERT INTO %s.river_migration (version) VALUES (%d);\n", schema, version)
	}
	return fmt.Sprintf("INSERT INTO %s.river_migration (line, version) VALUES ('main', %d);\n", schema, version)
}
