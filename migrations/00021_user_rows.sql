-- What pages read besides pending rows: a user's rows, page by page, the newest first,
-- and an event for a row that is new (via insert), so that every page of the user shows
-- it at once, whoever has inserted it.
--
-- The index is read backwards. It holds the rows that the HTTP API shows, those with a
-- task_type. created_at is not unique: id is the rest of the order.

-- +goose NO TRANSACTION
-- +goose Up
CALL tasksync_ddl.prepare_index('public.music_generations', 'tasksync_user_rows_idx',
    $$(user_id, created_at, id)
    WHERE task_type IS NOT NULL$$);
CREATE INDEX CONCURRENTLY IF NOT EXISTS tasksync_user_rows_idx
    ON music_generations (user_id, created_at, id)
    WHERE task_type IS NOT NULL;
CALL tasksync_ddl.finish_indexes();

-- The words are more than before, so that no row need be looked at.
-- +goose StatementBegin
ALTER TABLE tasksync.generation_events DROP CONSTRAINT IF EXISTS generation_events_via_check;
ALTER TABLE tasksync.generation_events ADD CONSTRAINT generation_events_via_check
    CHECK (via IN ('poll', 'webhook', 'request', 'timeout', 'late', 'retry', 'insert')) NOT VALID;
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
DELETE FROM tasksync.generation_events WHERE via = 'insert';
ALTER TABLE tasksync.generation_events DROP CONSTRAINT IF EXISTS generation_events_via_check;
ALTER TABLE tasksync.generation_events ADD CONSTRAINT generation_events_via_check
    CHECK (via IN ('poll', 'webhook', 'request', 'timeout', 'late', 'retry')) NOT VALID;
-- +goose StatementEnd
CALL tasksync_ddl.run('public.music_generations', 'ACCESS EXCLUSIVE', $$pg_catalog.to_regclass('public.tasksync_user_rows_idx') IS NULL$$, 'DROP INDEX public.tasksync_user_rows_idx');
