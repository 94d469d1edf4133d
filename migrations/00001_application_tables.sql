-- The application's own tables. They are created where they do not exist and
-- completed where they do; nothing that is there is dropped or rewritten, and
-- going down leaves them alone: they were never ours.
--
-- Tables that are created here get row security where the database is Supabase's or
-- like it (it has roles anon and authenticated, which may read every new table of
-- schema public): users read what is theirs. TASKSYNC_NO_RLS=true keeps them open.

-- +goose NO TRANSACTION
-- +goose Up

-- What tasksync cannot work with is said before anything is changed.
-- +goose StatementBegin
DO $$
DECLARE
    wanted record;
    kind text;
    lacks text;
    has_rows boolean;
BEGIN
    FOR wanted IN SELECT * FROM (VALUES
        ('music_generations', '{id}'::text[], 4, '{id,user_id,task_id,task_type,provider,status,error_code,error_message,created_at,updated_at,completed_at}'::text[]),
        ('music_clips', '{id,generation_id,clip_id}', 12, '{id,generation_id,clip_id,status,title,audio_url,stream_audio_url,video_url,image_url,lyrics,tags,model_name,duration,created_at,updated_at}')
    ) AS w (relation, keys, rights, columns) LOOP
        SELECT CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
            WHEN 'f' THEN 'foreign table' WHEN 'S' THEN 'sequence' WHEN 'c' THEN 'composite type' ELSE 'index' END
        INTO kind
        FROM pg_catalog.pg_class AS c WHERE c.oid = pg_catalog.to_regclass('public.' || wanted.relation);
        CONTINUE WHEN NOT FOUND;
        SELECT pg_catalog.string_agg(w.name, ', ' ORDER BY w.n) INTO lacks
        FROM pg_catalog.unnest(CASE kind WHEN 'view' THEN wanted.columns ELSE wanted.keys END) WITH ORDINALITY AS w (name, n)
        WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_attribute AS a
            WHERE a.attrelid = pg_catalog.to_regclass('public.' || wanted.relation) AND a.attname = w.name::name AND NOT a.attisdropped);
        CASE kind
        WHEN 'view' THEN
            IF lacks IS NOT NULL THEN
                RAISE EXCEPTION 'tasksync: public.% is a view without the columns %; add them to the view, or rename it and have `tasksync adopt` make one', wanted.relation, lacks;
            ELSIF pg_catalog.pg_relation_is_updatable(('public.' || wanted.relation)::regclass, true) & wanted.rights <> wanted.rights THEN
                RAISE EXCEPTION 'tasksync: public.% is a view that cannot be written; give it INSTEAD OF triggers, or rename it and have `tasksync adopt` make one', wanted.relation;
            END IF;
        WHEN 'table' THEN
            IF lacks IS NOT NULL THEN
                EXECUTE pg_catalog.format('SELECT EXISTS (SELECT FROM public.%I)', wanted.relation) INTO has_rows;
                IF has_rows THEN
                    RAISE EXCEPTION 'tasksync: public.% has rows, but no column %; if the table is meant for tasksync, run ALTER TABLE public.% %; and fill them in. If it is not, rename it', wanted.relation, lacks, wanted.relation,
                        (SELECT pg_catalog.string_agg('ADD COLUMN ' || l.name || CASE l.name WHEN 'id' THEN ' uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE' WHEN 'clip_id' THEN ' text' ELSE ' uuid' END, ', ' ORDER BY l.n)
                        FROM pg_catalog.string_to_table(lacks, ', ') WITH ORDINALITY AS l (name, n));
                END IF;
            END IF;
        ELSE
            RAISE EXCEPTION 'tasksync: public.% is a %, and tasksync needs a table, or a view that can be written; rename it, and have tasksync make a table, or `tasksync adopt` a view', wanted.relation, kind;
        END CASE;
    END LOOP;
END
$$;
-- +goose StatementEnd

-- What the migrations of the application's tables call; see the package's comment.
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

