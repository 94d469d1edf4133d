-- More words mean a pending row, in any case: pending, which is the most common
-- default of all, created, new, waiting, in_progress and the like. The triggers and
-- tasksync's own indexes follow; the two indexes of the specification stay as they
-- are, under their names.
--
-- The words stand in one array constant: a condition with a constant for each word
-- would take twice as long to prepare, which every INSERT does anew. lower has
-- collation "C", because the lower case of I is no i in every language. What was
-- said in 00012 of the WHEN clauses holds: nothing may stand in them that not
-- everybody may execute. A trigger keeps whether it fires (tasksync feed trigger).
--
-- The last index holds the V2 rows with a word that means neither a pending row nor
-- one that has ended. Normally it is empty. Its key is cut, because an index refuses
-- long values, and with them the application's row.
--
-- The statistics tell the planner how few rows are pending. Without them it takes 7 %
-- of the table for pending, which among millions of rows is worth parallel workers and
-- compilation (jit) to it, at each sweep.

-- +goose NO TRANSACTION
-- +goose Up

-- The same as in 00001: databases that had 00001 before it had this lack it.
-- +goose StatementBegin
CREATE SCHEMA IF NOT EXISTS tasksync_ddl;

-- Whether this is a table, and no view: on what is no table there is nothing to do.
CREATE OR REPLACE FUNCTION tasksync_ddl.is_table(a_table text) RETURNS boolean LANGUAGE sql AS $$
    SELECT c.relkind IN ('r', 'p') FROM pg_catalog.pg_class AS c WHERE c.oid = pg_catalog.to_regclass(a_table)
$$;

-- The table with its partitions, in the order in which they are locked.
CREATE OR REPLACE FUNCTION tasksync_ddl.parts(a_table text) RETURNS SETOF regclass LANGUAGE sql AS $$
    WITH RECURSIVE part (id, depth) AS (
        SELECT pg_catalog.to_regclass(a_table)::oid, 0 WHERE pg_catalog.to_regclass(a_table) IS NOT NULL
        UNION ALL
        SELECT i.inhrelid, p.depth + 1 FROM part AS p JOIN pg_catalog.pg_inherits AS i ON i.inhparent = p.id
    )
    SELECT p.id::regclass FROM part AS p ORDER BY p.depth, p.id
$$;

-- Who keeps a lock away, the oldest first. Of a query only the beginning is said,
-- without anything that may be a value.
CREATE OR REPLACE FUNCTION tasksync_ddl.holders(a_table text, a_lock text, OUT pid integer, OUT since timestamptz, OUT what text) RETURNS SETOF record LANGUAGE sql AS $$
    SELECT DISTINCT ON (a.xact_start, l.virtualtransaction) l.pid, a.xact_start, CASE
        WHEN l.pid IS NULL THEN coalesce(
            (SELECT pg_catalog.format('prepared transaction %L of role %s, since %s', p.gid, p.owner, pg_catalog.date_trunc('second', p.prepared))
            FROM pg_catalog.pg_prepared_xacts AS p WHERE p.transaction::text = pg_catalog.split_part(l.virtualtransaction, '/', 2)),
            'a prepared transaction')
        WHEN a.xact_start IS NULL THEN pg_catalog.format('process %s of role %s (this role may not see what it does)', l.pid, coalesce(a.usename, '?'))
        ELSE pg_catalog.format('process %s (%s), %s, in a transaction since %s, query: %s', l.pid,
            pg_catalog.concat_ws(', ', coalesce('role ' || a.usename, a.backend_type), nullif(a.application_name, '')),
            coalesce(a.state, 'active'), pg_catalog.date_trunc('second', a.xact_start), pg_catalog.left(pg_catalog.btrim(pg_catalog.regexp_replace(pg_catalog.regexp_replace(
                pg_catalog.split_part(pg_catalog.substring(pg_catalog.regexp_replace(a.query, '^(\s|/\*.*?\*/|--[^\n]*\n)+', ''), '^[^''$"/]*'), '--', 1),
                '\d+', '?', 'g'), '\s+', ' ', 'g')), 60))
        END
    FROM pg_catalog.pg_locks AS l
    LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
    WHERE l.locktype = 'relation' AND l.granted AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
        AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())
        AND l.relation IN (SELECT p.oid FROM tasksync_ddl.parts(a_table) AS p (oid))
        AND (a_lock = 'ACCESS EXCLUSIVE' OR l.mode NOT IN ('AccessShareLock', 'RowShareLock'))
    ORDER BY a.xact_start, l.virtualtransaction
    LIMIT 3
