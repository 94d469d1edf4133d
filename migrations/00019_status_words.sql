-- More words mean a pending row, in any case: pending, which is the most common
-- default of all, created, new, waiting, in_progress and the like. The triggers and
-- tasksync's own indexes follow; the two indexes of the specification stay as they
-- are, under their names.
--
-- The words stand in one array constant: a condition with a constant for each word
-- would take twice as long to prepare, which every INSERT does anew. lower has
-- collation "C", because the lower case of I is no i in every language. What was
-- said in 00012 of the WHEN clauses holds: nothing may stand in them that not
-- everybody may execute. A trigger that is off (tasksync feed trigger off) stays off.
--
-- The last index holds the V2 rows with a word that means neither a pending row nor
-- one that has ended. Normally it is empty. Its key is cut, because an index refuses
-- long values, and with them the application's row.

-- +goose Up
CREATE INDEX IF NOT EXISTS tasksync_pending_by_created_at_idx
    ON public.music_generations (created_at, id)
    WHERE task_type IS NOT NULL
      AND lower(status COLLATE "C") = ANY ('{submitted,queued,processing,streaming,pending,created,new,waiting,in_progress,in-progress,"in progress",inprogress,running,generating}'::text[]);
DROP INDEX IF EXISTS public.tasksync_pending_created_at_idx;

CREATE INDEX IF NOT EXISTS tasksync_pending_by_user_id_idx
    ON public.music_generations (user_id)
    WHERE task_type IS NOT NULL
      AND lower(status COLLATE "C") = ANY ('{submitted,queued,processing,streaming,pending,created,new,waiting,in_progress,in-progress,"in progress",inprogress,running,generating}'::text[]);
DROP INDEX IF EXISTS public.tasksync_pending_user_id_idx;

CREATE INDEX IF NOT EXISTS tasksync_pending_by_task_id_idx
    ON public.music_generations (task_id)
    WHERE task_type IS NOT NULL
      AND lower(status COLLATE "C") = ANY ('{submitted,queued,processing,streaming,pending,created,new,waiting,in_progress,in-progress,"in progress",inprogress,running,generating}'::text[]);
DROP INDEX IF EXISTS public.tasksync_pending_task_id_idx;

CREATE INDEX IF NOT EXISTS tasksync_odd_status_idx
    ON public.music_generations (left(lower(coalesce(status, '') COLLATE "C"), 40))
    WHERE task_type IS NOT NULL
      AND (lower(status COLLATE "C") = ANY ('{submitted,queued,processing,streaming,pending,created,new,waiting,in_progress,in-progress,"in progress",inprogress,running,generating,complete,completed,done,finished,success,succeeded,successful,failed,fail,failure,error,errored,cancelled,canceled,aborted,expired,timeout,timed_out,rejected,refunded,deleted,archived}'::text[])) IS NOT TRUE;

-- +goose StatementBegin
DO $$
DECLARE
    off boolean;
BEGIN
    SELECT t.tgenabled = 'D' INTO off FROM pg_catalog.pg_trigger AS t
    WHERE t.tgrelid = 'public.music_generations'::regclass AND t.tgname = 'tasksync_notify_insert';
    DROP TRIGGER IF EXISTS tasksync_notify_insert ON public.music_generations;
    CREATE TRIGGER tasksync_notify_insert
        AFTER INSERT ON public.music_generations
        FOR EACH ROW
        WHEN (NEW.task_type IS NOT NULL
            AND lower(NEW.status COLLATE "C") = ANY ('{submitted,queued,processing,streaming,pending,created,new,waiting,in_progress,in-progress,"in progress",inprogress,running,generating}'::text[])
            AND pg_catalog.pg_try_advisory_xact_lock_shared(8386110886476607075))
        EXECUTE FUNCTION tasksync.notify_generation();
    IF off THEN
        ALTER TABLE public.music_generations DISABLE TRIGGER tasksync_notify_insert;
    END IF;
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
DO $$
DECLARE
    off boolean;
