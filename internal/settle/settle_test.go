package settle

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tasksync/internal/database"
	"tasksync/syncer"
	"tasksync/task"
)

// What the function wrote is committed with the end of the row or not at all.
func TestSettlesInTheTransactionOfTheEnd(t *testing.T) {
	t.Parallel()
	b := setup(t, record)
	all := ids(3)
	require.NoError(t, b.complete(all...))
	for _, id := range all {
		require.Equal(t, "1 complete settled", b.states(id))
		require.Equal(t, "1 complete", b.calls(id))
	}
	require.Equal(t, 3, b.counted(task.Complete, stateSettled))
	require.Equal(t, `"public"."settle_it"`, b.text(`SELECT min(settled_by) FROM tasksync.settlements`))

	lost := errors.New("the row could not be written")
	require.ErrorIs(t, pgx.BeginFunc(t.Context(), b.pool, func(tx pgx.Tx) error {
		require.NoError(t, b.settler.Settle(t.Context(), tx, []syncer.Ending{ending(all[0], task.Failed, task.Complete)}))
		return lost
	}), lost)
	require.Equal(t, "1 complete settled", b.states(all[0]))
	require.Equal(t, "1 complete", b.calls(all[0]))
}

// Details have what the application needs to know of the row.
func TestDetails(t *testing.T) {
	t.Parallel()
	b := setup(t, record)
	id := ids(1)[0]
	b.exec(`INSERT INTO music_generations (id, task_id, task_type) VALUES ($1, 'task', 'generate')`, id)
	b.exec(`INSERT INTO music_clips (generation_id, clip_id, status) VALUES ($1, 'a', 'complete'), ($1, 'b', 'failed')`, id)
	require.NoError(t, b.end(ending(id, task.Streaming, task.Failed)))
	require.JSONEq(t, `{"user_id": "22222222-2222-4222-8222-222222222222", "task_id": "task", "task_type": "generate", "provider": "kie", "clips": 1, "clips_failed": 1,
		"from": "streaming", "via": "poll", "upstream_status": "SUCCESS", "earlier": []}`, b.text(`SELECT (details - 'ended_at')::text FROM calls`))
	require.Equal(t, "API_ERROR", b.text(`SELECT code FROM calls`))

	require.NoError(t, b.end(ending(id, task.Failed, task.Complete)))
	require.Equal(t, `1 failed API_ERROR`, b.text(`SELECT concat_ws(' ', e->>'round', e->>'outcome', e->>'code') FROM calls, jsonb_array_elements(details->'earlier') AS e WHERE round = 2`))
	require.Empty(t, b.text(`SELECT code FROM calls WHERE round = 2`), "complete has no code")
	require.Equal(t, "1 failed, 2 complete", b.calls(id))
}

// A retry, and a late result that is only kept or that brings the final audio, open no
// round.
func TestWhatOpensNoRound(t *testing.T) {
	t.Parallel()
	b := setup(t, record)
	id := ids(1)[0]
	for _, e := range []syncer.Ending{
		ending(id, task.Failed, task.Submitted), ending(id, task.Failed, task.Failed), ending(id, task.Complete, task.Complete),
	} {
		require.NoError(t, b.end(e))
	}
	require.Empty(t, b.states(id))
}

// An error of the function quarantines its settlement and no other, undoes what that
// call wrote, and does not keep the row from ending.
func TestAnErrorQuarantinesItsSettlementOnly(t *testing.T) {
	t.Parallel()
	all := ids(3)
	b := setup(t, record+` IF generation_id = '`+all[1]+`' THEN RAISE 'no account of Bearer abcdefghijklmnop' USING DETAIL = 'a private text'; END IF;`)
	require.NoError(t, b.complete(all...))
	require.Equal(t, "1 complete settled", b.states(all[0]))
	require.Equal(t, "1 complete quarantined", b.states(all[1]))
	require.Equal(t, "1 complete settled", b.states(all[2]))
	require.Equal(t, "1 complete", b.calls(all[0]))
	require.Empty(t, b.calls(all[1]))
	require.Equal(t, 1, b.counted(task.Complete, stateQuarantined))
	require.Equal(t, 2, b.counted(task.Complete, stateSettled))
	said := b.text(`SELECT sqlstate || ' ' || error FROM tasksync.settlements WHERE state = 'quarantined'`)
	require.Contains(t, said, "P0001 no account of")
	require.Contains(t, said, "PL/pgSQL function settle_it")
	for _, text := range []string{said, b.log.String()} {
		require.NotContains(t, text, "abcdefghijklmnop")
		require.NotContains(t, text, "private")
	}
	require.Contains(t, b.log.String(), "tasksync settle retry")

	require.Equal(t, Retried{Failed: 1}, b.due(), "nothing is mended")
	b.define(record)
	require.Equal(t, Retried{Settled: 1}, b.due())
	require.Equal(t, Retried{}, b.due())
	require.Equal(t, "1 complete", b.calls(all[1]))
	require.Equal(t, "1 complete settled", b.states(all[1]))
}

