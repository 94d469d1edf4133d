-- The advisory locks of the feeds. They are "tasksync" in ASCII and what follows:
-- 8386110886476607075 keeps the triggers quiet, the next one is the sweep's, and
-- 8386110886476607078 is held by the daemon that is the feed. The one after it is
-- of those who listen for events.

-- name: FeedTryLead :one
SELECT pg_try_advisory_lock(8386110886476607078) AS leads;

-- name: FeedLeaderList :many
-- Who is the feed, and for how long its session has been silent; what another
-- role does is not shown, and counts as not silent.
SELECT l.pid::integer AS pid, coalesce(a.application_name, '')::text AS application_name,
    coalesce(host(a.client_addr), '')::text AS client_addr,
    (a.state_change IS NOT NULL)::boolean AS visible,
    coalesce(extract(epoch FROM clock_timestamp() - a.state_change), 0)::double precision AS silent_seconds
FROM pg_catalog.pg_locks AS l
JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted
    AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = current_database())
    AND l.classid::bigint = 8386110886476607078 >> 32
    AND l.objid::bigint = 8386110886476607078 & 4294967295
    AND l.objsubid = 1
ORDER BY l.pid
LIMIT 10;

-- name: FeedTerminate :one
SELECT pg_terminate_backend(@pid::integer) AS signalled;

-- name: FeedReaderTerminate :one
-- Ends a reader of our replication slot for the session that is the feed. Does
-- nothing, and returns false, if that process has let go of the slot, is not one of
-- our readers, or if the session is not the feed any more. Our readers have the
-- application_name that feed/wal/connect.go sets.
SELECT coalesce(bool_or(pg_terminate_backend(s.active_pid)), false)::boolean AS signalled
FROM pg_catalog.pg_replication_slots AS s
JOIN pg_catalog.pg_database AS d ON d.datname = s.database AND s.slot_name = 'tasksync_' || d.oid
JOIN pg_catalog.pg_stat_activity AS a ON a.pid = s.active_pid AND a.application_name = 'tasksync wal'
JOIN pg_catalog.pg_locks AS l ON l.database = d.oid AND l.pid = @leader::integer
WHERE d.datname = current_database() AND s.active_pid = @reader::integer
    AND l.locktype = 'advisory' AND l.granted
    AND l.classid::bigint = 8386110886476607078 >> 32
    AND l.objid::bigint = 8386110886476607078 & 4294967295
    AND l.objsubid = 1;

-- name: FeedPrepareSession :exec
-- The server gives up a connection that is half open, and a statement that waits
-- for a lock.
SELECT set_config('tcp_keepalives_idle', '2', false), set_config('tcp_keepalives_interval', '1', false),
    set_config('tcp_keepalives_count', '3', false), set_config('tcp_user_timeout', '5000', false),
    set_config('lock_timeout', @lock_timeout::text, false);

-- name: FeedQuietTriggers :exec
SELECT pg_advisory_lock(8386110886476607075);

-- name: FeedWakeTriggers :one
SELECT pg_advisory_unlock(8386110886476607075) AS held;

-- name: FeedHorizon :one
-- No transaction that has written already has an id of this or above. The xmax of
-- a snapshot would not do: it is one past the last that has ended, and one that is
-- still open may be younger.
SELECT pg_current_xact_id()::text::bigint AS horizon;

-- name: FeedWritersEnded :one
-- Whether every transaction below a horizon has ended.
SELECT (pg_snapshot_xmin(pg_current_snapshot())::text::bigint >= @horizon::bigint)::boolean AS ended;

-- name: FeedNotify :exec
SELECT pg_notify(@channel::text, @payload::text);

-- name: FeedLeaseTake :one
-- Takes or keeps the lease, unless somebody else has it, or a session is the
-- feed. Without a row it was refused.
INSERT INTO tasksync.feed_lease AS l (name, holder, expires_at)
SELECT 'poll', @holder::text, clock_timestamp() + make_interval(secs => @seconds::double precision)
WHERE NOT EXISTS (
    SELECT FROM pg_catalog.pg_locks AS p
    WHERE p.locktype = 'advisory' AND p.granted
        AND p.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = current_database())
        AND p.classid::bigint = 8386110886476607078 >> 32
        AND p.objid::bigint = 8386110886476607078 & 4294967295
        AND p.objsubid = 1
)
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
WHERE l.holder = excluded.holder OR l.expires_at < clock_timestamp()
RETURNING holder;

-- name: FeedLeaseRelease :exec
DELETE FROM tasksync.feed_lease WHERE name = 'poll' AND holder = @holder::text;

-- name: FeedLeaseGet :one
SELECT holder, extract(epoch FROM expires_at - clock_timestamp())::double precision AS seconds_left
FROM tasksync.feed_lease
WHERE name = 'poll';

-- name: FeedTriggerList :many
-- Our triggers, by name, and whether they fire; 'D' in tgenabled is a disabled one.
SELECT t.tgname::text AS name, (t.tgenabled <> 'D')::boolean AS enabled
FROM pg_catalog.pg_trigger AS t
WHERE t.tgrelid = to_regclass('public.music_generations')
    AND t.tgname IN ('tasksync_notify_insert', 'tasksync_notify_update')
ORDER BY t.tgname;

-- name: FeedTriggersDisable :exec
ALTER TABLE public.music_generations DISABLE TRIGGER tasksync_notify_insert, DISABLE TRIGGER tasksync_notify_update;

-- name: FeedTriggersEnable :exec
ALTER TABLE public.music_generations ENABLE TRIGGER tasksync_notify_insert, ENABLE TRIGGER tasksync_notify_update;
