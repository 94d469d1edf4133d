-- The queries of `tasksync doctor`. They must work before there is any table.

-- name: DoctorServerGet :one
-- The server, the role of the connection, and what that role may do.
SELECT current_setting('server_version')::text AS version,
    current_setting('server_version_num')::integer AS version_num,
    quote_ident(current_user)::text AS role,
    pg_is_in_recovery() AS standby,
    current_setting('wal_level')::text AS wal_level;

-- name: DoctorRightListMissing :many
-- Those of the wanted privileges that the role lacks. A kind is schema, table,
-- column, sequence or function; what does not exist lacks nothing. The names are
-- looked up in the catalogs, because to_regclass fails without a right on the schema.
WITH wanted AS (
    SELECT unnest(@kinds::text[]) AS kind, unnest(@schemas::text[]) AS schema_name, unnest(@relations::text[]) AS relation,
        unnest(@columns::text[]) AS column_name, unnest(@privileges::text[]) AS privilege
), found AS (
    SELECT w.kind, w.schema_name, w.relation, w.column_name, w.privilege, n.oid AS schema_id, c.oid AS class_id, c.relkind, a.attnum,
        (SELECT p.oid FROM pg_catalog.pg_proc AS p WHERE w.kind = 'function' AND p.pronamespace = n.oid AND p.proname = w.relation LIMIT 1) AS function_id
    FROM wanted AS w
    JOIN pg_catalog.pg_namespace AS n ON n.nspname = w.schema_name
    LEFT JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = w.relation AND w.kind IN ('table', 'column', 'sequence')
    LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attname = w.column_name AND a.attnum > 0 AND NOT a.attisdropped AND w.kind = 'column'
)
SELECT f.kind::text AS kind, f.schema_name::text AS schema_name, f.relation::text AS relation, quote_ident(f.column_name)::text AS column_name,
    f.privilege::text AS privilege
FROM found AS f
WHERE (CASE
    WHEN f.kind = 'schema' THEN has_schema_privilege(f.schema_id, f.privilege)
    WHEN f.kind = 'function' THEN has_function_privilege(f.function_id, f.privilege)
    WHEN f.kind = 'sequence' AND f.relkind = 'S' THEN has_sequence_privilege(f.class_id, f.privilege)
    WHEN f.kind = 'table' THEN has_table_privilege(f.class_id, f.privilege)
    WHEN f.kind = 'column' THEN has_column_privilege(f.class_id, f.attnum, f.privilege)
END) IS FALSE;

-- name: DoctorOwnerGet :one
-- Whether the role may act as the owner of music_generations, and who that is.
SELECT quote_ident(pg_get_userbyid(c.relowner))::text AS owner, pg_has_role(current_user, c.relowner, 'usage')::boolean AS owns
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relname = 'music_generations';

-- name: DoctorPolicyList :many
-- The policies of row security that apply to the role, by table; a table to which
-- none applies has one row without a policy.
SELECT n.nspname::text AS schema_name, c.relname::text AS table_name, quote_ident(pg_get_userbyid(c.relowner))::text AS owner,
    pg_has_role(current_user, c.relowner, 'usage')::boolean AS owns,
    coalesce(p.polname, '')::text AS policy, coalesce(p.polpermissive, false)::boolean AS permissive, coalesce(p.polcmd::text, '')::text AS command,
    coalesce(pg_get_expr(p.polqual, p.polrelid), '')::text AS sees, coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '')::text AS writes
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_policy AS p ON p.polrelid = c.oid
    AND (0 = ANY (p.polroles) OR EXISTS (SELECT FROM unnest(p.polroles) AS r (id) WHERE r.id <> 0 AND pg_has_role(current_user, r.id, 'usage')))
WHERE c.relrowsecurity AND n.nspname = @schema_name::text AND c.relkind IN ('r', 'p')
    AND (n.nspname <> 'public' OR c.relname IN ('music_generations', 'music_clips'))
    AND row_security_active(c.oid)
ORDER BY c.relname DESC, p.polname
LIMIT 1000;

-- name: DoctorPendingList :many
-- Numbers of pending V2 rows by task type and provider, a hundred numbers at most.
SELECT coalesce(task_type, '')::text AS task_type, coalesce(provider, '')::text AS provider, count(*) AS pending
FROM public.music_generations
WHERE task_type IS NOT NULL
    AND status IN ('submitted', 'queued', 'processing', 'streaming')
GROUP BY task_type, coalesce(provider, '')
ORDER BY task_type, provider
LIMIT 100;

