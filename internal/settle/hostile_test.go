package settle

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tasksync/internal/database"
	"tasksync/syncer"
	"tasksync/task"
)

// Functions that do what a transaction cannot survive, or what no function may.
func TestHostileFunctions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ body, sqlstate string }{
		"commits":             {`COMMIT;`, "2D000"},
		"rolls back":          {`ROLLBACK;`, "2D000"},
		"asserts":             {`ASSERT false;`, "P0004"},
		"recurses":            {`PERFORM public.settle_it(generation_id, round, outcome, code, details);`, "54001"},
		"breaks a constraint": {`INSERT INTO tasksync.settlements (generation_id, round) VALUES (generation_id, -1);`, "23502"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, c.body)
			id := ids(1)[0]
			require.NoError(t, b.complete(id))
			require.Equal(t, "1 complete quarantined", b.states(id))
			require.Equal(t, c.sqlstate, b.text(`SELECT sqlstate FROM tasksync.settlements`))
		})
	}
}

// An error of the transaction lets the row be tried again, but not for ever.
func TestErrorsOfTheTransaction(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"deadlock":               `RAISE 'deadlock' USING ERRCODE = '40P01';`,
		"serialization failure":  `RAISE 'serialization' USING ERRCODE = '40001';`,
		"out of memory":          `RAISE 'memory' USING ERRCODE = '53200';`,
		"terminates its session": `PERFORM pg_terminate_backend(pg_backend_pid());`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, body)
			all := ids(2)
			for range strikesMost {
				require.Error(t, b.complete(all...))
				require.Empty(t, b.states(all[0]))
			}
			require.NoError(t, b.complete(all...))
			require.Equal(t, "1 complete quarantined", b.states(all[0]))
			require.Equal(t, "1 complete quarantined", b.states(all[1]))
			before := b.text(`UPDATE tasksync.settlements SET next_at = now() RETURNING now()::text`)
			_, err := b.settler.runOnce(t.Context())
			require.NoError(t, err)
			require.Equal(t, "2 2", b.text(`SELECT min(attempts) || ' ' || count(*) FROM tasksync.settlements WHERE next_at >= $1::timestamptz + interval '10 seconds'`, before),
				"they are not called again at once")
			b.define(record)
			require.Equal(t, Retried{Settled: 2}, b.due())
		})
	}
}

// A session that is lost without a word of the server's, as when it is killed, counts too.
func TestSessionsLostInCalls(t *testing.T) {
	t.Parallel()
	b := setup(t, record)
	id := ids(1)[0]
	for range strikesMost {
		require.True(t, b.settler.endsTransaction(io.ErrUnexpectedEOF, []settlement{{id: id, round: 1}}))
	}
	require.NoError(t, b.complete(id))
	require.Equal(t, "1 complete quarantined", b.states(id))
	require.Equal(t, Retried{Settled: 1}, b.due())
}

// A function that breaks its session, so that not even its error can be written, counts too.
func TestSessionIsBroken(t *testing.T) {
	t.Parallel()
	b := setup(t, `RAISE 'no';`)
	all := ids(2)
	require.NoError(t, b.complete(all[0]), "it prepares the statements for errors")
	b.define(`EXECUTE 'DEALLOCATE ALL';`)
	require.Error(t, b.complete(all[1]))
	struck, _ := b.settler.strikes.Get(all[1])
	require.Equal(t, 1, struck)
}

// A trigger that waits for the end of the transaction is bounded as the function is.
func TestSlowDeferredTrigger(t *testing.T) {
	t.Parallel()
	b := setup(t, record)
	b.exec(`CREATE FUNCTION hang() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(3600); RETURN NULL; END $$`)
	b.exec(`CREATE CONSTRAINT TRIGGER hang AFTER INSERT ON calls DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION hang()`)
	id := ids(1)[0]
	require.NoError(t, b.complete(id))
	require.Equal(t, database.QueryCanceled, b.text(`SELECT sqlstate FROM tasksync.settlements`))
	b.exec(`DROP TRIGGER hang ON calls`)
	require.Equal(t, Retried{Settled: 1}, b.due())
}