$$;

-- Runs a statement that locks a table of the application's, unless a condition
-- holds. Writers that come while a lock is waited for wait behind it. So it is
-- waited for 50 ms at a time, for all partitions together, and tried again with
-- growing spaces, for 5 minutes (setting tasksync.lock_wait) or most of the role's
-- statement_timeout. The first lock keeps no writer waiting: it is there because
-- Postgres cancels an autovacuum only for somebody who waits longer than
-- deadlock_timeout.
CREATE OR REPLACE PROCEDURE tasksync_ddl.run(a_table text, a_lock text, a_unless text, a_statement text) LANGUAGE plpgsql AS $$
DECLARE
    patience CONSTANT interval := (
        SELECT least(coalesce(nullif(pg_catalog.current_setting('tasksync.lock_wait', true), ''), '5min')::interval,
            nullif(s.setting, '0')::integer * interval '0.8 ms')
        FROM pg_catalog.pg_settings AS s WHERE s.name = 'statement_timeout');
    harmless CONSTANT text := (SELECT (s.setting::integer + 1000)::text FROM pg_catalog.pg_settings AS s WHERE s.name = 'deadlock_timeout');
    began CONSTANT timestamptz := pg_catalog.clock_timestamp();
    pause double precision := 0.1;
    told text[] := '{}';
    last text := 'transactions that hold it in turn';
    done boolean := false;
    locking timestamptz;
    part regclass;
    holder record;
BEGIN
    LOOP
        IF NOT tasksync_ddl.is_table(a_table) THEN
            RETURN;
        END IF;
        EXECUTE 'SELECT ' || a_unless INTO done;
        IF done THEN
            RETURN;
        END IF;
        BEGIN
            locking := pg_catalog.clock_timestamp();
            PERFORM pg_catalog.set_config('lock_timeout', harmless, true);
            FOR part IN SELECT p FROM tasksync_ddl.parts(a_table) AS p LOOP
                EXECUTE pg_catalog.format('LOCK TABLE ONLY %s IN SHARE UPDATE EXCLUSIVE MODE', part);
            END LOOP;
            locking := pg_catalog.clock_timestamp();
            FOR part IN SELECT p FROM tasksync_ddl.parts(a_table) AS p LOOP
                PERFORM pg_catalog.set_config('lock_timeout', greatest(1, 50 - (extract(epoch FROM pg_catalog.clock_timestamp() - locking) * 1000)::integer)::text, true);
                EXECUTE pg_catalog.format('LOCK TABLE ONLY %s IN %s MODE', part, a_lock);
            END LOOP;
            EXECUTE a_statement;
            done := true;
        EXCEPTION WHEN lock_not_available THEN
            done := false;
        END;
        COMMIT;
        IF done THEN
            RETURN;
        END IF;
        -- Who came later is not the one who was waited for.
        FOR holder IN SELECT h.what FROM tasksync_ddl.holders(a_table, a_lock) AS h WHERE h.since IS NULL OR h.since < locking LOOP
            IF holder.what <> ALL (told) AND pg_catalog.cardinality(told) < 20 THEN
                told := told || holder.what;
                RAISE WARNING 'tasksync: waits for a lock on %, held by %', a_table, holder.what;
            END IF;
            last := holder.what;
        END LOOP;
        IF pg_catalog.clock_timestamp() - began > patience THEN
            RAISE EXCEPTION 'tasksync: no lock on % within %: it is held by %. End that transaction, by SELECT pg_terminate_backend(PROCESS) for example, and run the migrations again; they go on where they stopped',
                a_table, patience, last USING ERRCODE = 'lock_not_available';
        END IF;
        PERFORM pg_catalog.pg_sleep(pause);
        pause := least(pause * 1.5, 5);
    END LOOP;
END
$$;

-- Adds those columns that are missing. Each is a name and what it is.
CREATE OR REPLACE PROCEDURE tasksync_ddl.add_columns(a_table text, a_columns text[]) LANGUAGE plpgsql AS $$
DECLARE
    missing CONSTANT text := (
        SELECT pg_catalog.string_agg('ADD COLUMN IF NOT EXISTS ' || w.text, ', ' ORDER BY w.n)
        FROM pg_catalog.unnest(a_columns) WITH ORDINALITY AS w (text, n)
        WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_attribute AS a
            WHERE a.attrelid = pg_catalog.to_regclass(a_table) AND a.attname = pg_catalog.split_part(w.text, ' ', 1)::name AND NOT a.attisdropped));
