-- Lets tasksync work on public.songs: written by `tasksync adopt`. Nothing of the table's
-- changes but triggers and indexes that are named tasksync_….
--
-- Indexes are built without blocking writers, outside a transaction; run the migration
-- again if it is interrupted.

-- +goose NO TRANSACTION

-- +goose Up
-- +goose StatementBegin
CREATE SCHEMA IF NOT EXISTS tasksync;

-- A key as the uuid by which tasksync knows the row. A number stands in the uuid as it
-- is, in hexadecimal: 42 is 7461736b-0000-8000-8000-00000000002a.
CREATE OR REPLACE FUNCTION tasksync.adopted_id(key bigint) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT ('7461736b-' || pg_catalog.substr(pg_catalog.lpad(pg_catalog.to_hex(key), 16, '0'), 1, 4)
        || '-8000-8000-' || pg_catalog.substr(pg_catalog.lpad(pg_catalog.to_hex(key), 16, '0'), 5))::pg_catalog.uuid
$$;

-- A text that is a uuid is that uuid; any other is hashed.
CREATE OR REPLACE FUNCTION tasksync.adopted_id(key text) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE
        WHEN key ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN key::pg_catalog.uuid
        ELSE pg_catalog.md5('tasksync:' || key)::pg_catalog.uuid
    END
$$;

-- They stand in indexes, so that whoever may write the table must be able to call them.
GRANT EXECUTE ON FUNCTION tasksync.adopted_id(bigint), tasksync.adopted_id(text) TO PUBLIC;

-- What the application's table has no column for.
CREATE TABLE IF NOT EXISTS tasksync.adopted_state (
    id            uuid PRIMARY KEY,
    error_code    text,
    error_message text,
    completed_at  timestamptz,
    updated_at    timestamptz NOT NULL DEFAULT now()
);

