package live

const eventPeekSQL = `SELECT pg_current_snapshot()::text AS snapshot, EXISTS (
    SELECT FROM tasksync.generation_events AS e
    WHERE ((e.xid >= pg_snapshot_xmax(CAST($1::text AS pg_snapshot)) AND e.xid < pg_snapshot_xmax(pg_current_snapshot()))
            OR e.xid = ANY (ARRAY(SELECT pg_snapshot_xip(CAST($1::text AS pg_snapshot)))))
        AND pg_visible_in_snapshot(e.xid, pg_current_snapshot())
        AND e.user_id = ANY ($2::uuid[])
) AS found
`

const eventListSinceSQL = `SELECT e.id, e.generation_id, coalesce(e.user_id::text, '')::text AS user_id, e.from_status, e.to_status, e.via,
    coalesce(e.upstream_status, '')::text AS upstream_status, e.created_at
FROM tasksync.generation_events AS e
WHERE ((e.xid >= pg_snapshot_xmax(CAST($1::text AS pg_snapshot)) AND e.xid < pg_snapshot_xmax(pg_current_snapshot()))
        OR e.xid = ANY (ARRAY(SELECT pg_snapshot_xip(CAST($1::text AS pg_snapshot)))))
    AND pg_visible_in_snapshot(e.xid, pg_current_snapshot())
    AND e.user_id = ANY ($2::uuid[])
ORDER BY e.id
LIMIT $3
`

const eventListResumedSQL = `SELECT r.reader::integer AS reader, e.id, e.generation_id, e.from_status, e.to_status, e.via,
    coalesce(e.upstream_status, '')::text AS upstream_status, e.created_at
FROM (
    SELECT unnest($1::integer[]) AS reader, unnest($2::uuid[]) AS user_id, CAST(unnest($3::text[]) AS pg_snapshot) AS since
) AS r
CROSS JOIN LATERAL (
    SELECT g.id, g.generation_id, g.from_status, g.to_status, g.via, g.upstream_status, g.created_at
    FROM tasksync.generation_events AS g
    WHERE g.user_id = r.user_id
        AND g.xid >= pg_snapshot_xmin(r.since) AND g.xid < pg_snapshot_xmax(pg_current_snapshot())
        AND NOT pg_visible_in_snapshot(g.xid, r.since)
        AND pg_visible_in_snapshot(g.xid, pg_current_snapshot())
    ORDER BY g.xid
    LIMIT $4
) AS e
ORDER BY reader, e.id
`