BEGIN
    IF missing IS NOT NULL THEN
        CALL tasksync_ddl.run(a_table, 'ACCESS EXCLUSIVE', 'false', pg_catalog.format('ALTER TABLE %s %s', a_table, missing));
    END IF;
END
$$;

-- Whether a table has no rows.
CREATE OR REPLACE FUNCTION tasksync_ddl.is_empty(a_table text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    found boolean;
BEGIN
    EXECUTE pg_catalog.format('SELECT EXISTS (SELECT FROM %s)', a_table) INTO found;
    RETURN NOT found;
END
$$;

-- Prepares the statement CREATE INDEX CONCURRENTLY IF NOT EXISTS that follows, which
-- names the table without its schema, so that it does nothing where it may not.
--
-- It may where an ordinary table has rows. An empty table gets its index here, a
-- partitioned one too, one partition after another: there the statement finds a
-- stand-in of the same name, by the search_path. What an interrupted statement left
-- is dropped. finish_indexes takes all of it back.
CREATE OR REPLACE PROCEDURE tasksync_ddl.prepare_index(a_table text, a_index text, a_definition text) LANGUAGE plpgsql AS $$
DECLARE
    id CONSTANT regclass := pg_catalog.to_regclass(a_table);
    name CONSTANT text := pg_catalog.format('%I.%I', (SELECT n.nspname FROM pg_catalog.pg_namespace AS n JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid WHERE c.oid = id), a_index);
    broken CONSTANT text := pg_catalog.format('NOT EXISTS (SELECT FROM pg_catalog.pg_index WHERE indexrelid = pg_catalog.to_regclass(%L) AND NOT indisvalid)', name);
    present CONSTANT text := pg_catalog.format('pg_catalog.to_regclass(%L) IS NOT NULL', name);
    part regclass;
BEGIN
    CALL tasksync_ddl.run(a_table, 'ACCESS EXCLUSIVE', broken, 'DROP INDEX ' || name);
    IF (SELECT c.relkind = 'r' FROM pg_catalog.pg_class AS c WHERE c.oid = id) THEN
        IF tasksync_ddl.is_empty(a_table) THEN
            CALL tasksync_ddl.run(a_table, 'SHARE', present, pg_catalog.format('CREATE INDEX %I ON %s %s', a_index, a_table, a_definition));
        END IF;
        CALL tasksync_ddl.aim(a_table, NULL);
        RETURN;
    END IF;
    IF tasksync_ddl.is_table(a_table) AND pg_catalog.to_regclass(name) IS NULL THEN
        FOR part IN SELECT p FROM tasksync_ddl.parts(a_table) AS p JOIN pg_catalog.pg_class AS c ON c.oid = p.oid WHERE c.relkind = 'r' LOOP
            IF NOT tasksync_ddl.is_empty(part::text) THEN
                CALL tasksync_ddl.run(part::text, 'SHARE',
                    pg_catalog.format('EXISTS (SELECT FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid WHERE i.indrelid = %s AND c.relname = %L)', part::oid, a_index || '_' || part::oid),
                    pg_catalog.format('CREATE INDEX %I ON %s %s', a_index || '_' || part::oid, part, a_definition));
            END IF;
        END LOOP;
        CALL tasksync_ddl.run(a_table, 'SHARE', present, pg_catalog.format('CREATE INDEX %I ON %s %s', a_index, a_table, a_definition));
    END IF;
    CALL tasksync_ddl.aim(a_table, a_index);
END
$$;

-- Makes the table's name without schema mean the table itself, or a stand-in that
-- has the index already.
CREATE OR REPLACE PROCEDURE tasksync_ddl.aim(a_table text, a_index text) LANGUAGE plpgsql AS $$
DECLARE
    bare CONSTANT text := pg_catalog.split_part(a_table, '.', 2);
BEGIN
    -- The statement keeps no writer waiting, so it may take its time.
    IF pg_catalog.current_setting('statement_timeout') <> '0' THEN
        PERFORM pg_catalog.set_config('statement_timeout', '0', false);
    END IF;
    IF pg_catalog.current_setting('lock_timeout') <> '0' THEN
        PERFORM pg_catalog.set_config('lock_timeout', '0', false);
    END IF;
    EXECUTE pg_catalog.format('DROP TABLE IF EXISTS tasksync_ddl.%I', bare);
    IF a_index IS NOT NULL THEN
        EXECUTE pg_catalog.format('CREATE TABLE tasksync_ddl.%I (LIKE %s, CHECK (false))', bare, a_table);
        EXECUTE pg_catalog.format('CREATE INDEX %I ON tasksync_ddl.%I (status)', a_index, bare);
    END IF;
    -- The path's own schemas stay: operators of extensions are found there.
    IF a_index IS NOT NULL OR pg_catalog.to_regclass(bare) IS DISTINCT FROM pg_catalog.to_regclass(a_table) THEN
        PERFORM pg_catalog.set_config('search_path', pg_catalog.concat_ws(', ', 'tasksync_ddl', 'public', nullif(pg_catalog.current_setting('search_path'), '')), false);
    END IF;
END
$$;

CREATE OR REPLACE PROCEDURE tasksync_ddl.finish_indexes() LANGUAGE plpgsql AS $$
BEGIN
    RESET search_path;
    RESET statement_timeout;
    RESET lock_timeout;
    DROP TABLE IF EXISTS tasksync_ddl.music_generations, tasksync_ddl.music_clips;
END
$$;
-- +goose StatementEnd

CALL tasksync_ddl.prepare_index('public.music_generations', 'tasksync_pending_by_created_at_idx',
    $$(created_at, id)
    WHERE task_type IS NOT NULL
      AND lower(status COLLATE "C") = ANY ('{submitted,queued,processing,streaming,pending,created,new,waiting,in_progress,in-progress,"in progress",inprogress,running,generating}'::text[])$$);
CREATE INDEX CONCURRENTLY IF NOT EXISTS tasksync_pending_by_created_at_idx
    ON music_generations (created_at, id)
    WHERE task_type IS NOT NULL
      AND lower(status COLLATE "C") = ANY ('{submitted,queued,processing,streaming,pending,created,new,waiting,in_progress,in-progress,"in progress",inprogress,running,generating}'::text[]);
CALL tasksync_ddl.run('public.music_generations', 'ACCESS EXCLUSIVE', $$pg_catalog.to_regclass('public.tasksync_pending_created_at_idx') IS NULL$$, 'DROP INDEX public.tasksync_pending_created_at_idx');

CALL tasksync_ddl.prepare_index('public.music_generations', 'tasksync_pending_by_user_id_idx',
    $$(user_id)
    WHERE task_type IS NOT NULL
      AND lower(status COLLATE "C") = ANY ('{submitted,queued,processing,streaming,pending,created,new,waiting,in_progress,in-progress,"in progress",inprogress,running,generating}'::text[])$$);
CREATE INDEX CONCURRENTLY IF NOT EXISTS tasksync_pending_by_user_id_idx
    ON music_generations (user_id)
    WHERE task_type IS NOT NULL
      AND lower(status COLLATE "C") = ANY ('{submitted,queued,processing,streaming,pending,created,new,waiting,in_progress,in-progress,"in progress",inprogress,running,generating}'::text[]);
CALL tasksync_ddl.run('public.music_generations', 'ACCESS EXCLUSIVE', $$pg_catalog.to_regclass('public.tasksync_pending_user_id_idx') IS NULL$$, 'DROP INDEX public.tasksync_pending_user_id_idx');

CALL tasksync_ddl.prepare_index('public.music_generations', 'tasksync_pending_by_task_id_idx',
    $$(task_id)
    WHERE task_type IS NOT NULL
      AND lower(status COLLATE "C") = ANY ('{submitted,queued,processing,streaming,pending,created,new,waiting,in_progress,in-progress,"in progress",inprogress,running,generating}'::text[])$$);
CREATE INDEX CONCURRENTLY IF NOT EXISTS tasksync_pending_by_task_id_idx
    ON music_generations (task_id)
    WHERE task_type IS NOT NULL
      AND lower(status COLLATE "C") = ANY ('{submitted,queued,processing,streaming,pending,created,new,waiting,in_progress,in-progress,"in progress",inprogress,running,generating}'::text[]);
CALL tasksync_ddl.run('public.music_generations', 'ACCESS EXCLUSIVE', $$pg_catalog.to_regclass('public.tasksync_pending_task_id_idx') IS NULL$$, 'DROP INDEX public.tasksync_pending_task_id_idx');

CALL tasksync_ddl.prepare_index('public.music_generations', 'tasksync_odd_status_idx',
    $$(left(lower(coalesce(status, '') COLLATE "C"), 40))
    WHERE task_type IS NOT NULL
      AND (lower(status COLLATE "C") = ANY ('{submitted,queued,processing,streaming,pending,created,new,waiting,in_progress,in-progress,"in progress",inprogress,running,generating,complete,completed,done,finished,success,succeeded,successful,failed,fail,failure,error,errored,cancelled,canceled,aborted,expired,timeout,timed_out,rejected,refunded,deleted,archived}'::text[])) IS NOT TRUE$$);
CREATE INDEX CONCURRENTLY IF NOT EXISTS tasksync_odd_status_idx
    ON music_generations (left(lower(coalesce(status, '') COLLATE "C"), 40))
    WHERE task_type IS NOT NULL
      AND (lower(status COLLATE "C") = ANY ('{submitted,queued,processing,streaming,pending,created,new,waiting,in_progress,in-progress,"in progress",inprogress,running,generating,complete,completed,done,finished,success,succeeded,successful,failed,fail,failure,error,errored,cancelled,canceled,aborted,expired,timeout,timed_out,rejected,refunded,deleted,archived}'::text[])) IS NOT TRUE;
CALL tasksync_ddl.finish_indexes();

CALL tasksync_ddl.run('public.music_generations', 'SHARE UPDATE EXCLUSIVE',
$$EXISTS (SELECT FROM pg_catalog.pg_statistic_ext WHERE stxnamespace = 'tasksync'::regnamespace AND stxname = 'status_words')$$,
'CREATE STATISTICS tasksync.status_words ON (lower(status COLLATE "C")) FROM public.music_generations; ANALYZE public.music_generations (status)');

-- +goose StatementBegin
CALL tasksync_ddl.run('public.music_generations', 'ACCESS EXCLUSIVE',
$$EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = pg_catalog.to_regclass('public.music_generations') AND tgname = 'tasksync_notify_insert'
    AND pg_catalog.pg_get_triggerdef(oid) LIKE '%in_progress%')$$,
$run$DO $$
DECLARE
    fires "char";
BEGIN
    SELECT t.tgenabled INTO fires FROM pg_catalog.pg_trigger AS t
    WHERE t.tgrelid = 'public.music_generations'::regclass AND t.tgname = 'tasksync_notify_insert';
    DROP TRIGGER IF EXISTS tasksync_notify_insert ON public.music_generations;
    CREATE TRIGGER tasksync_notify_insert
        AFTER INSERT ON public.music_generations
        FOR EACH ROW
        WHEN (NEW.task_type IS NOT NULL
            AND lower(NEW.status COLLATE "C") = ANY ('{submitted,queued,processing,streaming,pending,created,new,waiting,in_progress,in-progress,"in progress",inprogress,running,generating}'::text[])
            AND pg_catalog.pg_try_advisory_xact_lock_shared(8386110886476607075))
        EXECUTE FUNCTION tasksync.notify_generation();
    IF fires = 'D' THEN
        ALTER TABLE public.music_generations DISABLE TRIGGER tasksync_notify_insert;
    ELSIF fires = 'A' THEN
        ALTER TABLE public.music_generations ENABLE ALWAYS TRIGGER tasksync_notify_insert;
    END IF;
END
$$$run$);
-- +goose StatementEnd