// While a round is quarantined the later ones wait for it.
func TestRoundsAreCalledInOrder(t *testing.T) {
	t.Parallel()
	b := setup(t, `RAISE 'out of order';`)
	id := ids(1)[0]
	require.NoError(t, b.end(ending(id, task.Processing, task.Failed)))
	b.define(record)
	require.NoError(t, b.end(ending(id, task.Failed, task.Complete)))
	require.Equal(t, "1 failed quarantined, 2 complete quarantined", b.states(id))
	require.Empty(t, b.calls(id))

	done, err := b.settler.Retry(t.Context(), []string{id}, func(Retried) {})
	require.NoError(t, err)
	require.Equal(t, Retried{Settled: 2}, done)
	require.Equal(t, "1 failed, 2 complete", b.calls(id))
}

// What was settled by hand is not called, and later rounds go on.
func TestSettledByHand(t *testing.T) {
	t.Parallel()
	b := setup(t, `RAISE 'no';`)
	id := ids(1)[0]
	require.NoError(t, b.end(ending(id, task.Processing, task.Failed)))
	for _, round := range []int{2, 1<<32 + 1, -1} {
		require.ErrorContains(t, Done(t.Context(), b.pool, id, round), "no quarantined settlement")
	}
	require.NoError(t, Done(t.Context(), b.pool, id, 1))
	b.define(record)
	require.Equal(t, Retried{}, b.due())
	require.NoError(t, b.end(ending(id, task.Failed, task.Complete)))
	require.Equal(t, "2 complete", b.calls(id))
	require.Empty(t, b.text(`SELECT coalesce(settled_by, '') FROM tasksync.settlements WHERE round = 1`))
}

// Functions of every kind are called once for each end.
func TestKindsOfFunctions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ returns, attributes, body string }{
		"text":              {"text", "", record + ` RETURN NULL;`},
		"a row":             {"record", "", record + ` RETURN ROW(1, NULL);`},
		"a set":             {"SETOF integer", "", record + ` RETURN NEXT 1; RETURN NEXT 2;`},
		"an empty set":      {"SETOF calls", "", record},
		"strict":            {"void", "STRICT", record},
		"security definer":  {"void", "SECURITY DEFINER SET search_path = public", record},
		"updates the row":   {"void", "", record + ` UPDATE public.music_generations SET error_message = 'refunded' WHERE id = generation_id;`},
		"catches its error": {"void", "", record + ` BEGIN PERFORM 1/0; EXCEPTION WHEN division_by_zero THEN NULL; END;`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, "")
			b.exec(`DROP FUNCTION public.settle_it`)
			b.exec(`CREATE FUNCTION ` + signature + ` RETURNS ` + c.returns + ` LANGUAGE plpgsql ` + c.attributes + ` AS $body$ BEGIN ` + c.body + ` END $body$`)
			require.NoError(t, Check(t.Context(), b.pool, b.settler.cfg.Function))
			all := ids(2)
			require.NoError(t, b.complete(all...))
			for _, id := range all {
				require.Equal(t, "1 complete", b.calls(id))
			}
		})
	}
}

// A function that is gone, and comes back, settles what ended meanwhile.
func TestFunctionIsDroppedAndComesBack(t *testing.T) {
	t.Parallel()
	b := setup(t, record)
	all := ids(4)
	require.NoError(t, b.complete(all[0])) // its statements are prepared now
	b.exec(`DROP FUNCTION public.settle_it`)
	require.NoError(t, b.complete(all[1:3]...))
	require.Equal(t, database.UndefinedFunction, b.text(`SELECT min(sqlstate) FROM tasksync.settlements WHERE state = 'quarantined'`))
	b.renew()
	require.NoError(t, b.complete(all[3]), "on a session that has not prepared them")
	b.define(record)
	require.Equal(t, Retried{Settled: 3}, b.due())
	for _, id := range all {
		require.Equal(t, "1 complete", b.calls(id))
	}
}

// A constraint that is checked at the commit quarantines too, and one that only holds
// at the end of the function is none.
func TestDeferredConstraints(t *testing.T) {
	t.Parallel()
	b := setup(t, record+` INSERT INTO bookings VALUES (gen_random_uuid(), generation_id);`)
	b.exec(`CREATE TABLE accounts (id uuid PRIMARY KEY)`)
	b.exec(`CREATE TABLE bookings (id uuid, account_id uuid REFERENCES accounts DEFERRABLE INITIALLY DEFERRED)`)
	all := ids(4)
	b.exec(`INSERT INTO accounts VALUES ($1)`, all[0])
	require.NoError(t, b.complete(all[:2]...))
	require.Equal(t, "1 complete settled", b.states(all[0]))
	require.Equal(t, "1 complete quarantined", b.states(all[1]))
	require.Equal(t, "1", b.text(`SELECT count(*)::text FROM bookings`))

	b.define(record + ` INSERT INTO bookings VALUES (gen_random_uuid(), generation_id); IF generation_id <> '` + all[3] + `' THEN INSERT INTO accounts VALUES (generation_id); END IF;`)
	require.NoError(t, b.complete(all[2:]...), "the first of them comes after a savepoint that failed")
	require.Equal(t, "1 complete settled", b.states(all[2]))
	require.Equal(t, "1 complete quarantined", b.states(all[3]))
	require.Equal(t, Retried{Settled: 1, Failed: 1}, b.due())
}