// A function that hangs holds the rows for a bounded time, and the next rows not at all.
func TestSlowFunction(t *testing.T) {
	t.Parallel()
	b := setup(t, record+` IF pg_catalog.current_setting('test.fast', true) IS NULL THEN PERFORM pg_sleep(3600); END IF;`)
	all := ids(40)
	began := time.Now()
	require.NoError(t, b.complete(all[:20]...))
	t.Logf("20 rows ended after %s", time.Since(began))
	require.Equal(t, "20 0", b.text(`SELECT count(*) FILTER (WHERE state = 'quarantined') || ' ' || count(*) FILTER (WHERE state = 'settled') FROM tasksync.settlements`))
	require.Equal(t, database.QueryCanceled, b.text(`SELECT min(nullif(sqlstate, '')) FROM tasksync.settlements`))
	require.False(t, b.settler.restUntil.IsZero())
	b.settler.restUntil = time.Now().Add(time.Hour)
	require.NoError(t, b.complete(all[20:]...))
	require.Equal(t, "20", b.text(`SELECT count(*)::text FROM tasksync.settlements WHERE error LIKE 'not called%took too long' AND generation_id > $1`, all[19]))

	b.define(record)
	require.Equal(t, Retried{Settled: 40}, b.due())
}

// A call that no limit of time interrupts ends with the time of the pass. Its row ends all
// the same, and the next rows do not wait for such calls.
func TestCallThatCannotBeInterrupted(t *testing.T) {
	t.Parallel()
	b := setup(t, `FOR i IN 1..2 LOOP BEGIN PERFORM pg_sleep(20); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP;`)
	id := ids(1)[0]
	for range strikesMost {
		ctx, cancel := context.WithTimeout(t.Context(), 3500*time.Millisecond)
		err := pgx.BeginFunc(ctx, b.pool, func(tx pgx.Tx) error {
			return b.settler.Settle(ctx, tx, []syncer.Ending{ending(id, task.Processing, task.Complete)})
		})
		cancel()
		require.Error(t, err)
		require.False(t, b.settler.restUntil.IsZero())
		b.settler.restUntil = time.Time{}
		b.exec(`DO 'BEGIN LOCK TABLE tasksync.settlements; END'`) // the session has ended
	}
	require.NoError(t, b.complete(id))
	require.Equal(t, "1 complete quarantined", b.states(id))
}

// However many settlements wait, the next look calls them.
func TestManyWait(t *testing.T) {
	t.Parallel()
	b := setup(t, record)
	b.settler.restUntil = time.Now().Add(time.Hour)
	require.NoError(t, b.complete(ids(2*retryMost+1)...))
	b.exec(`UPDATE tasksync.settlements SET next_at = now()`)
	require.NoError(t, b.settler.runAll(t.Context()))
	require.Equal(t, "201", b.text(`SELECT count(*)::text FROM calls`))
	require.Equal(t, "201", b.text(`SELECT count(*)::text FROM tasksync.settlements WHERE state = 'settled'`))
}

// A lock that the application holds keeps no row from ending.
func TestLockedAccount(t *testing.T) {
	t.Parallel()
	b := setup(t, record+` UPDATE accounts SET balance = balance + 1;`)
	b.exec(`CREATE TABLE accounts (balance int)`)
	b.exec(`INSERT INTO accounts VALUES (0)`)
	holder, err := b.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = holder.Exec(t.Context(), `LOCK TABLE accounts`)
	require.NoError(t, err)
	id := ids(1)[0]
	require.NoError(t, b.complete(id))
	require.Equal(t, database.LockNotAvailable, b.text(`SELECT sqlstate FROM tasksync.settlements`))
	require.NoError(t, holder.Rollback(t.Context()))
	require.Equal(t, Retried{Settled: 1}, b.due())
	require.Equal(t, "1", b.text(`SELECT balance::text FROM accounts`))
}

