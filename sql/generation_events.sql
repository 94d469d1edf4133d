-- name: EventInsertMany :exec
INSERT INTO tasksync.generation_events (generation_id, user_id, from_status, to_status, via, upstream_status)
SELECT u.generation_id, CASE WHEN u.user_id ~ '^[0-9a-fA-F-]{36}$' THEN u.user_id::uuid END, u.from_status, u.to_status, u.via, nullif(u.upstream_status, '')
FROM (
    SELECT unnest(@generation_ids::uuid[]) AS generation_id, unnest(@user_ids::text[]) AS user_id,
        unnest(@from_statuses::text[]) AS from_status, unnest(@to_statuses::text[]) AS to_status,
        unnest(@vias::text[]) AS via, unnest(@upstream_statuses::text[]) AS upstream_status
) AS u;

-- name: EventList :many
SELECT generation_id, from_status, to_status, via, coalesce(upstream_status, '')::text AS upstream_status, created_at
FROM tasksync.generation_events
WHERE generation_id = @generation_id
ORDER BY id
LIMIT @max_rows;

-- name: EventDeleteOlderThan :execrows
-- Looks at the first rows only: ids follow the time closely enough.
DELETE FROM tasksync.generation_events
WHERE id IN (
    SELECT oldest.id FROM (
        SELECT e.id, e.created_at FROM tasksync.generation_events AS e ORDER BY e.id LIMIT @max_rows
    ) AS oldest
    WHERE oldest.created_at < @before::timestamptz
);

-- name: EventSnapshot :one
-- Which transactions' events a reader sees now. In a transaction of repeatable
-- read it is that of all its statements.
SELECT pg_current_snapshot()::text AS snapshot;

-- name: EventPeek :one
-- Whether EventListSince would find anything, and the snapshot of this answer.
-- One statement has one snapshot, so that it needs no transaction.
SELECT pg_current_snapshot()::text AS snapshot, EXISTS (
    SELECT FROM tasksync.generation_events AS e
    WHERE ((e.xid >= pg_snapshot_xmax(CAST(@since::text AS pg_snapshot)) AND e.xid < pg_snapshot_xmax(pg_current_snapshot()))
            OR e.xid = ANY (ARRAY(SELECT pg_snapshot_xip(CAST(@since::text AS pg_snapshot)))))
        AND pg_visible_in_snapshot(e.xid, pg_current_snapshot())
        AND e.user_id = ANY (@user_ids::uuid[])
) AS found;

-- name: EventListSince :many
-- The users' events that have committed since a snapshot. Each was either still
-- under way then (xip) or began later (xmax): both are look-ups in the index, so
-- that a transaction that stays open for hours makes nobody read its time again.
-- What is not visible in the snapshot of now has come from another database's
-- dump: its xid means nothing here, and it would be found again and again.
SELECT e.id, e.generation_id, coalesce(e.user_id::text, '')::text AS user_id, e.from_status, e.to_status, e.via,
    coalesce(e.upstream_status, '')::text AS upstream_status, e.created_at
FROM tasksync.generation_events AS e
WHERE ((e.xid >= pg_snapshot_xmax(CAST(@since::text AS pg_snapshot)) AND e.xid < pg_snapshot_xmax(pg_current_snapshot()))
        OR e.xid = ANY (ARRAY(SELECT pg_snapshot_xip(CAST(@since::text AS pg_snapshot)))))
    AND pg_visible_in_snapshot(e.xid, pg_current_snapshot())
    AND e.user_id = ANY (@user_ids::uuid[])
ORDER BY e.id
LIMIT @max_rows;

-- name: EventListResumed :many
-- For each reader that comes back, the events of its user that have committed
-- since its snapshot, up to a number that tells that there are too many. They are
-- cut off in the order of the index, and then put into that of the events.
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

-- name: EventOldest :many
-- The first event that is still kept, if there is one.
SELECT id, xid::text AS xid
FROM tasksync.generation_events
ORDER BY id
LIMIT 1;
