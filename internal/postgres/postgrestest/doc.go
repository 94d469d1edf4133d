// Package postgrestest gives tests a real Postgres: one private server for each test binary,
// started when the first test asks, and on it one database for each test, cloned from a migrated
// template.
//
//	func TestMain(m *testing.M) { postgrestest.Main(m) }
//
//	func TestSomething(t *testing.T) {
//		t.Parallel()
//		pool := postgrestest.Pool(t)
//		…
//	}
//
// With TASKSYNC_TEST_DATABASE_URL, the address of a superuser, it uses that server instead. There
// the template stays for the next run, and so does the database of a test that failed.
//
// TASKSYNC_TEST_PG asks for a major version of Postgres, like 18, which is downloaded if it is not on
// the machine.
//
// Tests connect as a role that owns its database but is no superuser, like applications.
package postgrestest