// Transactions that settle rows of the same users do not deadlock, whatever the order of
// their rows.
func TestUsersAreSettledInOneOrder(t *testing.T) {
	t.Parallel()
	b := setup(t, record+` PERFORM pg_sleep(0.05);`)
	all := ids(3)
	ends := make([]string, 0, 3)
	require.NoError(t, pgx.BeginFunc(t.Context(), b.pool, func(tx pgx.Tx) error {
		a, c, d := ending(all[0], task.Processing, task.Complete), ending(all[1], task.Processing, task.Complete), ending(all[2], task.Processing, task.Complete)
		a.Generation.UserID, c.Generation.UserID, d.Generation.UserID = "c", "b", "a"
		return b.settler.Settle(t.Context(), tx, []syncer.Ending{a, c, d})
	}))
	rows, err := b.pool.Query(t.Context(), `SELECT details->>'user_id' FROM calls ORDER BY n`)
	require.NoError(t, err)
	ends, err = pgx.AppendRows(ends, rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b", "c"}, ends)
}

func TestParseFunction(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"public.settle_generation": `"public"."settle_generation"`,
		"settle_generation":        `"public"."settle_generation"`,
		"Credits.Settle":           `"credits"."settle"`,
		`"My App"."settle""it"`:    `"My App"."settle""it"`,
		" a.b ":                    `"a"."b"`,
		"zähler.buche":             `"zähler"."buche"`,
	} {
		f, err := ParseFunction(text)
		require.NoError(t, err, text)
		require.Equal(t, want, f.String())
	}
	for _, text := range []string{"", "a.b.c", "public.settle(uuid)", "a; DROP TABLE b", `"a`, "a b", "1a", "a."} {
		_, err := ParseFunction(text)
		require.ErrorContains(t, err, "no name of a function", text)
	}
}

// A function that cannot be called is refused with what mends it.
func TestCheck(t *testing.T) {
	t.Parallel()
	b := setup(t, "")
	for name, c := range map[string]struct{ sql, want string }{
		"missing":   {``, "there is no function"},
		"signature": {`CREATE FUNCTION public.f(uuid, bigint, text, text, jsonb) RETURNS void LANGUAGE sql AS ''`, `there is "public"."f"(uuid, bigint, text, text, jsonb)`},
		"procedure": {`CREATE PROCEDURE public.f(uuid, int, text, text, jsonb) LANGUAGE sql AS ''`, "is no function: a procedure"},
		"stable":    {`CREATE FUNCTION public.f(uuid, int, text, text, jsonb) RETURNS void STABLE LANGUAGE sql AS ''`, "ALTER FUNCTION"},
		"no right": {`CREATE FUNCTION public.f(uuid, int, text, text, jsonb) RETURNS void LANGUAGE sql AS '';
			REVOKE ALL ON FUNCTION public.f FROM PUBLIC`, `GRANT EXECUTE ON FUNCTION "public"."f"(uuid, integer, text, text, jsonb) TO`},
		"no schema": {`CREATE FUNCTION public.f(uuid, int, text, text, jsonb) RETURNS void LANGUAGE sql AS ''; REVOKE ALL ON SCHEMA public FROM PUBLIC`, "GRANT USAGE ON SCHEMA"},
	} {
		tx, err := b.pool.Begin(t.Context())
		require.NoError(t, err)
		t.Cleanup(func() { _ = tx.Rollback(context.Background()) }) // of a test that failed
		_, err = tx.Exec(t.Context(), `CREATE ROLE settle_checker; GRANT settle_checker TO CURRENT_USER;`+c.sql+`; SET LOCAL ROLE settle_checker`)
		require.NoError(t, err, name)
		require.ErrorContains(t, Check(t.Context(), tx, Function{"public", "f"}), c.want, name)
		require.NoError(t, tx.Rollback(t.Context()))
	}
}

// A message of a function cannot write into an operator's terminal.
func TestMessagesStayInTheirLine(t *testing.T) {
	t.Parallel()
	b := setup(t, `RAISE E'\x1b[2Jhello\nnext';`)
	require.NoError(t, b.complete(ids(1)...))
	require.Regexp(t, `^ \[2Jhello next \(PL/pgSQL`, b.text(`SELECT error FROM tasksync.settlements`))
}