-- The clips of a row and a task, with all their values; position counts from 0. Columns
-- of the row that the application had filled before are named in kept, and stay as they
-- are. Addresses that were overwritten stand in replaced.
CREATE TABLE IF NOT EXISTS tasksync.adopted_clips (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    generation_id    uuid NOT NULL,
    task_id          text NOT NULL,
    position         integer NOT NULL,
    clip_id          text NOT NULL,
    status           text NOT NULL,
    title            text,
    audio_url        text,
    stream_audio_url text,
    video_url        text,
    image_url        text,
    lyrics           text,
    tags             text,
    model_name       text,
    duration         double precision,
    kept             text[] NOT NULL DEFAULT '{}',
    replaced         jsonb NOT NULL DEFAULT '{}',
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX IF NOT EXISTS adopted_clips_generation_id_idx ON tasksync.adopted_clips (generation_id, position);
-- +goose StatementEnd

DROP INDEX CONCURRENTLY IF EXISTS "public".tasksync_adopted_created_at;
CREATE INDEX CONCURRENTLY tasksync_adopted_created_at ON "public"."songs" (("created_at"), ("id"))
    WHERE (CASE WHEN "task_id" <> '' THEN 'generate'::text END) IS NOT NULL AND lower((CASE "status" WHEN 'pending' THEN 'submitted' WHEN 'completed' THEN 'complete' ELSE "status" END) COLLATE "C") = ANY ('{"created","generating","in progress","in-progress","in_progress","inprogress","new","pending","processing","queued","running","streaming","submitted","waiting"}'::text[]);

DROP INDEX CONCURRENTLY IF EXISTS "public".tasksync_adopted_task_id;
CREATE INDEX CONCURRENTLY tasksync_adopted_task_id ON "public"."songs" (("task_id"))
    WHERE (CASE WHEN "task_id" <> '' THEN 'generate'::text END) IS NOT NULL AND lower((CASE "status" WHEN 'pending' THEN 'submitted' WHEN 'completed' THEN 'complete' ELSE "status" END) COLLATE "C") = ANY ('{"created","generating","in progress","in-progress","in_progress","inprogress","new","pending","processing","queued","running","streaming","submitted","waiting"}'::text[]);

DROP INDEX CONCURRENTLY IF EXISTS "public".tasksync_adopted_user_id;
CREATE INDEX CONCURRENTLY tasksync_adopted_user_id ON "public"."songs" (("user_id"))
    WHERE (CASE WHEN "task_id" <> '' THEN 'generate'::text END) IS NOT NULL AND lower((CASE "status" WHEN 'pending' THEN 'submitted' WHEN 'completed' THEN 'complete' ELSE "status" END) COLLATE "C") = ANY ('{"created","generating","in progress","in-progress","in_progress","inprogress","new","pending","processing","queued","running","streaming","submitted","waiting"}'::text[]);

DROP INDEX CONCURRENTLY IF EXISTS "public".tasksync_adopted_odd_status;
CREATE INDEX CONCURRENTLY tasksync_adopted_odd_status ON "public"."songs" ((left(lower(coalesce(CASE "status" WHEN 'pending' THEN 'submitted' WHEN 'completed' THEN 'complete' ELSE "status" END, '') COLLATE "C"), 40)))
    WHERE (CASE WHEN "task_id" <> '' THEN 'generate'::text END) IS NOT NULL AND (lower((CASE "status" WHEN 'pending' THEN 'submitted' WHEN 'completed' THEN 'complete' ELSE "status" END) COLLATE "C") = ANY ('{"created","generating","in progress","in-progress","in_progress","inprogress","new","pending","processing","queued","running","streaming","submitted","waiting","complete","completed","done","finished","success","succeeded","successful","failed","fail","failure","error","errored","cancelled","canceled","aborted","expired","timeout","timed_out","rejected","refunded","deleted","archived"}'::text[])) IS NOT TRUE;

-- +goose StatementBegin
-- Writers queue behind a lock that is waited for; on a busy table run this again.
SET LOCAL lock_timeout = '100ms';

-- From it the planner knows how few rows are pending.
DROP STATISTICS IF EXISTS tasksync.adopted_status;
CREATE STATISTICS tasksync.adopted_status ON (lower((CASE "status" WHEN 'pending' THEN 'submitted' WHEN 'completed' THEN 'complete' ELSE "status" END) COLLATE "C")) FROM "public"."songs";
ANALYZE "public"."songs" ("status");

DROP VIEW IF EXISTS public.music_clips;
DROP VIEW IF EXISTS public.music_generations;

-- A row of public.songs as a row of music_generations.
CREATE VIEW public.music_generations AS
SELECT g."id" AS id,
    g."user_id" AS user_id,
    g."task_id" AS task_id,
    CASE WHEN g."task_id" <> '' THEN 'generate'::text END AS task_type,
    NULL::text AS provider,
    CASE g."status" WHEN 'pending' THEN 'submitted' WHEN 'completed' THEN 'complete' ELSE g."status" END AS status,
    CASE WHEN (CASE g."status" WHEN 'pending' THEN 'submitted' WHEN 'completed' THEN 'complete' ELSE g."status" END) IN ('complete', 'failed') THEN (SELECT s.error_code FROM tasksync.adopted_state AS s WHERE s.id = g."id") END AS error_code,
    g."error" AS error_message,
    g."created_at" AS created_at,
    g."updated_at" AS updated_at,
    CASE WHEN (CASE g."status" WHEN 'pending' THEN 'submitted' WHEN 'completed' THEN 'complete' ELSE g."status" END) IN ('complete', 'failed') THEN (SELECT s.completed_at FROM tasksync.adopted_state AS s WHERE s.id = g."id") END AS completed_at
FROM "public"."songs" AS g;

CREATE OR REPLACE FUNCTION tasksync.adopted_update_generation() RETURNS trigger
    LANGUAGE plpgsql SET search_path = ''
AS $$
#variable_conflict use_variable
BEGIN
    UPDATE "public"."songs" AS g
    SET "status" = CASE WHEN NEW.status IS DISTINCT FROM OLD.status THEN (CASE NEW.status WHEN 'submitted' THEN 'pending' WHEN 'queued' THEN 'pending' WHEN 'processing' THEN 'pending' WHEN 'streaming' THEN 'pending' WHEN 'complete' THEN 'completed' WHEN 'failed' THEN 'failed' ELSE NEW.status END) ELSE g."status" END,
        "error" = NEW.error_message,
        "updated_at" = NEW.updated_at
    WHERE g."id" = OLD.id;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF NEW.error_code IS NOT NULL OR NEW.error_message IS NOT NULL OR NEW.completed_at IS NOT NULL THEN
        INSERT INTO tasksync.adopted_state AS s (id, error_code, error_message, completed_at)
        VALUES (OLD.id, NEW.error_code, NEW.error_message, NEW.completed_at)
        ON CONFLICT (id) DO UPDATE
        SET error_code = excluded.error_code, error_message = excluded.error_message, completed_at = excluded.completed_at, updated_at = now();
    ELSE
        DELETE FROM tasksync.adopted_state AS s WHERE s.id = OLD.id;
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER tasksync_adopted_update
    INSTEAD OF UPDATE ON public.music_generations
    FOR EACH ROW EXECUTE FUNCTION tasksync.adopted_update_generation();

-- The clips of rows of public.songs. Joined by row and task, so that a row with a new task
-- has no clips yet.
CREATE VIEW public.music_clips AS
SELECT c.id, c.generation_id, c.clip_id, c.status,
    CASE WHEN c.position = 0 AND 'title' <> ALL (c.kept) THEN g."title" ELSE c.title END AS title,
    CASE WHEN c.position = 0 THEN g."audio_url" ELSE c.audio_url END AS audio_url,
    c.stream_audio_url AS stream_audio_url,
    c.video_url AS video_url,
    c.image_url AS image_url,
    c.lyrics AS lyrics,
    c.tags AS tags,
    c.model_name AS model_name,
    c.duration AS duration,
    c.created_at, c.updated_at
FROM tasksync.adopted_clips AS c
JOIN "public"."songs" AS g ON g."id" = c.generation_id AND g."task_id" = c.task_id;

-- Writes a clip into the columns of its row, if it has a place there. A row that has the
-- values already is not written.
CREATE OR REPLACE FUNCTION tasksync.adopted_put(c tasksync.adopted_clips, former text) RETURNS void
    LANGUAGE plpgsql SET search_path = ''
AS $$
#variable_conflict use_variable
BEGIN
    IF c.position = 0 THEN
        UPDATE "public"."songs" AS g
        SET "title" = CASE WHEN 'title' = ANY (c.kept) THEN g."title" ELSE c.title END,
            "audio_url" = c.audio_url,
            "updated_at" = now()
        WHERE g."id" = c.generation_id
            AND (g."title" IS DISTINCT FROM CASE WHEN 'title' = ANY (c.kept) THEN g."title" ELSE c.title END
                OR g."audio_url" IS DISTINCT FROM c.audio_url);
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION tasksync.adopted_insert_clip() RETURNS trigger
    LANGUAGE plpgsql SET search_path = ''
AS $$
#variable_conflict use_variable
DECLARE
    g "public"."songs"%ROWTYPE;
    c tasksync.adopted_clips%ROWTYPE;
    task text;
    place integer;
BEGIN
    SELECT s.* INTO g FROM "public"."songs" AS s WHERE s."id" = NEW.generation_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no row % in public.songs', NEW.generation_id USING ERRCODE = 'foreign_key_violation';
    END IF;
    task := coalesce(g."task_id", '');
    place := (SELECT count(*) FROM tasksync.adopted_clips AS o WHERE o.generation_id = NEW.generation_id AND o.task_id = task);
    INSERT INTO tasksync.adopted_clips AS n (id, generation_id, task_id, position, clip_id, status, title, audio_url, stream_audio_url,
        video_url, image_url, lyrics, tags, model_name, duration, created_at, updated_at, kept, replaced)
    VALUES (coalesce(NEW.id, pg_catalog.gen_random_uuid()), NEW.generation_id, task, place, NEW.clip_id, NEW.status, NEW.title, NEW.audio_url, NEW.stream_audio_url,
        NEW.video_url, NEW.image_url, NEW.lyrics, NEW.tags, NEW.model_name, NEW.duration, coalesce(NEW.created_at, now()), coalesce(NEW.updated_at, now()),
        array_remove(ARRAY[
            CASE WHEN place = 0 AND g."title" <> '' AND NOT EXISTS (SELECT FROM tasksync.adopted_clips AS o WHERE o.generation_id = NEW.generation_id AND o.position = 0 AND o.title = g."title") THEN 'title' END
        ], NULL),
        pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
            'audio_url', CASE WHEN place = 0 AND g."audio_url" <> '' AND NOT EXISTS (SELECT FROM tasksync.adopted_clips AS o WHERE o.generation_id = NEW.generation_id AND o.position = 0 AND o.audio_url = g."audio_url") THEN g."audio_url" END
        )))
    RETURNING n.* INTO c;
    PERFORM tasksync.adopted_put(c, NULL);
    NEW.id := c.id;
    RETURN NEW;
