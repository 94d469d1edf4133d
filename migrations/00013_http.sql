-- What the HTTP side reads: a user's pending rows, the rows of a task that its
-- provider calls back about, and the status changes as they commit.
--
-- Events are read in the order of their commits, which neither id nor
-- created_at has: both are drawn before the commit. Column xid tells which
-- transaction wrote an event, so that "what has committed since that snapshot"
-- is a question with an exact answer. Old events get the xid of this migration:
-- they were all there before any snapshot that is taken after it.

-- +goose NO TRANSACTION
-- +goose Up
-- One transaction, which may be run again.
-- +goose StatementBegin
ALTER TABLE tasksync.generation_events
    ADD COLUMN IF NOT EXISTS xid xid8 NOT NULL DEFAULT pg_catalog.pg_current_xact_id();

CREATE INDEX IF NOT EXISTS generation_events_xid_idx ON tasksync.generation_events (xid);
CREATE INDEX IF NOT EXISTS generation_events_user_id_idx ON tasksync.generation_events (user_id, xid);

-- Without statistics of the new column a large table's plans look so expensive
-- that each is compiled (jit), which takes longer than to run it.
ANALYZE tasksync.generation_events (xid);

-- One wake-up for a statement, however many rows it changed; the payload is empty,
-- so that Postgres folds those of one transaction into one.
CREATE OR REPLACE FUNCTION tasksync.notify_events() RETURNS trigger
    LANGUAGE plpgsql SET search_path = ''
AS $$
BEGIN
    IF pg_catalog.pg_notification_queue_usage() < 0.9 THEN
        PERFORM pg_catalog.pg_notify('tasksync_events', '');
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION tasksync.notify_events() FROM PUBLIC;

DROP TRIGGER IF EXISTS tasksync_notify_events ON tasksync.generation_events;
CREATE TRIGGER tasksync_notify_events
    AFTER INSERT ON tasksync.generation_events
    FOR EACH STATEMENT
    EXECUTE FUNCTION tasksync.notify_events();

-- One-time tickets for a stream of events, by the SHA-256 of their text: what
-- stands here opens nothing. Lost in a crash, like the streams themselves.
CREATE UNLOGGED TABLE IF NOT EXISTS tasksync.event_tickets (
    hash       bytea PRIMARY KEY,
    user_id    uuid NOT NULL,
    expires_at timestamptz NOT NULL,
    session_expires_at timestamptz NOT NULL
);
-- +goose StatementEnd

CALL tasksync_ddl.prepare_index('public.music_generations', 'tasksync_pending_user_id_idx',
    $$(user_id)
    WHERE task_type IS NOT NULL
      AND status IN ('submitted', 'queued', 'processing', 'streaming')$$);
CREATE INDEX CONCURRENTLY IF NOT EXISTS tasksync_pending_user_id_idx
    ON music_generations (user_id)
    WHERE task_type IS NOT NULL
      AND status IN ('submitted', 'queued', 'processing', 'streaming');

CALL tasksync_ddl.prepare_index('public.music_generations', 'tasksync_pending_task_id_idx',
    $$(task_id)
    WHERE task_type IS NOT NULL
      AND status IN ('submitted', 'queued', 'processing', 'streaming')$$);
CREATE INDEX CONCURRENTLY IF NOT EXISTS tasksync_pending_task_id_idx
    ON music_generations (task_id)
    WHERE task_type IS NOT NULL
      AND status IN ('submitted', 'queued', 'processing', 'streaming');
CALL tasksync_ddl.finish_indexes();

-- +goose Down
CALL tasksync_ddl.run('public.music_generations', 'ACCESS EXCLUSIVE', $$pg_catalog.to_regclass('public.tasksync_pending_task_id_idx') IS NULL$$, 'DROP INDEX public.tasksync_pending_task_id_idx');
CALL tasksync_ddl.run('public.music_generations', 'ACCESS EXCLUSIVE', $$pg_catalog.to_regclass('public.tasksync_pending_user_id_idx') IS NULL$$, 'DROP INDEX public.tasksync_pending_user_id_idx');
DROP TABLE IF EXISTS tasksync.event_tickets;
DROP TRIGGER IF EXISTS tasksync_notify_events ON tasksync.generation_events;
DROP FUNCTION IF EXISTS tasksync.notify_events();
ALTER TABLE tasksync.generation_events DROP COLUMN IF EXISTS xid;
