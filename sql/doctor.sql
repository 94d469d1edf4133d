-- The queries of `tasksync doctor`. They must work before there is any table.

-- name: DoctorServerGet :one
-- The server, the role of the connection, and what that role may do.
SELECT current_setting('server_version')::text AS version,
    current_setting('server_version_num')::integer AS version_num,
    current_user::text AS role,
    pg_is_in_recovery() AS standby,
    current_setting('wal_level')::text AS wal_level,
    coalesce(has_schema_privilege(to_regnamespace('tasksync'), 'usage'), false)::boolean AS in_schema,
    coalesce(has_table_privilege(to_regclass('public.music_generations'), 'select,update'), false)::boolean AS may_write,
    coalesce(pg_has_role(current_user, (SELECT c.relowner FROM pg_catalog.pg_class AS c WHERE c.oid = to_regclass('public.music_generations')), 'usage'), false)::boolean AS owns_table;

-- name: DoctorShareGet :one
-- The daemons that share the limit of a credential now, and their shares together.
SELECT count(*)::integer AS daemons, coalesce(sum(share), 0)::integer AS shares
FROM tasksync.budget_shares
WHERE credential = @credential AND until > clock_timestamp();

-- name: DoctorPendingList :many
-- Numbers of pending V2 rows by task type and provider, a hundred numbers at most.
SELECT coalesce(task_type, '')::text AS task_type, coalesce(provider, '')::text AS provider, count(*) AS pending
FROM public.music_generations
WHERE task_type IS NOT NULL
    AND lower(status COLLATE "C") = ANY ('{submitted,queued,processing,streaming,pending,created,new,waiting,in_progress,in-progress,"in progress",inprogress,running,generating}'::text[])
GROUP BY task_type, coalesce(provider, '')
ORDER BY task_type, provider
LIMIT 100;

-- name: DoctorColumnList :many
-- The columns of the application's tables with their types: shown is the type as
-- Postgres prints it, base the name of the built-in type (or citext) below all
-- domains, and '' for a type of the application's own.
WITH RECURSIVE columns AS (
    SELECT a.attrelid, a.attnum, a.attname, a.atttypid AS shown, a.atttypmod, a.atttypid AS base
    FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid IN (to_regclass('public.music_generations'), to_regclass('public.music_clips'))
        AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT c.attrelid, c.attnum, c.attname, c.shown, c.atttypmod, d.typbasetype
    FROM columns AS c
    JOIN pg_catalog.pg_type AS d ON d.oid = c.base AND d.typtype = 'd'
)
SELECT r.relname::text AS table_name, c.attname::text AS column_name, format_type(c.shown, c.atttypmod)::text AS shown,
    (CASE WHEN n.nspname = 'pg_catalog' OR t.typname = 'citext' THEN t.typname ELSE '' END)::text AS base
FROM columns AS c
JOIN pg_catalog.pg_class AS r ON r.oid = c.attrelid
JOIN pg_catalog.pg_type AS t ON t.oid = c.base AND t.typtype <> 'd'
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
ORDER BY r.relname DESC, c.attnum
LIMIT 3200;

-- name: DoctorTableListMissing :many
-- The tables that a running daemon needs and that are missing.
SELECT wanted.name::text AS name
FROM unnest(ARRAY[
    'public.music_generations', 'public.music_clips', 'tasksync.generation_events', 'tasksync.generation_memory', 'tasksync.late_results',
    'tasksync.event_tickets', 'tasksync.feed_lease', 'tasksync.look_models', 'tasksync.budgets', 'tasksync.budget_shares',
    'tasksync.river_job', 'tasksync.river_leader', 'tasksync.river_queue'
]) WITH ORDINALITY AS wanted (name, place)
WHERE to_regclass(wanted.name) IS NULL
ORDER BY wanted.place
LIMIT 100;

-- name: DoctorOpenTableList :many
-- Tables and views of rows that everybody may read who has the public key of the
-- application: Supabase's roles anon and authenticated may, and no row security says
-- which rows. A view has the row security of its owner, unless it is a
-- security_invoker.
SELECT c.relname::text AS name, (c.relkind = 'v')::boolean AS is_view
FROM pg_catalog.pg_class AS c
WHERE c.oid IN (to_regclass('public.music_generations'), to_regclass('public.music_clips'))
    AND CASE c.relkind
        WHEN 'v' THEN NOT coalesce(c.reloptions && ARRAY['security_invoker=true', 'security_invoker=on', 'security_invoker=1'], false)
        ELSE NOT c.relrowsecurity
    END
    AND EXISTS (
        SELECT FROM pg_catalog.pg_roles AS r
        WHERE r.rolname IN ('anon', 'authenticated')
            AND has_schema_privilege(r.oid, c.relnamespace, 'usage')
            AND has_any_column_privilege(r.oid, c.oid, 'select')
    )
ORDER BY c.relname DESC;
