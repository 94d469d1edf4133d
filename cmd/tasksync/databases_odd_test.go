package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/internal/simulator"
	"tasksync/task"
)

// A history table that inherits from music_generations has the same ids again: the
// rows end all the same.
func TestRowsWithOneIDInAnInheritedTable(t *testing.T) {
	t.Parallel()
	w := newShape(t, "varchar")
	w.exec(t, `CREATE TABLE history () INHERITS (public.music_generations)`)
	w.exec(t, `CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO history SELECT NEW.*; RETURN NULL; END $$`)
	w.exec(t, `CREATE TRIGGER keep AFTER INSERT ON public.music_generations FOR EACH ROW EXECUTE FUNCTION keep()`)
	d := start(t, w.env(t), "run")
	d.ready(t)
	for range 3 {
		w.exec(t, `INSERT INTO music_generations (task_id, task_type) VALUES ($1, 'generate')`, w.sim.Submit(task.Generate, simulator.Ready))
	}
	w.await(t, d, "the rows are complete", func() bool {
		return w.count(t, `SELECT count(*) FROM ONLY music_generations WHERE status = 'complete'`) == 3
	})
	require.Equal(t, 6, w.count(t, `SELECT count(*) FROM music_clips`))
	require.Zero(t, d.stop(t), tail(d.output()))
	require.NotContains(t, d.output(), "panic")
}

// Sessions of an old database have another encoding, and backslashes that escape.
func TestSessionsOfAnOldDatabase(t *testing.T) {
	t.Parallel()
	w := newShape(t, "plain")
	w.exec(t, `DO $$ BEGIN
		EXECUTE format('ALTER DATABASE %I SET client_encoding = LATIN1', current_database());
		EXECUTE format('ALTER DATABASE %I SET standard_conforming_strings = off', current_database());
	END $$`)
	d := start(t, w.env(t), "run")
	d.ready(t)
	w.exec(t, `INSERT INTO music_generations (task_id, task_type, status) VALUES ($1, 'generate', 'submitted')`, w.sim.Submit(task.Generate, simulator.Ready))
	w.await(t, d, "the row is complete", func() bool {
		return w.count(t, `SELECT count(*) FROM music_generations WHERE status = 'complete'`) == 1
	})
	found, exit := w.doctor(t)
	require.Zero(t, exit, found)
	require.Zero(t, d.stop(t), tail(d.output()))
}

// A tool that makes the database like the application's model drops what it does not
// know. The start and the doctor name the columns, and the SQL adds them.
func TestColumnsThatWereDropped(t *testing.T) {
	t.Parallel()
	w := newShape(t, "varchar")
	out, exit := w.command(t, w.env(t), "migrate", "up")
	require.Zero(t, exit, out)
	w.exec(t, `ALTER TABLE music_generations DROP COLUMN provider; ALTER TABLE music_clips DROP COLUMN tags, DROP COLUMN updated_at`)
	const names = "music_generations.provider, music_clips.tags, music_clips.updated_at are missing"
	require.Contains(t, w.refused(t), names)
	found, exit := w.doctor(t)
	require.Equal(t, exitFailed, exit, found)
	require.Contains(t, found, names)
	w.mend(t, found, "")
	w.completes(t, pageLine{})
}

// Rows that have ended with other words tell what the application reads.
func TestRowsThatEndedWithOtherWords(t *testing.T) {
	t.Parallel()
	w := newShape(t, "varchar")
	w.exec(t, `INSERT INTO music_generations (status) VALUES ('COMPLETED'), ('error'), ('pending')`)
	const words = "TASKSYNC_STATUS_WORDS=complete:COMPLETED,failed:error"
	d := start(t, w.env(t), "run")
	d.ready(t)
	w.await(t, d, "the words are told", func() bool { return strings.Contains(d.output(), words) })
	require.Zero(t, d.stop(t), tail(d.output()))
	found, exit := w.doctor(t)
	require.Zero(t, exit, found)
	require.Contains(t, found, words)
	w.more["TASKSYNC_STATUS_WORDS"] = "complete:COMPLETED,failed:error"
	found, exit = w.doctor(t)
	require.Zero(t, exit, found)
	require.NotContains(t, found, "where tasksync writes")
}
