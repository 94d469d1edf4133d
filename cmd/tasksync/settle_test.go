package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
)

const settleSignature = `public.settle_generation(generation_id uuid, round int, outcome text, code text, details jsonb)`

// settleWorld is a world with a table that the function writes its calls into.
func settleWorld(t *testing.T, body string) (*world, map[string]string) {
	t.Helper()
	w := newWorld(t, "sunoapi")
	w.exec(t, `CREATE TABLE settled (n bigserial, generation_id uuid, round int, outcome text, earlier text)`)
	w.define(t, body)
	return w, w.with("TASKSYNC_SETTLE", "public.settle_generation", "TASKSYNC_LATE", "complete")
}

func (w *world) define(t *testing.T, body string) {
	t.Helper()
	w.exec(t, `CREATE OR REPLACE FUNCTION `+settleSignature+` RETURNS text LANGUAGE plpgsql AS $body$ BEGIN `+body+` END $body$`)
}

const recordSettled = `INSERT INTO settled (generation_id, round, outcome, earlier) VALUES (generation_id, round, outcome, details->'earlier'->-1->>'outcome'); RETURN outcome;`

// settled returns what was settled of a task's row.
func (w *world) settled(t *testing.T, taskID string) string {
	t.Helper()
	return collect[struct{ Said string }](t, w.pool, `SELECT coalesce(string_agg(concat_ws(' ', s.round, s.outcome, 'after ' || s.earlier), ', ' ORDER BY s.n), '')
		FROM settled AS s JOIN music_generations AS g ON g.id = s.generation_id WHERE g.task_id = $1`, taskID)[0].Said
}

// tasksyncOutput runs a command in this process.
func tasksyncOutput(args ...string) (code int, output string) {
	var out strings.Builder
	code = run(args, &out, &out)
	return code, out.String()
}

// A row that fails, is retried, fails again and is completed by a late result has three
// rounds, each of which tells of the one before.
func TestEachEndIsSettledOnce(t *testing.T) {
	t.Parallel()
	w, settings := settleWorld(t, recordSettled)
	d := start(t, settings, "run")
	d.ready(t)
	id := w.add(t, 1, simulator.Success, 0)[0]
	w.await(t, d, "the row has failed", func() bool { return w.of(t, id).Status == "failed" })
	require.Equal(t, "1 failed", w.settled(t, id))

	code, out := tasksyncOutput("retry", "--database-url", w.url, w.of(t, id).ID)
	require.Zero(t, code, out)
	require.Equal(t, "1 failed", w.settled(t, id), "the next end tells of the retry")
	w.await(t, d, "the row has failed again", func() bool { return w.settled(t, id) == "1 failed, 2 failed after failed" })
	w.finish()
	w.await(t, d, "the row is complete", func() bool { return w.of(t, id).Status == "complete" })
	require.Equal(t, "1 failed, 2 failed after failed, 3 complete after failed", w.settled(t, id))
	require.Zero(t, d.stop(t), d.last())
	require.Equal(t, 3, w.count(t, `SELECT count(*) FROM tasksync.settlements AS s JOIN tasksync.generation_events AS e
		ON e.generation_id = s.generation_id AND e.created_at = s.created_at AND e.to_status = s.outcome AND e.via = s.details->>'via'`))
}

// A late result that is only kept opens no round.
func TestKeptLateResultIsNotSettled(t *testing.T) {
	t.Parallel()
	w, settings := settleWorld(t, recordSettled)
	settings["TASKSYNC_LATE"] = "event"
	d := start(t, settings, "run")
	d.ready(t)
	id := w.add(t, 1, simulator.Success, 0)[0]
	w.await(t, d, "the row has failed", func() bool { return w.of(t, id).Status == "failed" })
	w.finish()
	w.await(t, d, "the result is noticed", func() bool { return w.lateEvents(t) > 0 })
	require.Equal(t, "1 failed", w.settled(t, id))
	require.Zero(t, d.stop(t), d.last())
}

