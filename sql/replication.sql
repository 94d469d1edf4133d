-- The queries of package feed/wal on the catalogs. A slot belongs to the whole
-- cluster, so the name of tasksync's slot has the oid of its database. The name
-- of the database would not do: it may change, be too long for a slot, or have
-- characters that a slot's name may not have.

-- name: ReplicationSlotGet :one
-- Always one row; present is false while there is no slot.
SELECT ('tasksync_' || d.oid)::text AS name,
    d.datname::text AS database,
    (s.slot_name IS NOT NULL)::boolean AS present,
    coalesce(s.active, false)::boolean AS active,
    coalesce(s.active_pid, 0)::integer AS active_pid,
    coalesce(s.wal_status, '')::text AS wal_status,
    coalesce(s.confirmed_flush_lsn::text, '')::text AS confirmed,
    coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn), 0)::bigint AS retained_bytes,
    coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), s.confirmed_flush_lsn), 0)::bigint AS lag_bytes
FROM pg_catalog.pg_database AS d
LEFT JOIN pg_catalog.pg_replication_slots AS s ON s.slot_name = 'tasksync_' || d.oid AND s.database = d.datname
WHERE d.datname = current_database();

-- name: ReplicationSlotTerminate :exec
-- Ends the session that reads from a slot.
SELECT pg_terminate_backend(s.active_pid)
FROM pg_catalog.pg_replication_slots AS s
WHERE s.slot_name = @slot_name::text AND s.active_pid IS NOT NULL;

-- name: ReplicationSlotDrop :exec
-- If there is no such slot, nothing happens.
SELECT pg_drop_replication_slot(s.slot_name)
FROM pg_catalog.pg_replication_slots AS s
WHERE s.slot_name = @slot_name::text AND s.database = current_database();

-- name: ReplicationSettingsGet :one
-- In_wal: the rows of music_generations are, unlike those of a view or an UNLOGGED
-- table.
SELECT coalesce((
        SELECT c.relkind IN ('r', 'p') AND c.relpersistence = 'p'
        FROM pg_catalog.pg_class AS c
        WHERE c.oid = to_regclass('public.music_generations')
    ), true)::boolean AS in_wal,
    current_setting('wal_level')::text AS wal_level,
    current_setting('synchronous_standby_names')::text AS standby_names,
    current_setting('max_replication_slots')::integer AS max_slots,
    (SELECT count(*) FROM pg_catalog.pg_replication_slots)::integer AS used_slots;

-- name: ReplicationRightsGet :one
-- Whether the role may read the WAL: it may replicate (RDS has a role for that), and
-- there is a publication or it may make one.
SELECT (r.rolsuper OR r.rolreplication OR EXISTS (
        SELECT FROM pg_catalog.pg_roles AS g
        WHERE g.rolname IN ('rds_replication', 'rds_superuser') AND pg_has_role(r.oid, g.oid, 'member')
    ))::boolean AS may_replicate,
    (EXISTS (SELECT FROM pg_catalog.pg_publication AS p WHERE p.pubname = 'tasksync')
        OR has_database_privilege(current_database(), 'create') AND coalesce(pg_has_role(r.oid, c.relowner, 'usage'), false)
    )::boolean AS may_publish
FROM pg_catalog.pg_roles AS r
LEFT JOIN pg_catalog.pg_class AS c ON c.oid = to_regclass('public.music_generations')
WHERE r.rolname = current_user;

-- name: PublicationGet :one
-- A partitioned table is published under its own name only if the publication
-- says so; if not, it does not count as published. Its row filter is outdated if it
-- is one of an older version, which compared the status as it stands. Postgres 14 has
-- neither row filters nor their column in the view.
SELECT EXISTS (SELECT FROM pg_catalog.pg_publication AS p WHERE p.pubname = 'tasksync')::boolean AS present,
    EXISTS (
        SELECT FROM pg_catalog.pg_publication AS p
        JOIN pg_catalog.pg_publication_tables AS t ON t.pubname = p.pubname
        WHERE p.pubname = 'tasksync' AND p.pubinsert AND t.schemaname = 'public' AND t.tablename = 'music_generations'
    )::boolean AS usable,
    EXISTS (
        SELECT FROM pg_catalog.pg_publication_tables AS t
        WHERE t.pubname = 'tasksync' AND t.schemaname = 'public' AND t.tablename = 'music_generations'
            AND to_jsonb(t) ->> 'rowfilter' LIKE '%submitted%' AND to_jsonb(t) ->> 'rowfilter' NOT LIKE '%inprogress%'
    )::boolean AS outdated;

-- name: SnapshotGet :one
-- The transactions that a query would not see now: the running ones, and all
-- from next_xid on. The numbers are 64 bits wide, with the epoch.
SELECT pg_snapshot_xmax(s)::text::bigint AS next_xid,
    ARRAY(SELECT x::text::bigint FROM pg_snapshot_xip(s) AS x)::bigint[] AS running
FROM pg_current_snapshot() AS s;