END
$$;

CREATE OR REPLACE FUNCTION tasksync.adopted_update_clip() RETURNS trigger
    LANGUAGE plpgsql SET search_path = ''
AS $$
#variable_conflict use_variable
DECLARE
    c tasksync.adopted_clips%ROWTYPE;
BEGIN
    UPDATE tasksync.adopted_clips AS o
    SET clip_id = NEW.clip_id, status = NEW.status, title = NEW.title, audio_url = NEW.audio_url, stream_audio_url = NEW.stream_audio_url,
        video_url = NEW.video_url, image_url = NEW.image_url, lyrics = NEW.lyrics, tags = NEW.tags, model_name = NEW.model_name,
        duration = NEW.duration, created_at = NEW.created_at, updated_at = NEW.updated_at
    WHERE o.id = OLD.id
    RETURNING o.* INTO c;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    PERFORM tasksync.adopted_put(c, OLD.clip_id);
    RETURN NEW;
END
$$;

CREATE TRIGGER tasksync_adopted_insert
    INSTEAD OF INSERT ON public.music_clips
    FOR EACH ROW EXECUTE FUNCTION tasksync.adopted_insert_clip();

CREATE TRIGGER tasksync_adopted_update
    INSTEAD OF UPDATE ON public.music_clips
    FOR EACH ROW EXECUTE FUNCTION tasksync.adopted_update_clip();