// A dry run tells what another function would do, and leaves nothing.
func TestDryRun(t *testing.T) {
	t.Parallel()
	b := setup(t, record)
	all := ids(2)
	require.NoError(t, b.complete(all...))
	require.NoError(t, b.end(ending(all[0], task.Failed, task.Complete)))
	b.exec(`CREATE FUNCTION public.other(generation_id uuid, round int, outcome text, code text, details jsonb) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
		IF generation_id = '` + all[1] + `' THEN RAISE 'no account'; END IF;
		INSERT INTO calls (generation_id, round) VALUES (generation_id, 10 + round);
		RETURN 'call ' || (SELECT count(*) FROM calls AS c WHERE c.round > 10); END $$`)
	s := New(Config{Pool: b.pool, Function: Function{"public", "other"}})
	var got []Trial
	require.NoError(t, s.DryRun(t.Context(), task.Generation{}.CreatedAt, func(tr Trial) { got = append(got, tr) }))
	require.Len(t, got, 3)
	require.Equal(t, "call 1", got[0].Result)
	require.Equal(t, "call 2", got[1].Result, "it sees the round before")
	require.Equal(t, "P0001", got[2].SQLState)
	require.Contains(t, got[2].Error, "no account")
	require.Equal(t, "0", b.text(`SELECT count(*)::text FROM calls WHERE round > 10`))
	require.Equal(t, "1 complete settled, 2 complete settled", b.states(all[0]))
}

// Two daemons that call the same settlement again call it once.
func TestTwoDaemonsRetry(t *testing.T) {
	t.Parallel()
	b := setup(t, `RAISE 'no';`)
	all := ids(20)
	require.NoError(t, b.complete(all...))
	b.exec(`ALTER TABLE calls DROP CONSTRAINT calls_generation_id_round_key`)
	b.define(record)
	errs := make(chan error, 2)
	for range cap(errs) {
		go func() {
			_, err := b.settler.Retry(context.Background(), nil, func(Retried) {})
			errs <- err
		}()
	}
	for range cap(errs) {
		require.NoError(t, <-errs)
	}
	for _, id := range all {
		require.Equal(t, "1 complete", b.calls(id))
	}
}

// A row that ended again where nothing settles it gets its next round by a backfill.
func TestBackfillOfALaterRound(t *testing.T) {
	t.Parallel()
	b := setup(t, record)
	id := ids(1)[0]
	b.exec(`INSERT INTO music_generations (id, task_id, task_type, status) VALUES ($1, 'task', 'generate', 'complete')`, id)
	end := func(from, to task.Status) {
		b.exec(`INSERT INTO tasksync.generation_events (generation_id, from_status, to_status, via, created_at) VALUES ($1, $2, $3, 'poll', clock_timestamp())`, id, from, to)
	}
	backfill := func() int {
		n, err := Backfill(t.Context(), b.pool, task.StatusWords{}, time.Now().Add(-time.Hour))
		require.NoError(t, err)
		return n
	}
	require.NoError(t, pgx.BeginFunc(t.Context(), b.pool, func(tx pgx.Tx) error {
		if err := b.settler.Settle(t.Context(), tx, []syncer.Ending{ending(id, task.Processing, task.Failed)}); err != nil {
			return err
		}
		_, err := tx.Exec(t.Context(), `INSERT INTO tasksync.generation_events (generation_id, from_status, to_status, via) VALUES ($1, 'processing', 'failed', 'poll')`, id)
		return err
	}))
	require.Zero(t, backfill(), "its end was settled")
	end(task.Failed, task.Submitted)
	require.Zero(t, backfill(), "it is under way")
	end(task.Submitted, task.Complete)
	require.Equal(t, 1, backfill())
	require.Zero(t, backfill())
	require.Equal(t, "1 failed settled, 2 complete quarantined", b.states(id))
	done, err := b.settler.Retry(t.Context(), nil, func(Retried) {})
	require.NoError(t, err)
	require.Equal(t, Retried{Settled: 1}, done)
	require.Equal(t, "1 failed, 2 complete", b.calls(id))
	require.Equal(t, "failed", b.text(`SELECT details->'earlier'->0->>'outcome' FROM calls WHERE round = 2`))
}
