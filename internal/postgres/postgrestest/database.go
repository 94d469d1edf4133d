package postgrestest

import (
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib" // pgtestdb uses its driver "pgx"
	"github.com/peterldowns/pgtestdb"
)

// URL returns the address of a new migrated database. It is dropped when the test has ended, or
// kept if the test failed. By then the test must have closed its connections.
func URL(t testing.TB) string {
	t.Helper()
	return newDatabase(t, migrator{})
}

// Empty is URL without the migrations.
func Empty(t testing.TB) string {
	t.Helper()
	return newDatabase(t, pgtestdb.NoopMigrator{})
}

// Pool returns a pool on a new database like URL's. The pool is closed when the test has ended; by
// then the test must have released its connections.
func Pool(t testing.TB) *pgxpool.Pool {
	t.Helper()
	return OpenPool(t, URL(t))
}

func newDatabase(t testing.TB, m pgtestdb.Migrator) string {
	t.Helper()
	conf := adminConfig(t, shared.adminURL(t))
	database := pgtestdb.Custom(t, conf, m).URL()
	t.Cleanup(func() { dropSlots(t, database) })
	return database
}

// adminConfig describes the server at address to pgtestdb, which quotes nothing.
func adminConfig(t testing.TB, address string) pgtestdb.Config {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(urlEnv, "is not a URL")
	}
	host, port := u.Hostname(), u.Port()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port == "" {
		port = "5432"
	}
	password, _ := u.User.Password()
	return pgtestdb.Config{
		DriverName: "pgx",
		Host:       host,
		Port:       port,
		User:       escape(u.User.Username()),
		Password:   escape(password),
		Database:   strings.TrimPrefix(u.EscapedPath(), "/"),
		Options:    u.RawQuery,
		TestRole: &pgtestdb.Role{
			Username:     "tasksync_test",
			Password:     "tasksync_test",
			Capabilities: "NOSUPERUSER NOCREATEDB CREATEROLE REPLICATION",
		},
	}
}

// escape escapes a user name or password for a URL.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
