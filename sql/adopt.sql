-- The queries of package internal/adopt on the catalogs. They must work before
-- there is any table of tasksync's.

-- name: AdoptRelationList :many
-- The relation of a name, as SQL spells it or, if that names none, as it stands.
SELECT c.oid::bigint AS id, n.nspname::text AS schema_name, c.relname::text AS name, c.relkind::text AS kind,
    c.reltuples::double precision AS about_rows,
    pg_has_role(current_user, c.relowner, 'usage')::boolean AS owned
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.oid = coalesce(to_regclass(@name::text), to_regclass(quote_ident(@name::text)))
LIMIT 1;

-- name: AdoptColumnList :many
-- The columns of a relation: shown is the type as Postgres prints it, type_sql the same
-- for any search_path, base the name of
-- the built-in type (or citext) below all domains, 'enum' for an enumeration, and ''
-- for another type of the application's own.
WITH RECURSIVE columns AS (
    SELECT a.attnum, a.attname, a.atttypid AS shown, a.atttypmod, a.atttypid AS base, a.atttypmod AS modifier, a.attnotnull AS required,
        (a.atthasdef OR a.attidentity <> '') AS has_default, a.attgenerated <> '' AS generated, a.attrelid
    FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid = CAST(@relation::bigint AS oid) AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT c.attnum, c.attname, c.shown, c.atttypmod, d.typbasetype, d.typtypmod, c.required OR d.typnotnull,
        c.has_default OR d.typdefault IS NOT NULL, c.generated, c.attrelid
    FROM columns AS c
    JOIN pg_catalog.pg_type AS d ON d.oid = c.base AND d.typtype = 'd'
)
SELECT c.attname::text AS name, format_type(c.shown, c.atttypmod)::text AS shown,
    (CASE WHEN m.nspname = 'pg_catalog' THEN format_type(c.shown, c.atttypmod) ELSE format('%I.%I', m.nspname, o.typname) END)::text AS type_sql,
    (CASE WHEN t.typtype = 'e' THEN 'enum' WHEN n.nspname = 'pg_catalog' OR t.typname = 'citext' THEN t.typname ELSE '' END)::text AS base,
    (CASE WHEN t.typname IN ('varchar', 'bpchar') AND c.modifier > 4 THEN c.modifier - 4 ELSE 0 END)::integer AS length,
    c.required::boolean AS required, c.has_default::boolean AS has_default, c.generated::boolean AS generated,
    coalesce(pg_get_expr(d.adbin, d.adrelid), '')::text AS default_text,
    ARRAY(SELECT e.enumlabel::text FROM pg_catalog.pg_enum AS e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder)::text[] AS labels
FROM columns AS c
JOIN pg_catalog.pg_type AS t ON t.oid = c.base AND t.typtype <> 'd'
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
JOIN pg_catalog.pg_type AS o ON o.oid = c.shown
JOIN pg_catalog.pg_namespace AS m ON m.oid = o.typnamespace
LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = c.attrelid AND d.adnum = c.attnum
ORDER BY c.attnum
LIMIT 1600;

-- name: AdoptKeyList :many
-- The columns that alone identify a row, the primary key first. An index that is
-- partial, deferred or over several columns does not count; but the primary key of a
-- partitioned table must have the columns by which it is partitioned, which do not
-- count there. leads: the index is for a search by the column.
SELECT a.attname::text AS name, i.indisprimary AS is_primary, (i.indkey[0] = a.attnum)::boolean AS leads
FROM pg_catalog.pg_index AS i
LEFT JOIN pg_catalog.pg_partitioned_table AS p ON p.partrelid = i.indrelid
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
    AND (i.indnkeyatts = 1 AND i.indkey[0] = a.attnum
        OR i.indisprimary AND p.partrelid IS NOT NULL AND a.attnum <> ALL (p.partattrs)
            AND i.indnkeyatts = 1 + (SELECT count(*) FROM unnest(p.partattrs::smallint[]) AS k WHERE k = ANY (i.indkey)))
WHERE i.indrelid = CAST(@relation::bigint AS oid) AND i.indisunique AND i.indisvalid AND i.indimmediate
    AND i.indpred IS NULL AND i.indexprs IS NULL
    AND (i.indisprimary OR a.attnotnull)
ORDER BY i.indisprimary DESC, a.attnum
LIMIT 100;

-- name: AdoptPartitionList :many
-- The partitions of a table, those of partitions too, after their parents.
WITH RECURSIVE parts AS (
    SELECT i.inhrelid, i.inhparent, 1 AS depth
    FROM pg_catalog.pg_inherits AS i
    WHERE i.inhparent = CAST(@relation::bigint AS oid)
    UNION ALL
    SELECT i.inhrelid, i.inhparent, p.depth + 1
    FROM parts AS p
    JOIN pg_catalog.pg_inherits AS i ON i.inhparent = p.inhrelid
)
SELECT n.nspname::text AS schema_name, c.relname::text AS name, c.relkind::text AS kind,
    m.nspname::text AS parent_schema, o.relname::text AS parent_name
FROM parts AS p
JOIN pg_catalog.pg_class AS c ON c.oid = p.inhrelid AND c.relispartition
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_class AS o ON o.oid = p.inhparent
JOIN pg_catalog.pg_namespace AS m ON m.oid = o.relnamespace
ORDER BY p.depth, n.nspname, c.relname
LIMIT 100000;

