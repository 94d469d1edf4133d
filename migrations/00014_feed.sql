-- What a feed needs that reads rows instead of being told of them.
--
-- The index is for its looks at the newest pending rows; it holds pending rows
-- only, so it stays small. The table says which of several daemons polls, where
-- a pooler takes session locks away. It is not logged: after a crash of Postgres
-- nobody holds the lease, which is the truth.

-- +goose Up
-- +goose StatementBegin
DO $do$
BEGIN
    IF (SELECT c.relkind FROM pg_catalog.pg_class AS c WHERE c.oid = 'public.music_generations'::regclass) IN ('r', 'p') THEN
        CREATE INDEX IF NOT EXISTS tasksync_pending_created_at_idx
            ON public.music_generations (created_at, id)
            WHERE task_type IS NOT NULL
              AND status IN ('submitted', 'queued', 'processing', 'streaming');
    END IF;
END
$do$;
-- +goose StatementEnd

CREATE UNLOGGED TABLE tasksync.feed_lease (
    name       text PRIMARY KEY,
    holder     text NOT NULL,
    expires_at timestamptz NOT NULL
);

-- +goose Down
DROP TABLE tasksync.feed_lease;
DROP INDEX IF EXISTS public.tasksync_pending_created_at_idx;