-- Announces a pending row. It cannot fail the application's write, and it works for a
-- role that may only write the table. On a server that permits two-phase commits it is
-- quiet, unless the trigger is ENABLE ALWAYS: Postgres refuses PREPARE TRANSACTION to a
-- transaction that has notified.
CREATE OR REPLACE FUNCTION tasksync.adopted_notify() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
    IF pg_catalog.current_setting('max_prepared_transactions') <> '0' THEN
        IF NOT EXISTS (
            SELECT FROM pg_catalog.pg_trigger AS t
            WHERE t.tgrelid = TG_RELID AND t.tgname = TG_NAME AND t.tgenabled = 'A'
        ) THEN
            RETURN NULL;
        END IF;
    END IF;
    IF pg_catalog.pg_notification_queue_usage() < 0.9 THEN
        PERFORM pg_catalog.pg_notify('tasksync', (NEW."id")::pg_catalog.text);
    END IF;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION tasksync.adopted_notify() FROM PUBLIC;

-- The deadline of a row counts from when it got its task, and not from when it was made.
CREATE OR REPLACE FUNCTION tasksync.adopted_begin() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
    DELETE FROM tasksync.generation_memory AS m WHERE m.generation_id = NEW."id";
    INSERT INTO tasksync.generation_memory (generation_id, began_at) VALUES (NEW."id", now());
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION tasksync.adopted_begin() FROM PUBLIC;

-- Forgets what stands beside rows that are gone: a number may come again.
CREATE OR REPLACE FUNCTION tasksync.adopted_forget() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM tasksync.adopted_clips;
        DELETE FROM tasksync.adopted_state;
    ELSE
        DELETE FROM tasksync.adopted_clips AS c USING gone AS g WHERE c.generation_id = g."id";
        DELETE FROM tasksync.adopted_state AS s USING gone AS g WHERE s.id = g."id";
    END IF;
    IF pg_catalog.to_regclass('tasksync.generation_memory') IS NOT NULL THEN
        IF TG_OP = 'TRUNCATE' THEN
            DELETE FROM tasksync.generation_memory;
        ELSE
            DELETE FROM tasksync.generation_memory AS m USING gone AS g WHERE m.generation_id = g."id";
        END IF;
    END IF;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION tasksync.adopted_forget() FROM PUBLIC;

-- Triggers that somebody has switched off (ALTER TABLE … DISABLE TRIGGER), or made to fire
-- always, are left so by the end of this.
SELECT pg_catalog.set_config('tasksync.fires', coalesce((
    SELECT pg_catalog.string_agg(t.tgname || ' ' || t.tgenabled::pg_catalog.text, ',' ORDER BY t.tgname)
    FROM pg_catalog.pg_trigger AS t
    WHERE t.tgrelid = '"public"."songs"'::pg_catalog.regclass AND NOT t.tgisinternal
        AND t.tgname IN ('tasksync_notify_insert', 'tasksync_notify_update', 'tasksync_adopted_task', 'tasksync_adopted_delete', 'tasksync_adopted_truncate')
), ''), true);

