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
