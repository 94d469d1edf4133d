-- A pending V2 row announces itself on channel tasksync, with its id.
--
-- Everything that decides stands in the WHEN clause, so that a row that does
-- not concern us costs no function call. Its last condition keeps the trigger
-- quiet while a feed holds advisory lock 8386110886476607075 ("tasksync" in
-- ASCII) exclusively: that feed reads the rows itself, and the writers are
-- spared the instance-wide lock of a commit that notifies. The clause runs as
-- the writing role, so nothing may stand in it that not everybody may execute.
--
-- The update trigger names no columns: it would then miss what a BEFORE trigger
-- of the application's writes. To ask the WHEN clause costs nothing measurable.
--
-- The function runs as its owner with an empty search_path, so it works for a
-- role that may only insert, and it cannot raise: an application's insert must
-- not fail because of us. It skips the hint when Postgres' notification queue
-- is nearly full, because a full one would fail the commit; the sweep finds the
-- row. Nor does it notify where transactions may be prepared for a two-phase
-- commit (see 00020, which has the last word; here, so that no insert in between
-- notifies).

-- +goose NO TRANSACTION
-- +goose Up
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION tasksync.notify_generation() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
    IF pg_catalog.current_setting('max_prepared_transactions') = '0' AND pg_catalog.pg_notification_queue_usage() < 0.9 THEN
        PERFORM pg_catalog.pg_notify('tasksync', NEW.id::pg_catalog.text);
    END IF;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION tasksync.notify_generation() FROM PUBLIC;

CALL tasksync_ddl.run('public.music_generations', 'SHARE ROW EXCLUSIVE',
$$EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = pg_catalog.to_regclass('public.music_generations') AND tgname = 'tasksync_notify_insert')$$,
$$CREATE TRIGGER tasksync_notify_insert
    AFTER INSERT ON public.music_generations
    FOR EACH ROW
    WHEN (NEW.task_type IS NOT NULL
        AND NEW.status IN ('submitted', 'queued', 'processing', 'streaming')
        AND pg_catalog.pg_try_advisory_xact_lock_shared(8386110886476607075))
    EXECUTE FUNCTION tasksync.notify_generation()$$);

CALL tasksync_ddl.run('public.music_generations', 'SHARE ROW EXCLUSIVE',
$$EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = pg_catalog.to_regclass('public.music_generations') AND tgname = 'tasksync_notify_update')$$,
$$CREATE TRIGGER tasksync_notify_update
    AFTER UPDATE ON public.music_generations
    FOR EACH ROW
    WHEN (NEW.task_type IS NOT NULL
        AND NEW.status IN ('submitted', 'queued', 'processing', 'streaming')
        AND (OLD.task_type IS NULL
            OR (OLD.status IN ('submitted', 'queued', 'processing', 'streaming')) IS NOT TRUE
            OR (coalesce(OLD.task_id, '') = '' AND coalesce(NEW.task_id, '') <> ''))
        AND pg_catalog.pg_try_advisory_xact_lock_shared(8386110886476607075))
    EXECUTE FUNCTION tasksync.notify_generation()$$);

-- +goose Down
CALL tasksync_ddl.run('public.music_generations', 'ACCESS EXCLUSIVE',
$$NOT EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = pg_catalog.to_regclass('public.music_generations') AND tgname = 'tasksync_notify_update')$$,
'DROP TRIGGER tasksync_notify_update ON public.music_generations');
CALL tasksync_ddl.run('public.music_generations', 'ACCESS EXCLUSIVE',
$$NOT EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = pg_catalog.to_regclass('public.music_generations') AND tgname = 'tasksync_notify_insert')$$,
'DROP TRIGGER tasksync_notify_insert ON public.music_generations');
DROP FUNCTION IF EXISTS tasksync.notify_generation();