-- name: AdoptCheckList :many
-- The checks on one column alone.
SELECT a.attname::text AS column_name, c.conname::text AS name, pg_get_constraintdef(c.oid)::text AS definition
FROM pg_catalog.pg_constraint AS c
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
WHERE c.conrelid = CAST(@relation::bigint AS oid) AND c.contype = 'c' AND cardinality(c.conkey) = 1
ORDER BY a.attnum, c.conname
LIMIT 1000;

-- name: AdoptReferenceList :many
-- The columns of other tables that refer to a table by one column.
SELECT n.nspname::text AS schema_name, r.relname::text AS name, a.attname::text AS column_name, b.attname::text AS refers_to
FROM pg_catalog.pg_constraint AS c
JOIN pg_catalog.pg_class AS r ON r.oid = c.conrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = r.relnamespace
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
JOIN pg_catalog.pg_attribute AS b ON b.attrelid = c.confrelid AND b.attnum = c.confkey[1]
WHERE c.confrelid = CAST(@relation::bigint AS oid) AND c.conrelid <> c.confrelid AND c.contype = 'f' AND cardinality(c.conkey) = 1
ORDER BY n.nspname, r.relname, a.attnum
LIMIT 100;

-- name: AdoptServerGet :one
SELECT current_setting('server_version_num')::integer AS version_num, current_setting('TimeZone')::text AS time_zone;

-- name: AdoptionList :many
-- What stands in place of music_generations, if that is a view: its comment, which
-- `tasksync adopt` writes, and the table whose rows it shows. Without the triggers that
-- adopt puts on the table, the table is not known.
SELECT coalesce(obj_description(v.oid, 'pg_class'), '')::text AS comment,
    coalesce(t.schema_name, '')::text AS schema_name, coalesce(t.name, '')::text AS name,
    coalesce(row_security_active(t.id), false)::boolean AS hides,
    coalesce(has_table_privilege(t.id, 'select') AND has_table_privilege(t.id, 'update'), true)::boolean AS may_write,
    current_user::text AS role
FROM pg_catalog.pg_class AS v
LEFT JOIN LATERAL (
    SELECT r.oid AS id, n.nspname AS schema_name, r.relname AS name
    FROM pg_catalog.pg_trigger AS g
    JOIN pg_catalog.pg_class AS r ON r.oid = g.tgrelid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = r.relnamespace
    JOIN pg_catalog.pg_proc AS p ON p.oid = g.tgfoid
    JOIN pg_catalog.pg_namespace AS s ON s.oid = p.pronamespace
    WHERE s.nspname = 'tasksync' AND p.proname = 'adopted_notify' AND g.tgparentid = 0
    ORDER BY r.oid
    LIMIT 1
) AS t ON true
WHERE v.oid = to_regclass('public.music_generations') AND v.relkind = 'v'
LIMIT 1;

-- name: AdoptedIndexList :many
-- The indexes that `tasksync adopt` has made, by their names. whole: of a partitioned
-- table; part: of a partition, as part of such an index.
SELECT n.nspname::text AS schema_name, c.relname::text AS name, i.indisvalid AS valid,
    (c.relkind = 'I')::boolean AS whole, c.relispartition::boolean AS part,
    coalesce(obj_description(c.oid, 'pg_class'), '')::text AS comment
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relname LIKE 'tasksync\_adopted\_%'
    AND n.nspname <> 'tasksync'
ORDER BY n.nspname, c.relname
LIMIT 1000000;

-- name: AdoptedIndexPartList :many
-- The tables that have a valid index as a part of an index that `tasksync adopt` has made,
-- whatever its name: a partition that came later has it by itself.
SELECT m.nspname::text AS index_schema, c.relname::text AS index_name, n.nspname::text AS schema_name, r.relname::text AS name
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS m ON m.oid = c.relnamespace
CROSS JOIN LATERAL pg_catalog.pg_partition_tree(c.oid::regclass) AS t
JOIN pg_catalog.pg_index AS i ON i.indexrelid = t.relid
JOIN pg_catalog.pg_class AS r ON r.oid = i.indrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = r.relnamespace
WHERE c.relkind = 'I' AND NOT c.relispartition
    AND c.relname LIKE 'tasksync\_adopted\_%'
    AND t.relid <> c.oid
ORDER BY n.nspname, r.relname, c.relname
LIMIT 1000000;

-- name: AdoptBlockerList :many
-- The sessions that have written a table, for which triggers on it have to wait.
SELECT a.pid::integer AS pid, coalesce(to_char(a.xact_start, 'HH24:MI:SS'), '')::text AS since,
    coalesce(a.state, '')::text AS state, coalesce(a.application_name, '')::text AS application_name
FROM pg_catalog.pg_stat_activity AS a
WHERE a.pid <> pg_backend_pid()
    AND EXISTS (
        SELECT FROM pg_catalog.pg_locks AS l
        WHERE l.pid = a.pid AND l.relation = CAST(@relation::bigint AS oid) AND l.granted
            AND l.mode NOT IN ('AccessShareLock', 'RowShareLock')
    )
ORDER BY a.xact_start, a.pid
LIMIT 5;