DROP TRIGGER IF EXISTS tasksync_notify_insert ON "public"."songs";
DROP TRIGGER IF EXISTS tasksync_notify_update ON "public"."songs";
DROP TRIGGER IF EXISTS tasksync_adopted_task ON "public"."songs";
DROP TRIGGER IF EXISTS tasksync_adopted_delete ON "public"."songs";
DROP TRIGGER IF EXISTS tasksync_adopted_truncate ON "public"."songs";

-- The last condition keeps the triggers quiet while a daemon reads the rows itself.
CREATE TRIGGER tasksync_notify_insert
    AFTER INSERT ON "public"."songs"
    FOR EACH ROW
    WHEN ((CASE WHEN NEW."task_id" <> '' THEN 'generate'::text END) IS NOT NULL AND lower((CASE NEW."status" WHEN 'pending' THEN 'submitted' WHEN 'completed' THEN 'complete' ELSE NEW."status" END) COLLATE "C") = ANY ('{"created","generating","in progress","in-progress","in_progress","inprogress","new","pending","processing","queued","running","streaming","submitted","waiting"}'::text[])
        AND pg_catalog.pg_try_advisory_xact_lock_shared(8386110886476607075))
    EXECUTE FUNCTION tasksync.adopted_notify();

CREATE TRIGGER tasksync_notify_update
    AFTER UPDATE ON "public"."songs"
    FOR EACH ROW
    WHEN ((CASE WHEN NEW."task_id" <> '' THEN 'generate'::text END) IS NOT NULL AND lower((CASE NEW."status" WHEN 'pending' THEN 'submitted' WHEN 'completed' THEN 'complete' ELSE NEW."status" END) COLLATE "C") = ANY ('{"created","generating","in progress","in-progress","in_progress","inprogress","new","pending","processing","queued","running","streaming","submitted","waiting"}'::text[])
        AND ((CASE WHEN OLD."task_id" <> '' THEN 'generate'::text END) IS NOT NULL AND lower((CASE OLD."status" WHEN 'pending' THEN 'submitted' WHEN 'completed' THEN 'complete' ELSE OLD."status" END) COLLATE "C") = ANY ('{"created","generating","in progress","in-progress","in_progress","inprogress","new","pending","processing","queued","running","streaming","submitted","waiting"}'::text[])) IS NOT TRUE
        AND pg_catalog.pg_try_advisory_xact_lock_shared(8386110886476607075))
    EXECUTE FUNCTION tasksync.adopted_notify();

-- A row that gets a task, or is made pending again, long after it was made.
CREATE TRIGGER tasksync_adopted_task
    AFTER UPDATE ON "public"."songs"
    FOR EACH ROW
    WHEN ((CASE WHEN NEW."task_id" <> '' THEN 'generate'::text END) IS NOT NULL AND lower((CASE NEW."status" WHEN 'pending' THEN 'submitted' WHEN 'completed' THEN 'complete' ELSE NEW."status" END) COLLATE "C") = ANY ('{"created","generating","in progress","in-progress","in_progress","inprogress","new","pending","processing","queued","running","streaming","submitted","waiting"}'::text[])
        AND (((CASE WHEN OLD."task_id" <> '' THEN 'generate'::text END) IS NOT NULL AND lower((CASE OLD."status" WHEN 'pending' THEN 'submitted' WHEN 'completed' THEN 'complete' ELSE OLD."status" END) COLLATE "C") = ANY ('{"created","generating","in progress","in-progress","in_progress","inprogress","new","pending","processing","queued","running","streaming","submitted","waiting"}'::text[])) IS NOT TRUE OR NEW."task_id" IS DISTINCT FROM OLD."task_id")
        AND NEW."created_at" < now() - interval '5 seconds')
    EXECUTE FUNCTION tasksync.adopted_begin();

CREATE TRIGGER tasksync_adopted_delete
    AFTER DELETE ON "public"."songs"
    REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION tasksync.adopted_forget();

