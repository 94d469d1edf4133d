-- What a feed needs that reads rows instead of being told of them.
--
-- The index is for its looks at the newest pending rows; it holds pending rows
-- only, so it stays small. The table says which of several daemons polls, where
-- a pooler takes session locks away. It is not logged: after a crash of Postgres
-- nobody holds the lease, which is the truth.

-- +goose NO TRANSACTION
-- +goose Up
CALL tasksync_ddl.prepare_index('public.music_generations', 'tasksync_pending_created_at_idx',
    $$(created_at, id)
    WHERE task_type IS NOT NULL
      AND status IN ('submitted', 'queued', 'processing', 'streaming')$$);
CREATE INDEX CONCURRENTLY IF NOT EXISTS tasksync_pending_created_at_idx
    ON music_generations (created_at, id)
    WHERE task_type IS NOT NULL
      AND status IN ('submitted', 'queued', 'processing', 'streaming');
CALL tasksync_ddl.finish_indexes();

CREATE UNLOGGED TABLE IF NOT EXISTS tasksync.feed_lease (
    name       text PRIMARY KEY,
    holder     text NOT NULL,
    expires_at timestamptz NOT NULL
);

-- +goose Down
DROP TABLE IF EXISTS tasksync.feed_lease;
CALL tasksync_ddl.run('public.music_generations', 'ACCESS EXCLUSIVE', $$pg_catalog.to_regclass('public.tasksync_pending_created_at_idx') IS NULL$$, 'DROP INDEX public.tasksync_pending_created_at_idx');
