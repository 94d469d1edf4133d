package migrations_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// listener listens on channel tasksync.
type listener struct {
	conn *pgx.Conn
	asks int
}

func listen(t *testing.T, url string) *listener {
	t.Helper()
	l := &listener{conn: connect(t, url)}
	_, err := l.conn.Exec(t.Context(), `LISTEN tasksync`)
	require.NoError(t, err)
	return l
}

// heard returns the payloads of all transactions that were committed since its
// last call; a notification that it sends itself marks the end.
func (l *listener) heard(t *testing.T) []string {
	t.Helper()
	l.asks++
	end := "end " + strconv.Itoa(l.asks)
	_, err := l.conn.Exec(t.Context(), `SELECT pg_notify('tasksync', $1)`, end)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var payloads []string
	for {
		n, err := l.conn.WaitForNotification(ctx)
		require.NoError(t, err)
		if n.Payload == end {
			return payloads
		}
		payloads = append(payloads, n.Payload)
	}
}

const (
	insertPending = `INSERT INTO public.music_generations (task_id, task_type) VALUES ('t', 'extend') RETURNING id::text`
	feedLock      = `SELECT pg_advisory_lock(8386110886476607075)`
	feedUnlock    = `SELECT pg_advisory_unlock(8386110886476607075)`
)

func TestInsertNotifies(t *testing.T) {
	t.Parallel()
	b := setup(t)
	l := listen(t, b.url)
	for _, tt := range []struct {
		taskType any
		status   string
		notifies bool
	}{
		{"extend", "submitted", true},
		{"extend", "queued", true},
		{"lyrics", "processing", true},
		{"merge", "streaming", true},
		{"extend", "Pending", true},
		{"extend", "SUBMITTED", true},
		{"extend", "in progress", true},
		{"extend", "Complete", false},
		{"extend", "completed", false},
		{"extend", "", false},
		{"of another day", "submitted", true},
		{"extend", "complete", false},
		{"extend", "failed", false},
		{"extend", "unheard of", false},
		{nil, "submitted", false},
		{nil, "streaming", false},
		{nil, "complete", false},
	} {
		id := value[string](t, b.pool, `INSERT INTO public.music_generations (task_id, task_type, status)
			VALUES ('t', $1, $2) RETURNING id::text`, tt.taskType, tt.status)
		if tt.notifies {
			require.Equal(t, []string{id}, l.heard(t), tt)
		} else {
			require.Empty(t, l.heard(t), tt)
		}
	}
}

func TestUpdateNotifiesWhenARowBecomesPending(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, `ALTER TABLE public.music_generations ALTER status DROP NOT NULL, ADD note text`)
	l := listen(t, b.url)
	type row struct{ taskType, status, taskID any }
	for _, tt := range []struct {
		name     string
		was      row
		set      string
		notifies bool
	}{
		{"retried", row{"extend", "failed", "t"}, `status = 'submitted'`, true},
		{"retried as another task", row{"extend", "failed", "t"}, `status = 'queued', task_id = 'u'`, true},
		{"from no status", row{"extend", nil, "t"}, `status = 'submitted'`, true},
		{"from a status of the application's own", row{"extend", "draft", "t"}, `status = 'processing'`, true},
		{"V1 becomes V2", row{nil, "submitted", "t"}, `task_type = 'extend'`, true},
		{"task id filled in", row{"extend", "submitted", nil}, `task_id = 't'`, true},
		{"empty task id filled in", row{"extend", "submitted", ""}, `task_id = 't'`, true},
		{"in another word", row{"extend", "Draft", "t"}, `status = 'PENDING'`, true},
		{"task id filled in, in another word", row{"extend", "created", nil}, `task_id = 't'`, true},
		{"moves on", row{"extend", "submitted", "t"}, `status = 'streaming'`, false},
		{"moves on, from another word", row{"extend", "Pending", "t"}, `status = 'processing'`, false},
		{"same again", row{"extend", "submitted", "t"}, `status = status, task_type = task_type, task_id = task_id`, false},
		{"another task id", row{"extend", "submitted", "t"}, `task_id = 'u'`, false},
		{"task id emptied", row{"extend", "submitted", "t"}, `task_id = NULL`, false},
		{"another column", row{"extend", "submitted", "t"}, `note = 'n', updated_at = now()`, false},
		{"another column, no task id", row{"extend", "submitted", nil}, `note = 'n'`, false},
		{"ends", row{"extend", "streaming", "t"}, `status = 'complete'`, false},
		{"fails", row{"extend", "streaming", "t"}, `status = 'failed'`, false},
		{"ended stays ended", row{"extend", "complete", nil}, `task_id = 't'`, false},
		{"V1 moves on", row{nil, "submitted", "t"}, `status = 'streaming'`, false},
		{"V1 is retried", row{nil, "failed", "t"}, `status = 'submitted'`, false},
		{"V2 becomes V1", row{"extend", "submitted", "t"}, `task_type = NULL`, false},
		{"ended V1 becomes V2", row{nil, "complete", "t"}, `task_type = 'extend'`, false},
	} {
		id := value[string](t, b.pool, `INSERT INTO public.music_generations (task_type, status, task_id)
			VALUES ($1, $2, $3) RETURNING id::text`, tt.was.taskType, tt.was.status, tt.was.taskID)
		l.heard(t)
		b.exec(t, `UPDATE public.music_generations SET `+tt.set+` WHERE id = $1::uuid`, id)
		if tt.notifies {
			require.Equal(t, []string{id}, l.heard(t), tt.name)
		} else {
			require.Empty(t, l.heard(t), tt.name)
		}
	}
}

