package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/internal/simulator"
	"tasksync/task"
)

// zones are databases whose created_at has no time zone: the zone in which the database
// reads it, and what the application's writers say for now. Each row is fresh.
var zones = []struct{ name, database, now, says string }{
	{"behind by eight hours", "Asia/Shanghai", "now() AT TIME ZONE 'UTC'", "its writers write UTC (seen on 2 rows), and it is read in the database's zone, Asia/Shanghai"},
	{"ahead by five hours", "Asia/Shanghai", "now() AT TIME ZONE '<+13>-13'", "its writers write <+13:00>-13:00 (seen on 2 rows)"},
	{"ahead of UTC", "UTC", "now() AT TIME ZONE 'Asia/Kolkata'", "its writers write <+05:30>-05:30 (seen on 2 rows)"},
	{"behind UTC", "UTC", "now() AT TIME ZONE '<-03:30>+03:30'", "its writers write <-03:30>+03:30 (seen on 2 rows)"},
	{"the same", "Asia/Shanghai", "localtimestamp", "its writers mean the database's zone, Asia/Shanghai (seen on 2 rows)"},
}

// Whatever zone the writers mean, a fresh row has all of its time, and the deadline
// ends it.
func TestCreatedAtWithoutATimeZone(t *testing.T) {
	t.Parallel()
	for _, z := range zones {
		t.Run(z.name, func(t *testing.T) {
			t.Parallel()
			w := &shaped{world: newWorldOn(t, "sunoapi", postgrestest.Empty(t)), more: map[string]string{"TASKSYNC_TIMEOUT": shortTimeout.String()}}
			w.exec(t, `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET TimeZone = %L', current_database(), '`+z.database+`'); END $$`)
			w.exec(t, `CREATE TABLE music_generations (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), task_id text, status text DEFAULT 'submitted', created_at timestamp NOT NULL)`)
			w.pool.Reset() // for sessions in the new zone
			d := start(t, w.env(t), "run")
			d.ready(t)
			w.await(t, d, "the start says so", func() bool {
				return strings.Contains(d.output(), "created_at has no time zone, and the rows do not show which one its writers mean")
			})
			insert := func(fate simulator.Fate) string {
				id := w.sim.Submit(task.Generate, fate)
				w.exec(t, `INSERT INTO music_generations (task_id, task_type, created_at) VALUES ($1, 'generate', `+z.now+`)`, id)
				return id
			}
			inserted := time.Now()
			stuck, good := insert(simulator.Stuck), insert(simulator.Success)
			w.asked(t, d, 1, stuck, good)
			w.finish()
			w.await(t, d, "the good row is complete", func() bool {
				return w.count(t, `SELECT count(*) FROM music_generations WHERE task_id = $1 AND status = 'complete'`, good) == 1
			})
			w.await(t, d, "the deadline ends the other", func() bool {
				return w.count(t, `SELECT count(*) FROM music_generations WHERE task_id = $1 AND status = 'failed'`, stuck) == 1
			})
			require.GreaterOrEqual(t, time.Since(inserted), shortTimeout, "it had its time")
			found, exit := w.doctor(t)
			require.Zero(t, exit, found)
			require.Contains(t, found, "created_at has no time zone; "+z.says)
			require.Zero(t, d.stop(t), tail(d.output()))
			if sql := printedSQL(found); sql != "" { // then the column says what was meant
				w.exec(t, sql)
				require.Equal(t, 2, w.count(t, `SELECT count(*) FROM music_generations WHERE clock_timestamp() - created_at BETWEEN '0' AND '5 min'`))
			}
		})
	}
}