// An error of the function quarantines the settlement and never the row. The operator
// sees it in metrics, the log, doctor and `settle list`, mends the function, and the
// settlement is made; by itself, too.
func TestQuarantinedSettlements(t *testing.T) {
	t.Parallel()
	w, settings := settleWorld(t, `RAISE 'no such account' USING DETAIL = 'of somebody';`)
	d := start(t, settings, "run")
	addr := d.ready(t)
	ids := w.add(t, 3, simulator.Success, 0)
	w.finish()
	w.complete(t, d, worldPatience, ids...)
	_, metrics := get(t, "http://"+addr+"/metrics")
	require.Contains(t, metrics, "tasksync_settlements_quarantined 3")
	require.Regexp(t, `tasksync_settlements_total\{outcome="complete",state="quarantined"\} [3-9]`, metrics)
	require.Contains(t, d.output(), "tasksync settle retry")
	require.Zero(t, d.stop(t), d.last()) // it would settle them by itself

	code, out := tasksyncOutput("settle", "list", "--database-url", w.url)
	require.Zero(t, code, out)
	require.Equal(t, 3, strings.Count(out, "quarantined  P0001     no such account"), out)
	require.NotContains(t, out, "somebody")
	doctor := []string{"doctor", "--database-url", w.url, "--api-url", w.api.URL, "--api-key", "key", "--settle", "public.settle_generation"}
	code, out = tasksyncOutput(doctor...)
	require.Equal(t, exitFailed, code)
	require.Contains(t, out, "settlements: 3 are quarantined (SQLSTATE P0001, no such account")
	retry := []string{"settle", "retry", "--database-url", w.url, "--settle", "public.settle_generation"}
	code, out = tasksyncOutput(retry...)
	require.Equal(t, exitFailed, code)
	require.Contains(t, out, "0 settled, 3 failed")

	w.define(t, recordSettled)
	code, out = tasksyncOutput(append(retry, w.of(t, ids[0]).ID)...)
	require.Zero(t, code, out)
	require.Contains(t, out, "1 settled, 0 failed")
	code, out = tasksyncOutput("settle", "done", "--database-url", w.url, w.of(t, ids[1]).ID, "1")
	require.Zero(t, code, out)
	w.exec(t, `UPDATE tasksync.settlements SET next_at = now() WHERE state = 'quarantined'`)
	d = start(t, settings, "run")
	d.ready(t)
	w.await(t, d, "the last one is settled", func() bool { return w.settled(t, ids[2]) == "1 complete" })
	require.Zero(t, d.stop(t), d.last())
	require.Equal(t, "1 complete", w.settled(t, ids[0]))
	require.Empty(t, w.settled(t, ids[1]))
	_, out = tasksyncOutput(doctor...)
	require.NotContains(t, out, "quarantined")
	require.Contains(t, out, `settlements: "public"."settle_generation" is called at the end of each row`)
	code, out = tasksyncOutput("settle", "list", "--database-url", w.url, "--all", "--json")
	require.Zero(t, code, out)
	var lines []map[string]any
	require.NoError(t, json.Unmarshal([]byte(out), &lines))
	require.Len(t, lines, 3)
}

// A function that cannot be called refuses the start, with what mends it. Without a
// setting nothing of it counts.
func TestStartRefusesAFunctionThatCannotBeCalled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sunoapi")
	w.exec(t, `CREATE FUNCTION public.settle_generation(uuid, bigint, text, text, jsonb) RETURNS void LANGUAGE sql AS ''`)
	for function, want := range map[string]string{
		"public.settle_generation": `there is "public"."settle_generation"(uuid, bigint, text, text, jsonb)`,
		"public.settle":            `there is no function "public"."settle"(uuid, integer, text, text, jsonb)`,
		"public.settle(uuid)":      "TASKSYNC_SETTLE: \"public.settle(uuid)\" is no name of a function",
	} {
		d := start(t, w.with("TASKSYNC_SETTLE", function), "run")
		<-d.done
		require.Error(t, d.err, function)
		require.Contains(t, strings.ReplaceAll(d.output(), `\"`, `"`), want)
	}
}

