package live

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

func TestListenerWait(t *testing.T) {
	t.Parallel()
	b := setup(t)
	l, err := connect(t.Context(), b.pool.Config().ConnConfig)
	require.NoError(t, err)
	t.Cleanup(l.close)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()

	// A notification that comes along with the answer to a query is not lost,
	_, err = l.conn.Exec(ctx, `NOTIFY tasksync_events`)
	require.NoError(t, err)
	require.NoError(t, l.wait(ctx))
	require.NoError(t, ctx.Err())

	// a wait that is broken off does no harm,
	for range 10 {
		broken, breakOff := context.WithCancel(ctx)
		go breakOff()
		require.NoError(t, l.wait(broken))
	}
	require.False(t, l.conn.IsClosed())

	// nor do notifications that come meanwhile,
	b.exec(`NOTIFY tasksync_events`)
	require.NoError(t, l.wait(ctx))
	require.NoError(t, ctx.Err())

	// and the end of the connection is noticed.
	b.exec(`SELECT pg_terminate_backend($1)`, l.conn.PgConn().PID())
	require.Error(t, l.wait(ctx))
	require.NoError(t, ctx.Err())
}

// TestQueryModes tests the modes that a database URL can ask for, because of a
// pooler.
func TestQueryModes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, mode := range []pgx.QueryExecMode{
		pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec,
		pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol,
	} {
		broker := b.running(func(broker *Broker) {
			broker.cfg.ConnConfig = broker.cfg.ConnConfig.Copy()
			broker.cfg.ConnConfig.DefaultQueryExecMode = mode
		})
		user, generation := newID(), newID()
		b.exec(`INSERT INTO public.music_generations (id, user_id, task_type) VALUES ($1, $2, 'lyrics')`, generation, user)
		s, first := b.subscribe(broker, user, "")
		b.eventOf(b.pool, user, generation)
		_, resumed := b.subscribe(broker, user, first.Cursor)
		for _, batch := range []Batch{b.next(s), resumed} {
			require.Len(t, batch.Events, 1, mode)
			require.Equal(t, generation, batch.Events[0].Generation.ID)
		}
	}
}

// TestNoPasswordInTheLog has a password that the server refuses.
func TestNoPasswordInTheLog(t *testing.T) {
	t.Parallel()
	b := setup(t)
	broker := b.running(func(broker *Broker) {
		cfg := b.pool.Config().ConnConfig
		cfg.Password = "hunter2"
		broker.cfg.ConnConfig = cfg
	})
	_, err := broker.Subscribe(newID(), "")
	require.NoError(t, err)
	b.eventually(func() bool { return strings.Contains(b.log.String(), "Live updates are interrupted") })
	require.Contains(t, b.log.String(), "28P01")
	require.NotContains(t, b.log.String(), "hunter2")
}