CREATE TRIGGER tasksync_adopted_truncate
    AFTER TRUNCATE ON "public"."songs"
    FOR EACH STATEMENT EXECUTE FUNCTION tasksync.adopted_forget();

DO $$
DECLARE
    fires text[];
BEGIN
    FOR fires IN
        SELECT pg_catalog.string_to_array(f, ' ')
        FROM pg_catalog.string_to_table(pg_catalog.current_setting('tasksync.fires'), ',') AS f
        WHERE f <> ''
    LOOP
        IF fires[2] <> 'O' THEN
            EXECUTE pg_catalog.format('ALTER TABLE %s %s TRIGGER %I', '"public"."songs"'::pg_catalog.regclass,
                CASE fires[2] WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE ALWAYS' END, fires[1]);
        END IF;
    END LOOP;
END
$$;

-- The views are for tasksync alone. An API that serves schema public (PostgREST,
-- Supabase) would show them, and a view has the rights of its owner: so nobody else is
-- granted them, and from Postgres 15 on they have the rights of who asks.
REVOKE ALL ON public.music_generations, public.music_clips FROM PUBLIC;
DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT rolname FROM pg_catalog.pg_roles WHERE rolname IN ('anon', 'authenticated') LOOP
        EXECUTE pg_catalog.format('REVOKE ALL ON public.music_generations, public.music_clips FROM %I', name);
    END LOOP;
    IF pg_catalog.current_setting('server_version_num')::integer >= 150000 THEN
        ALTER VIEW public.music_generations SET (security_invoker = true);
        ALTER VIEW public.music_clips SET (security_invoker = true);
    END IF;
END
$$;

COMMENT ON VIEW public.music_generations IS 'tasksync adopt: a view over public.songs (statuses: submitted, complete, failed)';
COMMENT ON VIEW public.music_clips IS 'tasksync adopt: the clips of public.songs';
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
-- Writers queue behind a lock that is waited for; on a busy table run this again.
SET LOCAL lock_timeout = '100ms';

DROP TRIGGER IF EXISTS tasksync_adopted_truncate ON "public"."songs";
DROP TRIGGER IF EXISTS tasksync_adopted_delete ON "public"."songs";
DROP TRIGGER IF EXISTS tasksync_adopted_task ON "public"."songs";
DROP TRIGGER IF EXISTS tasksync_notify_update ON "public"."songs";
DROP TRIGGER IF EXISTS tasksync_notify_insert ON "public"."songs";

DROP VIEW IF EXISTS public.music_clips;
DROP VIEW IF EXISTS public.music_generations;
DROP STATISTICS IF EXISTS tasksync.adopted_status;
DROP FUNCTION IF EXISTS tasksync.adopted_update_clip();
DROP FUNCTION IF EXISTS tasksync.adopted_insert_clip();
DROP FUNCTION IF EXISTS tasksync.adopted_put(tasksync.adopted_clips, text);
DROP FUNCTION IF EXISTS tasksync.adopted_object(jsonb, text);
DROP FUNCTION IF EXISTS tasksync.adopted_update_generation();
DROP FUNCTION IF EXISTS tasksync.adopted_forget();
DROP FUNCTION IF EXISTS tasksync.adopted_begin();
DROP FUNCTION IF EXISTS tasksync.adopted_notify();
-- +goose StatementEnd

DROP INDEX CONCURRENTLY IF EXISTS "public".tasksync_adopted_created_at;

DROP INDEX CONCURRENTLY IF EXISTS "public".tasksync_adopted_task_id;

DROP INDEX CONCURRENTLY IF EXISTS "public".tasksync_adopted_user_id;

DROP INDEX CONCURRENTLY IF EXISTS "public".tasksync_adopted_odd_status;

-- +goose StatementBegin
DROP FUNCTION IF EXISTS tasksync.adopted_id(text);
DROP FUNCTION IF EXISTS tasksync.adopted_id(bigint);

-- Results that have no place in the application's table were paid for: tables that hold
-- any stay.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM tasksync.adopted_clips) THEN
        DROP TABLE tasksync.adopted_clips;
    END IF;
    IF NOT EXISTS (SELECT FROM tasksync.adopted_state) THEN
        DROP TABLE tasksync.adopted_state;
    END IF;
END
$$;
-- +goose StatementEnd