-- +goose StatementBegin
CALL tasksync_ddl.run('public.music_generations', 'ACCESS EXCLUSIVE',
$$EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = pg_catalog.to_regclass('public.music_generations') AND tgname = 'tasksync_notify_update'
    AND pg_catalog.pg_get_triggerdef(oid) LIKE '%in_progress%')$$,
$run$DO $$
DECLARE
    fires "char";
BEGIN
    SELECT t.tgenabled INTO fires FROM pg_catalog.pg_trigger AS t
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
    IF fires = 'D' THEN
        ALTER TABLE public.music_generations DISABLE TRIGGER tasksync_notify_update;
    ELSIF fires = 'A' THEN
        ALTER TABLE public.music_generations ENABLE ALWAYS TRIGGER tasksync_notify_update;
    END IF;
END
$$$run$);
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
CALL tasksync_ddl.run('public.music_generations', 'ACCESS EXCLUSIVE',
$$EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = pg_catalog.to_regclass('public.music_generations') AND tgname = 'tasksync_notify_update'
    AND pg_catalog.pg_get_triggerdef(oid) NOT LIKE '%in_progress%')$$,
$run$DO $$
DECLARE
    fires "char";
BEGIN
    SELECT t.tgenabled INTO fires FROM pg_catalog.pg_trigger AS t
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
    IF fires = 'D' THEN
        ALTER TABLE public.music_generations DISABLE TRIGGER tasksync_notify_update;
    ELSIF fires = 'A' THEN
        ALTER TABLE public.music_generations ENABLE ALWAYS TRIGGER tasksync_notify_update;
    END IF;