BEGIN
    SELECT t.tgenabled = 'D' INTO off FROM pg_catalog.pg_trigger AS t
    WHERE t.tgrelid = 'public.music_generations'::regclass AND t.tgname = 'tasksync_notify_update';
    DROP TRIGGER IF EXISTS tasksync_notify_update ON public.music_generations;
    CREATE TRIGGER tasksync_notify_update
        AFTER UPDATE ON public.music_generations
        FOR EACH ROW
        WHEN (NEW.task_type IS NOT NULL
            AND lower(NEW.status COLLATE "C") = ANY ('{submitted,queued,processing,streaming,pending,created,new,waiting,in_progress,in-progress,"in progress",inprogress,running,generating}'::text[])
            AND (OLD.task_type IS NULL
                OR (lower(OLD.status COLLATE "C") = ANY ('{submitted,queued,processing,streaming,pending,created,new,waiting,in_progress,in-progress,"in progress",inprogress,running,generating}'::text[])) IS NOT TRUE
                OR (coalesce(OLD.task_id, '') = '' AND coalesce(NEW.task_id, '') <> ''))
            AND pg_catalog.pg_try_advisory_xact_lock_shared(8386110886476607075))
        EXECUTE FUNCTION tasksync.notify_generation();
    IF off THEN
        ALTER TABLE public.music_generations DISABLE TRIGGER tasksync_notify_update;
    END IF;
END
$$;
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
DO $$
DECLARE
    off boolean;
BEGIN
    SELECT t.tgenabled = 'D' INTO off FROM pg_catalog.pg_trigger AS t
    WHERE t.tgrelid = 'public.music_generations'::regclass AND t.tgname = 'tasksync_notify_update';
    DROP TRIGGER IF EXISTS tasksync_notify_update ON public.music_generations;
    CREATE TRIGGER tasksync_notify_update
        AFTER UPDATE ON public.music_generations
        FOR EACH ROW
        WHEN (NEW.task_type IS NOT NULL
            AND NEW.status IN ('submitted', 'queued', 'processing', 'streaming')
            AND (OLD.task_type IS NULL
                OR (OLD.status IN ('submitted', 'queued', 'processing', 'streaming')) IS NOT TRUE
                OR (coalesce(OLD.task_id, '') = '' AND coalesce(NEW.task_id, '') <> ''))
            AND pg_catalog.pg_try_advisory_xact_lock_shared(8386110886476607075))
        EXECUTE FUNCTION tasksync.notify_generation();
    IF off THEN
        ALTER TABLE public.music_generations DISABLE TRIGGER tasksync_notify_update;
    END IF;
END
$$;
-- +goose StatementEnd
-- +goose StatementBegin
DO $$
DECLARE
    off boolean;
BEGIN
    SELECT t.tgenabled = 'D' INTO off FROM pg_catalog.pg_trigger AS t
    WHERE t.tgrelid = 'public.music_generations'::regclass AND t.tgname = 'tasksync_notify_insert';
    DROP TRIGGER IF EXISTS tasksync_notify_insert ON public.music_generations;
    CREATE TRIGGER tasksync_notify_insert
        AFTER INSERT ON public.music_generations
        FOR EACH ROW
        WHEN (NEW.task_type IS NOT NULL
            AND NEW.status IN ('submitted', 'queued', 'processing', 'streaming')
            AND pg_catalog.pg_try_advisory_xact_lock_shared(8386110886476607075))
        EXECUTE FUNCTION tasksync.notify_generation();
    IF off THEN
        ALTER TABLE public.music_generations DISABLE TRIGGER tasksync_notify_insert;
    END IF;
END
$$;
-- +goose StatementEnd

DROP INDEX IF EXISTS public.tasksync_odd_status_idx;
CREATE INDEX IF NOT EXISTS tasksync_pending_task_id_idx
    ON public.music_generations (task_id)
    WHERE task_type IS NOT NULL
      AND status IN ('submitted', 'queued', 'processing', 'streaming');
DROP INDEX IF EXISTS public.tasksync_pending_by_task_id_idx;
CREATE INDEX IF NOT EXISTS tasksync_pending_user_id_idx
    ON public.music_generations (user_id)
    WHERE task_type IS NOT NULL
      AND status IN ('submitted', 'queued', 'processing', 'streaming');
DROP INDEX IF EXISTS public.tasksync_pending_by_user_id_idx;
CREATE INDEX IF NOT EXISTS tasksync_pending_created_at_idx
    ON public.music_generations (created_at, id)
    WHERE task_type IS NOT NULL
      AND status IN ('submitted', 'queued', 'processing', 'streaming');
DROP INDEX IF EXISTS public.tasksync_pending_by_created_at_idx;
