package wal

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
)

// requireUnavailable runs a reader that cannot read, and requires step in its error.
func (b *bundle) requireUnavailable(step string, change ...func(*Config)) {
	b.Helper()
	err := b.end(b.launch(change...))
	require.ErrorIs(b, err, ErrUnavailable)
	require.ErrorContains(b, err, step)
}

func TestServerThatCannot(t *testing.T) {
	t.Parallel()
	b, _ := setupServer(t, map[string]string{"wal_level": "replica"})
	b.requireUnavailable("set wal_level = logical")
	require.ErrorIs(t, b.reader().Check(t.Context()), ErrUnavailable)
	require.NoError(t, b.reader().Guard(t.Context()))
}

func TestServerWithoutFreeSlots(t *testing.T) {
	t.Parallel()
	b, _ := setupServer(t, map[string]string{"max_replication_slots": "1"})
	b.exec(`SELECT pg_create_physical_replication_slot('theirs')`)
	b.requireUnavailable("raise max_replication_slots")
	b.exec(`SELECT pg_drop_replication_slot('theirs')`)
	b.stop(b.run())
	require.NoError(t, b.reader().Check(t.Context())) // our own slot is no obstacle
}

// Commits that wait for any standby would wait for the reader, and the reader for
// the commits.
func TestServerWithAnyStandby(t *testing.T) {
	t.Parallel()
	b, _ := setupServer(t, nil)
	run := b.run()
	b.exec(`ALTER SYSTEM SET synchronous_standby_names = '*'`)
	b.exec(`SELECT pg_reload_conf()`)
	require.ErrorIs(t, b.end(run), ErrUnavailable)
	b.requireUnavailable("name the standbys")
}

func TestRoleThatMayNot(t *testing.T) {
	t.Parallel()
	b, server := setupServer(t, nil)
	b.exec(`CREATE ROLE app LOGIN PASSWORD 'secret'`)
	b.exec(`GRANT SELECT, INSERT, UPDATE ON music_generations TO app`)
	config, err := pgx.ParseConfig(server.DatabaseURL("app"))
	require.NoError(t, err)
	config.User, config.Password = "app", "secret"
	b.exec(`SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()`)
	asApp := setupOn(t, "host="+config.Host+" port="+b.one(`SHOW port`)+" dbname=app user=app password=secret sslmode=disable")
	asApp.requireUnavailable("CREATE PUBLICATION tasksync")
	b.exec(createPlain)
	asApp.requireUnavailable("ALTER ROLE … REPLICATION")
	b.exec(`ALTER ROLE app REPLICATION`)
	run := asApp.run()
	asApp.awaitAll(b.insert(2))
	require.NotContains(t, asApp.log.String(), "secret")
	asApp.stop(run)
}

// A new slot waits for the transactions that are open. It must not wait for ever: a
// slot in the making holds WAL too.
func TestOpenTransaction(t *testing.T) {
	t.Parallel()
	b, _ := setupServer(t, nil)
	tx, err := b.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `INSERT INTO music_generations (task_type) VALUES ('generate')`)
	require.NoError(t, err)
	b.requireUnavailable("end the oldest")
	b.until("the slot in the making stays", func() bool { return !b.status().Present })
	require.NoError(t, tx.Rollback(t.Context()))
	run := b.run()
	b.awaitExactly(b.insert(1))
	b.stop(run)
}

func TestAnotherDatabase(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.requireUnavailable("connect to the same", func(cfg *Config) {
		cfg.ConnConfig = cfg.ConnConfig.Copy()
		cfg.ConnConfig.Database = "postgres"
	})
	require.False(t, b.status().Present)
}

func TestConfig(t *testing.T) {
	t.Parallel()
	_, err := New(Config{})
	require.ErrorContains(t, err, "Pool")
	pool := postgrestest.Pool(t)
	for name, cfg := range map[string]Config{
		"SlotLimit": {Pool: pool, SlotLimit: -1}, "SlotIdle": {Pool: pool, SlotIdle: -1}, "Timeout": {Pool: pool, Timeout: 1},
	} {
		_, err := New(cfg)
		require.ErrorContains(t, err, name)
	}
	r, err := New(Config{Pool: pool})
	require.NoError(t, err)
	require.ErrorContains(t, r.Run(t.Context()), "ConnConfig")
}

// The WAL does not have the rows of an UNLOGGED table.
func TestTableWithoutWAL(t *testing.T) {
	t.Parallel()
	b, _ := setupServer(t, nil)
	b.exec(`ALTER TABLE music_clips SET UNLOGGED`)
	b.exec(`ALTER TABLE music_generations SET UNLOGGED`)
	require.ErrorIs(t, b.reader().Check(t.Context()), ErrUnavailable)
	b.requireUnavailable("TASKSYNC_FEED=auto")
}
