package settle

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/syncer"
	"tasksync/task"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// logBuffer is a log.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

type bundle struct {
	*testing.T
	pool    *pgxpool.Pool
	settler *Settler
	log     *logBuffer
}

// signature is that of the functions of these tests.
const signature = `public.settle_it(generation_id uuid, round int, outcome text, code text, details jsonb)`

// setup makes a database with a table of calls, and a function with this body in
// PL/pgSQL.
func setup(t *testing.T, body string) *bundle {
	t.Helper()
	b := &bundle{T: t, pool: postgrestest.Pool(t), log: &logBuffer{}}
	b.exec(`CREATE TABLE calls (n bigserial PRIMARY KEY, generation_id uuid, round int, outcome text, code text, details jsonb, UNIQUE (generation_id, round))`)
	b.define(body)
	b.renew()
	return b
}

// renew makes a settler that remembers nothing, like a daemon that starts.
func (b *bundle) renew() {
	b.settler = New(Config{
		Pool: b.pool, Function: Function{"public", "settle_it"}, Logger: slog.New(slog.NewTextHandler(b.log, nil)), Registerer: prometheus.NewRegistry(),
	})
}

const record = `INSERT INTO calls (generation_id, round, outcome, code, details) VALUES (generation_id, round, outcome, code, details);`

func (b *bundle) define(body string) {
	b.exec(`CREATE OR REPLACE FUNCTION ` + signature + ` RETURNS void LANGUAGE plpgsql AS $body$ BEGIN ` + body + ` END $body$`)
}

func (b *bundle) exec(sql string, args ...any) {
	b.Helper()
	_, err := b.pool.Exec(context.Background(), sql, args...)
	require.NoError(b, err)
}

func (b *bundle) text(sql string, args ...any) (s string) {
	b.Helper()
	require.NoError(b, b.pool.QueryRow(context.Background(), sql, args...).Scan(&s))
	return s
}

// ids makes n ids whose order is that of their settling.
func ids(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("00000000-0000-4000-8000-%012d", i+1)
	}
	return list
}

func ending(id string, from, to task.Status) syncer.Ending {
	e := syncer.Ending{
		Generation: task.Generation{ID: id, UserID: "22222222-2222-4222-8222-222222222222", TaskID: "task", Type: task.Generate, Provider: "kie"},
		From:       from, To: to, Via: syncer.ViaPoll, Upstream: "SUCCESS",
	}
	if to == task.Failed {
		e.Code = task.APIError
	}
	return e
}

// end ends rows in a transaction like that of a pass.
func (b *bundle) end(ends ...syncer.Ending) error {
	return pgx.BeginFunc(context.Background(), b.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(context.Background(), `SET LOCAL lock_timeout = '2s'`); err != nil {
			return err
		}
		if err := b.settler.Settle(context.Background(), tx, ends); err != nil {
			return err
		}
		var timeouts string
		err := tx.QueryRow(context.Background(), `SELECT current_setting('lock_timeout') || ' ' || current_setting('statement_timeout')`).Scan(&timeouts)
		require.NoError(b, err)
		require.Equal(b, "2s 0", timeouts, "the limits are those of the calls")
		return nil
	})
}

// complete ends the rows as complete.
func (b *bundle) complete(ids ...string) error {
	var ends []syncer.Ending
	for _, id := range ids {
		ends = append(ends, ending(id, task.Processing, task.Complete))
	}
	return b.end(ends...)
}

// due makes all quarantined settlements due, and calls them as a daemon does.
func (b *bundle) due() Retried {
	b.Helper()
	b.exec(`UPDATE tasksync.settlements SET next_at = now() WHERE next_at IS NOT NULL`)
	done, err := b.settler.runOnce(context.Background())
	require.NoError(b, err)
	return done
}

// states returns the settlements like "1 complete settled".
func (b *bundle) states(id string) string {
	b.Helper()
	return b.text(`SELECT coalesce(string_agg(round || ' ' || outcome || ' ' || state, ', ' ORDER BY round), '') FROM tasksync.settlements WHERE generation_id = $1`, id)
}

// calls returns the calls that were committed, like "1 complete".
func (b *bundle) calls(id string) string {
	b.Helper()
	return b.text(`SELECT coalesce(string_agg(round || ' ' || outcome, ', ' ORDER BY n), '') FROM calls WHERE generation_id = $1`, id)
}

func (b *bundle) counted(outcome task.Status, state string) int {
	return int(testutil.ToFloat64(b.settler.counter.WithLabelValues(string(outcome), state)))
}