END
$$$run$);
-- +goose StatementEnd
-- +goose StatementBegin
CALL tasksync_ddl.run('public.music_generations', 'ACCESS EXCLUSIVE',
$$EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = pg_catalog.to_regclass('public.music_generations') AND tgname = 'tasksync_notify_insert'
    AND pg_catalog.pg_get_triggerdef(oid) NOT LIKE '%in_progress%')$$,
$run$DO $$
DECLARE
    fires "char";
BEGIN
    SELECT t.tgenabled INTO fires FROM pg_catalog.pg_trigger AS t
    WHERE t.tgrelid = 'public.music_generations'::regclass AND t.tgname = 'tasksync_notify_insert';
    DROP TRIGGER IF EXISTS tasksync_notify_insert ON public.music_generations;
    CREATE TRIGGER tasksync_notify_insert
        AFTER INSERT ON public.music_generations
        FOR EACH ROW
        WHEN (NEW.task_type IS NOT NULL
            AND NEW.status IN ('submitted', 'queued', 'processing', 'streaming')
            AND pg_catalog.pg_try_advisory_xact_lock_shared(8386110886476607075))
        EXECUTE FUNCTION tasksync.notify_generation();
    IF fires = 'D' THEN
        ALTER TABLE public.music_generations DISABLE TRIGGER tasksync_notify_insert;
    ELSIF fires = 'A' THEN
        ALTER TABLE public.music_generations ENABLE ALWAYS TRIGGER tasksync_notify_insert;
    END IF;