// Rows that end without the setting are told of, and can be settled afterwards.
func TestUnsettledEnds(t *testing.T) {
	t.Parallel()
	w, settings := settleWorld(t, recordSettled)
	off := w.with()
	d := start(t, off, "run")
	d.ready(t)
	before := w.add(t, 2, simulator.Success, 0)
	w.finish()
	w.complete(t, d, worldPatience, before...)
	require.Zero(t, d.stop(t), d.last())
	require.Zero(t, w.count(t, `SELECT count(*) FROM tasksync.settlements`))
	require.NotContains(t, d.output(), "settlement")

	d = start(t, settings, "run")
	d.ready(t)
	with := w.add(t, 1, simulator.Success, 0)
	w.finish()
	w.complete(t, d, worldPatience, with...)
	require.Zero(t, d.stop(t), d.last())
	beside := start(t, off, "run")
	beside.ready(t)
	after := w.add(t, 1, simulator.Success, 0)
	w.finish()
	w.complete(t, beside, worldPatience, after...)
	w.await(t, beside, "it says that others settle rows", func() bool {
		return strings.Contains(beside.output(), "TASKSYNC_SETTLE is not set, but rows were settled")
	})
	require.Zero(t, beside.stop(t), beside.last())

	_, out := tasksyncOutput("doctor", "--database-url", w.url, "--api-url", w.api.URL, "--api-key", "key", "--settle", "public.settle_generation")
	require.Contains(t, out, "settlements: 1 ends of the last day were not settled")
	emptyCode, emptyOut := tasksyncOutput("settle", "backfill", "--database-url", w.url, "--since", "")
	require.Equal(t, 2, emptyCode, emptyOut)
	require.Contains(t, emptyOut, "--since is empty")
	code, out := tasksyncOutput("settle", "backfill", "--database-url", w.url, "--since", "1h")
	require.Zero(t, code, out)
	require.Contains(t, out, "3 settlements are open")
	require.Equal(t, 3, w.count(t, `SELECT count(*) FROM tasksync.settlements WHERE state = 'quarantined' AND next_at IS NULL`))
	code, out = tasksyncOutput("settle", "retry", "--database-url", w.url, "--settle", "public.settle_generation")
	require.Zero(t, code, out)
	for _, id := range append(append(before, with...), after...) {
		require.Equal(t, "1 complete", w.settled(t, id))
	}
	code, out = tasksyncOutput("settle", "backfill", "--database-url", w.url, "--since", "1h")
	require.Zero(t, code, out)
	require.Contains(t, out, "0 settlements are open")
}

// `tasksync sync` settles the rows that it ends, and a dry run changes nothing.
func TestSyncSettlesAndDryRun(t *testing.T) {
	t.Parallel()
	w, settings := settleWorld(t, recordSettled)
	id := w.add(t, 1, simulator.Ready, 0)[0]
	w.finish()
	p := start(t, settings, "sync", w.of(t, id).ID)
	<-p.done
	require.NoError(t, p.err, p.output())
	require.Equal(t, "1 complete", w.settled(t, id))

	w.exec(t, `CREATE FUNCTION public.settle_new(generation_id uuid, round int, outcome text, code text, details jsonb) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
		DELETE FROM settled; RETURN 'charges ' || (details->>'clips'); END $$`)
	code, out := tasksyncOutput("settle", "dry-run", "--database-url", w.url, "--function", "public.settle_new")
	require.Zero(t, code, out)
	require.Contains(t, out, "returned charges 2")
	require.Contains(t, out, "1 settlements tried, 0 would fail; everything was rolled back")
	require.Equal(t, "1 complete", w.settled(t, id))
	code, out = tasksyncOutput("settle", "dry-run", "--database-url", w.url, "--function", "public.no_such")
	require.Equal(t, exitFailed, code)
	require.Contains(t, out, "there is no function")
}

func TestSinceTime(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 29, 9, 0, 0, 0, time.UTC)
	since, err := sinceTime("24h", now)
	require.NoError(t, err)
	require.Equal(t, now.Add(-24*time.Hour), since)
	_, err = sinceTime("yesterday", now)
	require.Error(t, err)
}

// The function finds the row of an adopted table by its task, and sees the user's id and
// tasksync's words whatever the application's are.
func TestAdoptedTableIsSettled(t *testing.T) {
	t.Parallel()
	s := shapes[slices.IndexFunc(shapes, func(s shape) bool { return s.name == "generated_music" })]
	w, all := adoptedWorld(t, s)
	all.exec(t, `CREATE TABLE settled (n bigserial, task_id text, said text)`)
	all.define(t, `UPDATE generated_music SET credits = credits + 100 WHERE external_id = details->>'task_id' AND outcome = 'failed';
		INSERT INTO settled (task_id, said) VALUES (details->>'task_id', concat_ws(' ', round, outcome, details->>'user_id', details->>'clips')); RETURN NULL;`)
	d := start(t, all.with("TASKSYNC_SETTLE", "settle_generation"), "run")
	d.ready(t)
	good, refused := w.add(t, simulator.Success), w.add(t, simulator.RefusedArtist)
	all.finish()
	all.await(t, d, "both have ended", func() bool { return all.count(t, `SELECT count(*) FROM settled`) == 2 })
	require.Zero(t, d.stop(t), d.last())
	said := func(id string) string {
		return collect[struct{ Said string }](t, w.pool, `SELECT said FROM settled WHERE task_id = $1`, id)[0].Said
	}
	require.Equal(t, "1 complete 12 2", said(good))
	require.Equal(t, "1 failed 12 0", said(refused))
	require.Equal(t, 105, all.count(t, `SELECT credits FROM generated_music WHERE external_id = $1`, refused))
}