-- name: DoctorColumnList :many
-- The columns of the application's tables. Shown is the type as Postgres prints it,
-- base the name of the built-in type (or citext) below all domains, and '' for a
-- type of the application's own. Length is how many characters fit; 0: no limit.
WITH RECURSIVE columns AS (
    SELECT r.oid AS table_id, r.relname, r.relkind, a.attnum, a.attname, a.atttypid AS shown, a.atttypmod AS shown_mod, a.atttypid AS base,
        a.atttypmod AS base_mod, a.attnotnull AS not_null, false AS domain_not_null, a.atthasdef AS has_default, a.attgenerated <> '' OR a.attidentity = 'a' AS generated
    FROM pg_catalog.pg_class AS r
    JOIN pg_catalog.pg_namespace AS n ON n.oid = r.relnamespace
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = r.oid
    WHERE n.nspname = 'public' AND r.relname IN ('music_generations', 'music_clips')
        AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT c.table_id, c.relname, c.relkind, c.attnum, c.attname, c.shown, c.shown_mod, d.typbasetype,
        CASE WHEN c.base_mod = -1 THEN d.typtypmod ELSE c.base_mod END, c.not_null, c.domain_not_null OR d.typnotnull, c.has_default OR d.typdefault IS NOT NULL, c.generated
    FROM columns AS c
    JOIN pg_catalog.pg_type AS d ON d.oid = c.base AND d.typtype = 'd'
)
SELECT c.relname::text AS table_name, c.relkind::text AS kind, c.attname::text AS column_name, format_type(c.shown, c.shown_mod)::text AS shown,
    (CASE WHEN n.nspname = 'pg_catalog' OR t.typname = 'citext' THEN t.typname ELSE '' END)::text AS base,
    format_type(c.base, NULL)::text AS base_shown,
    (CASE WHEN t.typname IN ('varchar', 'bpchar') AND c.base_mod > 4 THEN c.base_mod - 4 ELSE 0 END)::integer AS length,
    c.not_null::boolean AS not_null, c.domain_not_null::boolean AS domain_not_null, c.has_default::boolean AS has_default, c.generated::boolean AS generated
FROM columns AS c
JOIN pg_catalog.pg_type AS t ON t.oid = c.base AND t.typtype <> 'd'
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
ORDER BY c.relname DESC, c.attnum
LIMIT 3200;

-- name: DoctorCheckList :many
-- The CHECK constraints of the application's tables, with the columns that they are
-- about.
SELECT c.relname::text AS table_name, quote_ident(k.conname)::text AS name, pg_get_expr(k.conbin, k.conrelid)::text AS expression,
    ARRAY(SELECT a.attname FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey) ORDER BY a.attnum)::text[] AS columns
FROM pg_catalog.pg_constraint AS k
JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE k.contype = 'c' AND n.nspname = 'public' AND c.relname IN ('music_generations', 'music_clips')
ORDER BY c.relname DESC, k.conname
LIMIT 1000;

-- name: DoctorDomainCheckGet :one
-- A CHECK constraint of the domain that a column has as its type.
SELECT format_type(d.oid, NULL)::text AS domain, pg_get_expr(k.conbin, 0)::text AS expression
FROM pg_catalog.pg_constraint AS k
JOIN pg_catalog.pg_type AS d ON d.oid = k.contypid
JOIN pg_catalog.pg_namespace AS n ON n.oid = d.typnamespace
WHERE n.nspname = @schema_name::text AND d.typname = @domain_name::text AND k.conname = @name::text;

-- name: DoctorKeyList :many
-- The unique indexes and exclusion constraints of the application's tables, apart
-- from primary keys; '' stands for an expression.
SELECT c.relname::text AS table_name, quote_ident(x.relname)::text AS name, (k.oid IS NOT NULL)::boolean AS is_constraint,
    i.indisexclusion::boolean AS excludes,
    ARRAY(
        SELECT coalesce(a.attname, '')
        FROM generate_series(0, i.indnkeyatts - 1) AS place
        LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[place] AND a.attnum > 0
        ORDER BY place
    )::text[] AS columns
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS x ON x.oid = i.indexrelid
JOIN pg_catalog.pg_class AS c ON c.oid = i.indrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_constraint AS k ON k.conindid = i.indexrelid AND k.conrelid = i.indrelid
WHERE n.nspname = 'public' AND c.relname IN ('music_generations', 'music_clips')
    AND (i.indisunique OR i.indisexclusion) AND NOT i.indisprimary
ORDER BY c.relname DESC, x.relname
LIMIT 1000;

-- name: DoctorTriggerList :many
-- The application's triggers that fire when tasksync writes, and that may raise an
-- error or leave the row as it was, by the source of their functions.
SELECT c.relname::text AS table_name, t.tgname::text AS name, p.proname::text AS function
FROM pg_catalog.pg_trigger AS t
JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
WHERE n.nspname = 'public' AND c.relname IN ('music_generations', 'music_clips')
    AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') AND t.tgname NOT LIKE 'tasksync%'
    AND ((t.tgtype & 16) <> 0 OR ((t.tgtype & 4) <> 0 AND c.relname = 'music_clips'))
    AND (p.prosrc ~* '\mraise\s+(?!debug|log|info|notice|warning)' OR ((t.tgtype & 3) = 3 AND p.prosrc ~* '\mreturn\s+null\M'))
ORDER BY c.relname DESC, t.tgname
LIMIT 1000;

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