END
$$$run$);
-- +goose StatementEnd

DROP STATISTICS IF EXISTS tasksync.status_words;
CALL tasksync_ddl.run('public.music_generations', 'ACCESS EXCLUSIVE', $$pg_catalog.to_regclass('public.tasksync_odd_status_idx') IS NULL$$, 'DROP INDEX public.tasksync_odd_status_idx');
CALL tasksync_ddl.prepare_index('public.music_generations', 'tasksync_pending_task_id_idx',
    $$(task_id)
    WHERE task_type IS NOT NULL
      AND status IN ('submitted', 'queued', 'processing', 'streaming')$$);
CREATE INDEX CONCURRENTLY IF NOT EXISTS tasksync_pending_task_id_idx
    ON music_generations (task_id)
    WHERE task_type IS NOT NULL
      AND status IN ('submitted', 'queued', 'processing', 'streaming');
CALL tasksync_ddl.run('public.music_generations', 'ACCESS EXCLUSIVE', $$pg_catalog.to_regclass('public.tasksync_pending_by_task_id_idx') IS NULL$$, 'DROP INDEX public.tasksync_pending_by_task_id_idx');
CALL tasksync_ddl.prepare_index('public.music_generations', 'tasksync_pending_user_id_idx',
    $$(user_id)
    WHERE task_type IS NOT NULL
      AND status IN ('submitted', 'queued', 'processing', 'streaming')$$);
CREATE INDEX CONCURRENTLY IF NOT EXISTS tasksync_pending_user_id_idx
    ON music_generations (user_id)
    WHERE task_type IS NOT NULL
      AND status IN ('submitted', 'queued', 'processing', 'streaming');
CALL tasksync_ddl.run('public.music_generations', 'ACCESS EXCLUSIVE', $$pg_catalog.to_regclass('public.tasksync_pending_by_user_id_idx') IS NULL$$, 'DROP INDEX public.tasksync_pending_by_user_id_idx');
CALL tasksync_ddl.prepare_index('public.music_generations', 'tasksync_pending_created_at_idx',
    $$(created_at, id)
    WHERE task_type IS NOT NULL
      AND status IN ('submitted', 'queued', 'processing', 'streaming')$$);
CREATE INDEX CONCURRENTLY IF NOT EXISTS tasksync_pending_created_at_idx
    ON music_generations (created_at, id)
    WHERE task_type IS NOT NULL
      AND status IN ('submitted', 'queued', 'processing', 'streaming');
CALL tasksync_ddl.run('public.music_generations', 'ACCESS EXCLUSIVE', $$pg_catalog.to_regclass('public.tasksync_pending_by_created_at_idx') IS NULL$$, 'DROP INDEX public.tasksync_pending_by_created_at_idx');
CALL tasksync_ddl.finish_indexes();