-- What must not be forgotten if this file stops half-way.
CREATE TABLE IF NOT EXISTS tasksync_ddl.unfinished (step text PRIMARY KEY);

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION tasksync_ddl.secure_new_tables(no_rls text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    new CONSTANT text[] := pg_catalog.string_to_array(pg_catalog.current_setting('tasksync.new_tables'), ',');
    users CONSTANT boolean := EXISTS (
        SELECT FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
        WHERE n.nspname = 'auth' AND p.proname = 'uid' AND p.pronargs = 0 AND pg_catalog.has_schema_privilege(n.oid, 'usage'));
BEGIN
    IF 'music_clips' = ANY (new) THEN
        INSERT INTO tasksync_ddl.unfinished VALUES ('foreign key') ON CONFLICT DO NOTHING;
    END IF;
    IF coalesce(nullif(no_rls, '')::boolean, false) OR (SELECT pg_catalog.count(*) FROM pg_catalog.pg_roles AS r WHERE r.rolname IN ('anon', 'authenticated')) < 2 THEN
        RETURN;
    END IF;
    IF 'music_generations' = ANY (new) THEN
        ALTER TABLE public.music_generations ENABLE ROW LEVEL SECURITY;
        IF users THEN
            EXECUTE 'CREATE POLICY tasksync_own ON public.music_generations FOR SELECT TO authenticated USING (user_id::text = (SELECT auth.uid()::text))';
        END IF;
    END IF;
    IF 'music_clips' = ANY (new) THEN
        ALTER TABLE public.music_clips ENABLE ROW LEVEL SECURITY;
        IF users THEN
            EXECUTE 'CREATE POLICY tasksync_own ON public.music_clips FOR SELECT TO authenticated USING (EXISTS (
                SELECT FROM public.music_generations AS g WHERE g.id = generation_id AND g.user_id::text = (SELECT auth.uid()::text)))';
        END IF;
    END IF;
END
$$;
-- +goose StatementEnd

-- One transaction: no table is ever there without its row security. The foreign key
-- of music_clips comes later, because it locks music_generations.
-- +goose ENVSUB ON
-- +goose StatementBegin
SELECT pg_catalog.set_config('tasksync.new_tables', pg_catalog.concat_ws(',',
    CASE WHEN pg_catalog.to_regclass('public.music_generations') IS NULL THEN 'music_generations' END,
    CASE WHEN pg_catalog.to_regclass('public.music_clips') IS NULL THEN 'music_clips' END), true);

CREATE TABLE IF NOT EXISTS public.music_generations (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id       uuid,
    task_id       text,
    task_type     text,
    provider      text,
    status        text NOT NULL DEFAULT 'submitted',
    error_code    text,
    error_message text,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    completed_at  timestamptz
);

CREATE TABLE IF NOT EXISTS public.music_clips (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    generation_id    uuid NOT NULL,
    clip_id          text NOT NULL,
    status           text NOT NULL DEFAULT 'submitted',
    title            text,
    audio_url        text,
    stream_audio_url text,
    video_url        text,
    image_url        text,
    lyrics           text,
    tags             text,
    model_name       text,
    duration         double precision,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now()
);

SELECT tasksync_ddl.secure_new_tables('${TASKSYNC_NO_RLS:-}');
-- +goose StatementEnd
-- +goose ENVSUB OFF

CALL tasksync_ddl.add_columns('public.music_generations', ARRAY[
    'id            uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE',
    'user_id       uuid',
    'task_id       text',
    'task_type     text',
    'provider      text',
    'status        text NOT NULL DEFAULT ''submitted''',
    'error_code    text',
    'error_message text',
    'created_at    timestamptz NOT NULL DEFAULT now()',
    'updated_at    timestamptz NOT NULL DEFAULT now()',
    'completed_at  timestamptz'
]);

CALL tasksync_ddl.add_columns('public.music_clips', ARRAY[
    'id               uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE',
    'generation_id    uuid NOT NULL',
    'clip_id          text NOT NULL',
    'status           text NOT NULL DEFAULT ''submitted''',
    'title            text',
    'audio_url        text',
    'stream_audio_url text',
    'video_url        text',
    'image_url        text',
    'lyrics           text',
    'tags             text',
    'model_name       text',
    'duration         double precision',
    'created_at       timestamptz NOT NULL DEFAULT now()',
    'updated_at       timestamptz NOT NULL DEFAULT now()'
]);