// A trigger of the application's own may make a row pending, in an update that
// names none of the columns.
func TestUpdateNotifiesOfWhatAnotherTriggerWrote(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, `ALTER TABLE public.music_generations ADD retry boolean NOT NULL DEFAULT false;
		CREATE FUNCTION public.retry() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.status = 'submitted'; RETURN NEW; END $$;
		CREATE TRIGGER retry BEFORE UPDATE ON public.music_generations FOR EACH ROW WHEN (NEW.retry) EXECUTE FUNCTION public.retry()`)
	l := listen(t, b.url)
	id := value[string](t, b.pool, `INSERT INTO public.music_generations (task_id, task_type, status)
		VALUES ('t', 'extend', 'failed') RETURNING id::text`)
	b.exec(t, `UPDATE public.music_generations SET retry = true`)
	require.Equal(t, []string{id}, l.heard(t))
}

func TestUpsertAndCopyNotify(t *testing.T) {
	t.Parallel()
	b := setup(t)
	l := listen(t, b.url)
	const (
		id     = "00000000-0000-4000-8000-000000000001"
		upsert = `INSERT INTO public.music_generations (id, task_id, task_type, status) VALUES ($1::uuid, 't', 'extend', $2)
			ON CONFLICT (id) DO UPDATE SET status = excluded.status`
	)
	b.exec(t, upsert, id, "failed")
	require.Empty(t, l.heard(t))
	b.exec(t, upsert, id, "submitted")
	require.Equal(t, []string{id}, l.heard(t))
	b.exec(t, upsert, id, "queued")
	require.Empty(t, l.heard(t))

	n, err := b.pool.CopyFrom(t.Context(), pgx.Identifier{"public", "music_generations"}, []string{"task_id", "task_type"},
		pgx.CopyFromRows([][]any{{"a", "extend"}, {"b", nil}, {"c", "lyrics"}}))
	require.NoError(t, err)
	require.EqualValues(t, 3, n)
	require.Len(t, l.heard(t), 2)
}

func TestBulkInsertNotifiesOfEveryRow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	l := listen(t, b.url)
	const rows = 5_000
	want := column[string](t, b.pool, `INSERT INTO public.music_generations (task_id, task_type)
		SELECT n::text, 'extend' FROM generate_series(1, $1) AS n RETURNING id::text`, rows)
	require.Len(t, want, rows)
	require.ElementsMatch(t, want, l.heard(t))
}

func TestRollbackNotifiesNobody(t *testing.T) {
	t.Parallel()
	b := setup(t)
	l := listen(t, b.url)
	undo := errors.New("undo")
	err := pgx.BeginFunc(t.Context(), b.pool, func(tx pgx.Tx) error {
		value[string](t, tx, insertPending)
		return undo
	})
	require.ErrorIs(t, err, undo)
	require.Empty(t, l.heard(t))

	var first, last string
	err = pgx.BeginFunc(t.Context(), b.pool, func(tx pgx.Tx) error {
		first = value[string](t, tx, insertPending)
		err := pgx.BeginFunc(t.Context(), tx, func(savepoint pgx.Tx) error {
			value[string](t, savepoint, insertPending)
			return undo
		})
		require.ErrorIs(t, err, undo)
		last = value[string](t, tx, insertPending)
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, []string{first, last}, l.heard(t))
}

// A feed that reads the rows itself keeps the trigger quiet.
func TestTriggerIsQuietWhileAFeedReads(t *testing.T) {
	t.Parallel()
	b := setup(t)
	l := listen(t, b.url)
	feed := connect(t, b.url)
	_, err := feed.Exec(t.Context(), feedLock)
	require.NoError(t, err)

	writer := connect(t, b.url)
	_, err = writer.Exec(t.Context(), `SET lock_timeout = '1ms'`)
	require.NoError(t, err)
	id := value[string](t, writer, insertPending) // and does not wait for the feed
	b.exec(t, `UPDATE public.music_generations SET status = 'failed' WHERE id = $1::uuid`, id)
	b.exec(t, `UPDATE public.music_generations SET status = 'queued' WHERE id = $1::uuid`, id)
	require.Empty(t, l.heard(t))

	require.True(t, value[bool](t, feed, feedUnlock))
	id = value[string](t, b.pool, insertPending)
	require.Equal(t, []string{id}, l.heard(t))
}

// The feed gets its lock when the writers that were announcing have ended;
// writers that begin while it waits are quiet already.
func TestAWaitingFeedQuietensTheTrigger(t *testing.T) {
	t.Parallel()
	b := setup(t)
	l := listen(t, b.url)
	feed := connect(t, b.url)
	pid := value[int](t, feed, `SELECT pg_backend_pid()`)
	writer, err := connect(t, b.url).Begin(t.Context())
	require.NoError(t, err)
	first := value[string](t, writer, insertPending)

	locked := make(chan error, 1)
	go func() {
		_, err := feed.Exec(t.Context(), feedLock)
		locked <- err
	}()
	require.Eventually(t, func() bool {
		return value[bool](t, b.pool, `SELECT EXISTS (SELECT FROM pg_locks WHERE pid = $1 AND NOT granted)`, pid)
	}, 30*time.Second, time.Millisecond)
	value[string](t, b.pool, insertPending)
	require.NoError(t, writer.Commit(t.Context()))
	require.NoError(t, <-locked)
	require.Equal(t, []string{first}, l.heard(t))
}
