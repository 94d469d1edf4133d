-- The queries of `tasksync doctor`. They must work before there is any table.

-- name: DoctorServerGet :one
-- The server, the role of the connection, and what that role may do.
SELECT current_setting('server_version')::text AS version,
    current_setting('server_version_num')::integer AS version_num,
    quote_ident(current_user)::text AS role,
    pg_is_in_recovery() AS standby, (to_regnamespace('public') IS NOT NULL)::boolean AS has_public,
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
-- The columns of the application's tables. Shown is the type as Postgres prints it,
-- base the name of the built-in type (or citext) below all domains, and '' for a
-- type of the application's own. Length is how many characters fit; 0: no limit.
-- Constant is the default of a column if it is one; '': it is none.
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
    c.not_null::boolean AS not_null, c.domain_not_null::boolean AS domain_not_null, c.has_default::boolean AS has_default, c.generated::boolean AS generated,
    (CASE WHEN x.default_sql ~ '^(true|false|-?[0-9.]+|''([^'']|'''')*''::[a-z_ "()0-9.]+)$' THEN x.default_sql ELSE '' END)::text AS constant
FROM columns AS c
JOIN pg_catalog.pg_type AS t ON t.oid = c.base AND t.typtype <> 'd'
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
LEFT JOIN LATERAL (
    SELECT pg_get_expr(d.adbin, d.adrelid) AS default_sql
    FROM pg_catalog.pg_attrdef AS d
    WHERE d.adrelid = c.table_id AND d.adnum = c.attnum AND NOT c.generated
) AS x ON true
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
-- from primary keys; '' stands for an expression. Predicate is the condition of a
-- partial one; '': it is about all rows.
SELECT c.relname::text AS table_name, quote_ident(x.relname)::text AS name, (k.oid IS NOT NULL)::boolean AS is_constraint,
    i.indisexclusion::boolean AS excludes, coalesce(pg_get_expr(i.indpred, i.indrelid), '')::text AS predicate,
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
    AND NOT t.tgisinternal AND (t.tgtype & 64) = 0 AND t.tgenabled IN ('O', 'A') AND t.tgname NOT LIKE 'tasksync%'
    AND ((t.tgtype & 16) <> 0 OR ((t.tgtype & 4) <> 0 AND c.relname = 'music_clips'))
    AND (p.prosrc ~* '\mraise\s+(?!debug|log|info|notice|warning)' OR ((t.tgtype & 3) = 3 AND p.prosrc ~* '\mreturn\s+null\M'))
ORDER BY c.relname DESC, t.tgname
LIMIT 1000;

-- name: DoctorDependentList :many
-- What keeps the type of columns from being changed, with the statements that drop it
-- and make it anew: foreign keys, checks, defaults, policies, triggers, indexes with
-- an expression or a condition, and views with what depends on them. They are to be
-- dropped in this order, and made in the opposite one. Comments and the rights on
-- views are not in it.
WITH RECURSIVE wanted AS (
    SELECT a.attrelid, a.attnum
    FROM (SELECT unnest(@tables::text[]) AS table_name, unnest(@columns::text[]) AS column_name) AS w
    JOIN pg_catalog.pg_class AS c ON c.relname = w.table_name AND c.relnamespace = 'public'::regnamespace
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attname = w.column_name AND NOT a.attisdropped
), needs AS (
    SELECT DISTINCT d.classid, d.objid
    FROM pg_catalog.pg_depend AS d
    JOIN wanted AS w ON d.refclassid = 'pg_class'::regclass AND d.refobjid = w.attrelid AND d.refobjsubid = w.attnum
), views AS (
    SELECT r.ev_class AS id, 1 AS depth
    FROM needs AS n
    JOIN pg_catalog.pg_rewrite AS r ON n.classid = 'pg_rewrite'::regclass AND r.oid = n.objid
    UNION
    SELECT r.ev_class, v.depth + 1
    FROM views AS v
    JOIN pg_catalog.pg_depend AS d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = v.id AND d.classid = 'pg_rewrite'::regclass
    JOIN pg_catalog.pg_rewrite AS r ON r.oid = d.objid AND r.ev_class <> v.id
    WHERE v.depth < 20
), statements AS (
    SELECT 1 AS place, 1000 - max(v.depth) AS nth, c.relname::text AS name,
        format('DROP %sVIEW %s;', CASE c.relkind WHEN 'm' THEN 'MATERIALIZED ' ELSE '' END, c.oid::regclass) AS drop_sql,
        format('CREATE %sVIEW %s AS%s', CASE c.relkind WHEN 'm' THEN 'MATERIALIZED ' ELSE '' END, c.oid::regclass, E'\n' || pg_get_viewdef(c.oid)) AS create_sql
    FROM views AS v
    JOIN pg_catalog.pg_class AS c ON c.oid = v.id AND c.relkind IN ('v', 'm')
    GROUP BY c.oid, c.relname, c.relkind
    UNION ALL
    SELECT 2, 0, p.polname::text, format('DROP POLICY %I ON %s;', p.polname, p.polrelid::regclass),
        format('CREATE POLICY %I ON %s AS %s FOR %s TO %s%s%s;', p.polname, p.polrelid::regclass,
            CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
            CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
            (SELECT string_agg(CASE r.id WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(r.id)) END, ', ') FROM unnest(p.polroles) AS r (id)),
            coalesce(' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')', ''), coalesce(' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')', ''))
    FROM needs AS n
    JOIN pg_catalog.pg_policy AS p ON n.classid = 'pg_policy'::regclass AND p.oid = n.objid
    UNION ALL
    SELECT 3, 0, t.tgname::text, format('DROP TRIGGER %I ON %s;', t.tgname, t.tgrelid::regclass), pg_get_triggerdef(t.oid) || ';'
    FROM needs AS n
    JOIN pg_catalog.pg_trigger AS t ON n.classid = 'pg_trigger'::regclass AND t.oid = n.objid AND NOT t.tgisinternal AND t.tgparentid = 0
    UNION ALL
    SELECT 4, 0, k.conname::text, format('ALTER TABLE %s DROP CONSTRAINT %I;', k.conrelid::regclass, k.conname),
        format('ALTER TABLE %s ADD CONSTRAINT %I %s;', k.conrelid::regclass, k.conname, pg_get_constraintdef(k.oid))
    FROM needs AS n
    JOIN pg_catalog.pg_constraint AS k ON n.classid = 'pg_constraint'::regclass AND k.oid = n.objid AND k.contype IN ('c', 'f') AND k.conparentid = 0
    UNION ALL
    SELECT 5, 0, c.relname::text, format('DROP INDEX %s;', i.indexrelid::regclass), pg_get_indexdef(i.indexrelid) || ';'
    FROM needs AS n
    JOIN pg_catalog.pg_index AS i ON n.classid = 'pg_class'::regclass AND i.indexrelid = n.objid AND (i.indpred IS NOT NULL OR i.indexprs IS NOT NULL)
    JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
    UNION ALL
    SELECT 6, 0, a.attname::text, format('ALTER TABLE %s ALTER COLUMN %I DROP DEFAULT;', a.attrelid::regclass, a.attname),
        format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT %s;', a.attrelid::regclass, a.attname, pg_get_expr(d.adbin, d.adrelid))
    FROM wanted AS w
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = w.attrelid AND a.attnum = w.attnum AND a.attgenerated = ''
    JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
)
SELECT s.place::integer AS place, s.name, s.drop_sql::text AS drop_sql, s.create_sql::text AS create_sql
FROM statements AS s
ORDER BY s.place, s.nth, s.name
LIMIT 1000;

-- name: DoctorReferenceList :many
-- The columns that refer to column id of one of the application's tables, as foreign
-- keys do, and the name of the primary key if it has no other column.
SELECT k.conrelid::regclass::text AS table_name, quote_ident(a.attname)::text AS column_name, a.attname::text AS bare_name, a.attnotnull AS not_null,
    coalesce(k.conrelid = to_regclass('public.music_clips'), false)::boolean AS of_clips
FROM pg_catalog.pg_constraint AS k
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
JOIN pg_catalog.pg_class AS c ON c.oid = k.confrelid AND c.relname = @table_name::text AND c.relnamespace = 'public'::regnamespace
JOIN pg_catalog.pg_attribute AS i ON i.attrelid = c.oid AND i.attname = 'id' AND k.confkey = ARRAY[i.attnum]
WHERE k.contype = 'f' AND k.conparentid = 0
ORDER BY k.conrelid::regclass::text, a.attname
LIMIT 1000;

-- name: DoctorKeyGet :one
-- The primary key of one of the application's tables, if it is column id alone.
SELECT quote_ident(k.conname)::text AS name, (i.attidentity <> '')::boolean AS is_identity
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_attribute AS i ON i.attrelid = c.oid AND i.attname = 'id' AND NOT i.attisdropped
JOIN pg_catalog.pg_constraint AS k ON k.conrelid = c.oid AND k.contype = 'p' AND k.conkey = ARRAY[i.attnum]
WHERE c.relname = @table_name::text AND c.relnamespace = 'public'::regnamespace;

-- name: DoctorLookalikeList :many
-- Tables that may be the application's own for songs: of the name that tasksync
-- uses, in another schema, or with a column for the id of a task and one for audio.
SELECT n.nspname::text AS schema_name, c.relname::text AS table_name,
    (CASE n.nspname WHEN 'public' THEN '' ELSE quote_ident(n.nspname) || '.' END || quote_ident(c.relname))::text AS quoted
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND n.nspname NOT IN ('tasksync', 'information_schema') AND n.nspname NOT LIKE 'pg\_%'
    AND (n.nspname <> 'public' OR c.relname NOT IN ('music_generations', 'music_clips'))
    AND (lower(replace(c.relname, '_', '')) = 'musicgenerations'
        OR (EXISTS (
            SELECT FROM pg_catalog.pg_attribute AS a
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND lower(replace(a.attname, '_', '')) ~ '(task|suno|kie)id$'
        ) AND (c.relname ~* '(song|track|music|audio|lyric)' OR EXISTS (
            SELECT FROM pg_catalog.pg_attribute AS a
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attname ~* '(audio|song|track|mp3)'
        ))))
ORDER BY n.nspname, c.relname
LIMIT 5;

-- name: DoctorStatusSample :many
-- The words in column status of some rows, of the application's from before, too.
SELECT DISTINCT g.status::text AS word
FROM (SELECT status FROM public.music_generations WHERE status IS NOT NULL LIMIT 1000) AS g
ORDER BY word
LIMIT 100;

-- name: DoctorGenerationsExist :one
SELECT EXISTS (SELECT FROM public.music_generations) AS has_rows;

-- name: DoctorClipsExist :one
SELECT EXISTS (SELECT FROM public.music_clips) AS has_rows;

-- name: DoctorWritableViewList :many
-- The application's tables that are views and that can be written: generations
-- updated (4), clips inserted (8) or updated.
SELECT c.relname::text AS table_name
FROM pg_catalog.pg_class AS c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'v' AND c.relname IN ('music_generations', 'music_clips')
    AND (pg_relation_is_updatable(c.oid, true) & (CASE c.relname WHEN 'music_clips' THEN 12 ELSE 4 END)) <> 0
ORDER BY c.relname
LIMIT 2;

-- name: DoctorCreatedAtGet :one
-- Whether created_at has no time zone, the zone in which this session reads it, and
-- how a row gets it that does not name it.
SELECT (a.atttypid = 'timestamp'::regtype OR (t.typtype = 'd' AND t.typbasetype = 'timestamp'::regtype))::boolean AS no_zone,
    current_setting('TimeZone')::text AS zone, extract(timezone FROM now())::integer AS zone_seconds,
    coalesce(pg_get_expr(d.adbin, d.adrelid), '')::text AS default_sql
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'created_at' AND NOT a.attisdropped
JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE n.nspname = 'public' AND c.relname = 'music_generations';

-- name: DoctorCreatedAtHabit :one
-- By how many seconds the created_at of the last rows is before their first event, if
-- it is read as UTC: the least and the most, and the number of rows.
SELECT count(*)::bigint AS found, coalesce(min(o.seconds), 0)::double precision AS least, coalesce(max(o.seconds), 0)::double precision AS most
FROM (
    SELECT extract(epoch FROM min(e.created_at) - min(g.created_at::timestamp AT TIME ZONE 'UTC')) AS seconds
    FROM (SELECT l.generation_id, l.created_at FROM tasksync.generation_events AS l ORDER BY l.id DESC LIMIT 100) AS e
    JOIN public.music_generations AS g ON g.id = e.generation_id
    WHERE isfinite(g.created_at)
    GROUP BY g.id
) AS o;

-- name: DoctorTableListMissing :many
-- The tables that a running daemon needs and that are missing.
SELECT wanted.name::text AS name
FROM unnest(ARRAY[
    'public.music_generations', 'public.music_clips', 'tasksync.generation_events', 'tasksync.generation_memory', 'tasksync.late_results',
    'tasksync.event_tickets', 'tasksync.feed_lease', 'tasksync.look_models', 'tasksync.notifications', 'tasksync.budgets', 'tasksync.budget_shares', 'tasksync.settlements', 'tasksync.archived_files',
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