-- Only a table of ours gets the foreign key, and only where music_generations.id is
-- unique: the key of a partitioned table may hold more columns.
-- +goose StatementBegin
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM tasksync_ddl.unfinished WHERE step = 'foreign key') THEN
        RETURN;
    END IF;
    IF tasksync_ddl.is_table('public.music_generations') AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_index AS i
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] AND a.attname = 'id'
        WHERE i.indrelid = 'public.music_generations'::regclass AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indnkeyatts = 1 AND i.indpred IS NULL
    ) THEN
        RAISE WARNING 'tasksync: public.music_generations.id is not unique by itself, so public.music_clips has no foreign key; delete the clips together with their generation';
    ELSE
        CALL tasksync_ddl.run('public.music_generations', 'SHARE ROW EXCLUSIVE', 'false',
            'ALTER TABLE public.music_clips ADD FOREIGN KEY (generation_id) REFERENCES public.music_generations (id) ON DELETE CASCADE;
            DELETE FROM tasksync_ddl.unfinished WHERE step = ''foreign key''');
    END IF;
    DELETE FROM tasksync_ddl.unfinished WHERE step = 'foreign key';
END
$$;
-- +goose StatementEnd

-- A table that was there before may hold the same clip twice; then it keeps a
-- plain index, which serves the look-ups just as well. Nothing of ours relies
-- on the constraint: a generation's clips are only written under its row lock.
--
-- Both are built under one name, so that the second statement does nothing where
-- the first has built it, and get their own names afterwards.
-- +goose StatementBegin
DO $$
DECLARE
    unique_too CONSTANT boolean := tasksync_ddl.is_table('public.music_clips') AND EXISTS (
        SELECT FROM pg_catalog.pg_index AS i
        WHERE i.indrelid = 'public.music_clips'::regclass AND i.indisunique AND i.indisvalid AND i.indnkeyatts = 2 AND i.indpred IS NULL
          AND i.indkey[0] = (SELECT attnum FROM pg_catalog.pg_attribute WHERE attrelid = i.indrelid AND attname = 'generation_id')
          AND i.indkey[1] = (SELECT attnum FROM pg_catalog.pg_attribute WHERE attrelid = i.indrelid AND attname = 'clip_id')
          AND i.indexrelid IS DISTINCT FROM pg_catalog.to_regclass('public.tasksync_music_clips_key'));
    ordinary CONSTANT boolean := (SELECT relkind = 'r' FROM pg_catalog.pg_class WHERE oid = pg_catalog.to_regclass('public.music_clips'));
    twice CONSTANT text := 'SELECT EXISTS (SELECT FROM public.music_clips WHERE generation_id IS NOT NULL AND clip_id IS NOT NULL GROUP BY generation_id, clip_id HAVING pg_catalog.count(*) > 1)';
    duplicates boolean := false;
BEGIN
    DELETE FROM tasksync_ddl.unfinished WHERE step = 'plain index';
    CALL tasksync_ddl.run('public.music_clips', 'ACCESS EXCLUSIVE',
        'NOT EXISTS (SELECT FROM pg_catalog.pg_index WHERE indexrelid = pg_catalog.to_regclass(''public.tasksync_music_clips_key'') AND NOT indisvalid)',
        'DROP INDEX public.tasksync_music_clips_key');
    IF unique_too OR NOT tasksync_ddl.is_table('public.music_clips') THEN
        CALL tasksync_ddl.aim('public.music_clips', 'tasksync_music_clips_key');
        RETURN;
    ELSIF NOT ordinary THEN
        -- A unique index of a partitioned table must hold the columns of the partitions.
        IF tasksync_ddl.is_empty('public.music_clips') AND (SELECT bool_and(a.attname IN ('generation_id', 'clip_id'))
            FROM pg_catalog.pg_partitioned_table AS p, pg_catalog.unnest(p.partattrs) AS k (attnum)
            LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = 'public.music_clips'::regclass AND a.attnum = k.attnum AND k.attnum > 0
            WHERE p.partrelid = 'public.music_clips'::regclass)
        THEN
            CALL tasksync_ddl.run('public.music_clips', 'ACCESS EXCLUSIVE', 'false', 'ALTER TABLE public.music_clips ADD UNIQUE (generation_id, clip_id)');
        ELSE
            CALL tasksync_ddl.prepare_index('public.music_clips', 'music_clips_generation_id_clip_id_idx', '(generation_id, clip_id)');
        END IF;
        CALL tasksync_ddl.aim('public.music_clips', 'tasksync_music_clips_key');
        RETURN;
    END IF;
    EXECUTE twice INTO duplicates;
    IF duplicates THEN
        INSERT INTO tasksync_ddl.unfinished VALUES ('plain index');
        RAISE WARNING 'tasksync: public.music_clips holds the same (generation_id, clip_id) more than once; it gets a plain index instead of a unique one';
        CALL tasksync_ddl.aim('public.music_clips', 'tasksync_music_clips_key');
        RETURN;
    ELSIF tasksync_ddl.is_empty('public.music_clips') THEN
        CALL tasksync_ddl.run('public.music_clips', 'SHARE', 'pg_catalog.to_regclass(''public.tasksync_music_clips_key'') IS NOT NULL',
            'CREATE UNIQUE INDEX tasksync_music_clips_key ON public.music_clips (generation_id, clip_id)');
    END IF;
    CALL tasksync_ddl.aim('public.music_clips', NULL);
END
$$;
-- +goose StatementEnd

CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS tasksync_music_clips_key
    ON music_clips (generation_id, clip_id);

-- +goose StatementBegin
DO $$
BEGIN
    IF EXISTS (SELECT FROM tasksync_ddl.unfinished WHERE step = 'plain index') THEN
        IF pg_catalog.to_regclass('public.music_clips_generation_id_clip_id_idx') IS NULL THEN
            CALL tasksync_ddl.aim('public.music_clips', NULL);
        END IF;
    END IF;
END
$$;
-- +goose StatementEnd

CREATE INDEX CONCURRENTLY IF NOT EXISTS tasksync_music_clips_key
    ON music_clips (generation_id, clip_id);

-- +goose StatementBegin
DO $$
DECLARE
    is_unique CONSTANT boolean := (SELECT indisunique FROM pg_catalog.pg_index WHERE indexrelid = pg_catalog.to_regclass('public.tasksync_music_clips_key'));
    key CONSTANT text := (
        SELECT k.name FROM (
            SELECT n, 'music_clips_generation_id_clip_id_key' || nullif(n, 0) AS name FROM pg_catalog.generate_series(1, 1000) AS n
            UNION ALL SELECT 0, 'music_clips_generation_id_clip_id_key'
        ) AS k
        WHERE pg_catalog.to_regclass('public.' || k.name) IS NULL
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conname = k.name AND connamespace = 'public'::regnamespace)
        ORDER BY k.n LIMIT 1);
BEGIN
    IF is_unique THEN
        CALL tasksync_ddl.run('public.music_clips', 'ACCESS EXCLUSIVE', 'false',
            pg_catalog.format('ALTER TABLE public.music_clips ADD CONSTRAINT %I UNIQUE USING INDEX tasksync_music_clips_key', key));
    ELSIF NOT is_unique THEN
        CALL tasksync_ddl.run('public.music_clips', 'SHARE', 'pg_catalog.to_regclass(''public.music_clips_generation_id_clip_id_idx'') IS NOT NULL',
            'ALTER INDEX public.tasksync_music_clips_key RENAME TO music_clips_generation_id_clip_id_idx');
    END IF;
    CALL tasksync_ddl.finish_indexes();
END
$$;
-- +goose StatementEnd

CALL tasksync_ddl.prepare_index('public.music_generations', 'idx_music_generations_task_type',
    $$(task_type)
    WHERE task_type IS NOT NULL$$);
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_music_generations_task_type
    ON music_generations (task_type)
    WHERE task_type IS NOT NULL;

CALL tasksync_ddl.prepare_index('public.music_generations', 'idx_music_generations_v2_pending',
    $$(task_type, status)
    WHERE task_type IS NOT NULL
      AND status IN ('submitted', 'queued', 'processing', 'streaming')$$);
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_music_generations_v2_pending
    ON music_generations (task_type, status)
    WHERE task_type IS NOT NULL
      AND status IN ('submitted', 'queued', 'processing', 'streaming');
CALL tasksync_ddl.finish_indexes();

DROP FUNCTION tasksync_ddl.secure_new_tables(text);
DROP TABLE tasksync_ddl.unfinished;

-- +goose Down
DROP SCHEMA IF EXISTS tasksync_ddl CASCADE;
