-- name: EventInsertMany :exec
INSERT INTO tasksync.generation_events (generation_id, user_id, from_status, to_status, via, upstream_status, reason, error_code)
SELECT u.generation_id, CASE WHEN u.user_id ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' THEN u.user_id::uuid END, u.from_status, u.to_status, u.via, nullif(u.upstream_status, ''),
    nullif(u.reason, ''), nullif(u.error_code, '')
FROM (
    SELECT unnest(@generation_ids::uuid[]) AS generation_id, unnest(@user_ids::text[]) AS user_id,
        unnest(@from_statuses::text[]) AS from_status, unnest(@to_statuses::text[]) AS to_status,
        unnest(@vias::text[]) AS via, unnest(@upstream_statuses::text[]) AS upstream_status,
        unnest(@reasons::text[]) AS reason, unnest(@error_codes::text[]) AS error_code
) AS u;

-- name: EventInsertNew :execrows
-- Tells of rows that are new to tasksync: a status that stays is no change. Rows that
-- have events already are none.
INSERT INTO tasksync.generation_events (generation_id, user_id, from_status, to_status, via)
SELECT u.generation_id, u.user_id, u.status, u.status, 'insert'
FROM (
    SELECT unnest(@generation_ids::uuid[]) AS generation_id, unnest(@user_ids::uuid[]) AS user_id, unnest(@statuses::text[]) AS status
) AS u
WHERE NOT EXISTS (SELECT FROM tasksync.generation_events AS e WHERE e.generation_id = u.generation_id);

-- name: EventAnnounce :exec
-- Notifies sessions that listen, if there are any, that events may have
-- committed. Each of them holds the lock shared, so that no other session gets
-- it exclusively. Two sessions that announce at the same time take each other
-- for a listener, which costs one useless notification.
SELECT pg_notify('tasksync_events', '')
WHERE NOT pg_try_advisory_xact_lock(8386110886476607079);

-- name: EventHear :exec
-- Makes EventAnnounce notify until the session ends. A pooler in transaction
-- mode may keep the lock for longer: that costs notifications, but holds up no
-- writer.
SELECT pg_advisory_lock_shared(8386110886476607079);

-- name: EventList :many
SELECT generation_id, from_status, to_status, via, coalesce(upstream_status, '')::text AS upstream_status,
    coalesce(reason, '')::text AS reason, coalesce(error_code, '')::text AS error_code, created_at
FROM tasksync.generation_events
WHERE generation_id = @generation_id
ORDER BY id
LIMIT @max_rows;

-- name: EventDeleteOlderThan :execrows
-- Reads the first rows only: ids are close enough to the order of time.
DELETE FROM tasksync.generation_events
WHERE id IN (
    SELECT oldest.id FROM (
        SELECT e.id, e.created_at FROM tasksync.generation_events AS e ORDER BY e.id LIMIT @max_rows
    ) AS oldest
    WHERE oldest.created_at < @before::timestamptz
);

-- name: EventSnapshot :one
-- The current snapshot: which transactions' events a reader sees now. In a
-- repeatable read transaction it is the snapshot of all statements.
SELECT pg_current_snapshot()::text AS snapshot;

-- name: EventListSince :many
-- The events that have committed since a snapshot, in rows that also hold the
-- current snapshot; if there are none, one row with that snapshot only. Each of
-- the events was either still under way in the old snapshot (xip) or began later
-- (xmax). Both are index scans, so that a transaction that stays open
-- for hours does not make readers read all events since its beginning again. An
-- event that the current snapshot does not see came with the dump of another
-- database: its xid has no meaning here, and without the filter it would be
-- found again and again.
--
-- The query returns the events of all users, because planning it for thousands
-- of ids takes longer than reading events that are not of interest.
--
-- The planner does not know how few events are new. MATERIALIZED, OFFSET 0 and
-- the order of the index keep it from plans that are good for many events only,
-- like reading the table in the order of ids until there are enough.
WITH news AS MATERIALIZED (
    (SELECT e.id, e.generation_id, e.user_id, e.from_status, e.to_status, e.via, e.upstream_status, e.created_at
    FROM tasksync.generation_events AS e
    WHERE e.xid >= pg_snapshot_xmax(CAST(@since::text AS pg_snapshot)) AND e.xid < pg_snapshot_xmax(pg_current_snapshot())
        AND pg_visible_in_snapshot(e.xid, pg_current_snapshot())
    ORDER BY e.xid
    LIMIT @max_rows)
    UNION ALL
    SELECT e.id, e.generation_id, e.user_id, e.from_status, e.to_status, e.via, e.upstream_status, e.created_at
    FROM (SELECT pg_snapshot_xip(CAST(@since::text AS pg_snapshot)) AS xid) AS x
    CROSS JOIN LATERAL (
        SELECT g.id, g.generation_id, g.user_id, g.from_status, g.to_status, g.via, g.upstream_status, g.created_at
        FROM tasksync.generation_events AS g
        WHERE g.xid = x.xid AND pg_visible_in_snapshot(g.xid, pg_current_snapshot())
        OFFSET 0
    ) AS e
)
SELECT pg_current_snapshot()::text AS snapshot, coalesce(n.id, 0)::bigint AS id,
    coalesce(n.generation_id::text, '')::text AS generation_id, coalesce(n.user_id::text, '')::text AS user_id,
    coalesce(n.from_status, '')::text AS from_status, coalesce(n.to_status, '')::text AS to_status,
    coalesce(n.via, '')::text AS via, coalesce(n.upstream_status, '')::text AS upstream_status,
    coalesce(n.created_at, now())::timestamptz AS created_at
FROM (SELECT 1) AS once
LEFT JOIN news AS n ON true
ORDER BY n.id
LIMIT @max_rows;

-- name: EventListResumed :many
-- For each reader that resumes, the events of its user that have committed since
-- its snapshot, up to a number that shows that there are too many. They are
-- limited in the order of the index, and then sorted by id.
SELECT r.reader::integer AS reader, e.id, e.generation_id, e.from_status, e.to_status, e.via,
    coalesce(e.upstream_status, '')::text AS upstream_status, e.created_at
FROM (
    SELECT unnest(@readers::integer[]) AS reader, unnest(@user_ids::uuid[]) AS user_id, CAST(unnest(@since::text[]) AS pg_snapshot) AS since
) AS r
CROSS JOIN LATERAL (
    SELECT g.id, g.generation_id, g.from_status, g.to_status, g.via, g.upstream_status, g.created_at
    FROM tasksync.generation_events AS g
    WHERE g.user_id = r.user_id
        AND g.xid >= pg_snapshot_xmin(r.since) AND g.xid < pg_snapshot_xmax(pg_current_snapshot())
        AND NOT pg_visible_in_snapshot(g.xid, r.since)
        AND pg_visible_in_snapshot(g.xid, pg_current_snapshot())
    ORDER BY g.xid
    LIMIT @max_rows
) AS e
ORDER BY reader, e.id;

-- name: EventsDeleted :one
-- Whether events may have been deleted, for a table that holds none: whether one was
-- ever written. A role that may not read the sequence cannot know.
SELECT CASE
    WHEN has_sequence_privilege(s.id, 'USAGE, SELECT') THEN pg_sequence_last_value(s.id) IS NOT NULL
    ELSE true
END::boolean AS deleted
FROM (SELECT pg_get_serial_sequence('tasksync.generation_events', 'id')::regclass AS id) AS s;

-- name: EventOldest :many
-- The oldest event that is still kept, if there is one.
SELECT id, xid::text AS xid
FROM tasksync.generation_events
ORDER BY id
LIMIT 1;
