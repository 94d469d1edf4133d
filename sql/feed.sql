-- The advisory locks of tasksync are numbers: "tasksync" in ASCII and the next
-- ones. 8386110886476607075 quiets the triggers, …76 is held by a sweep, …78 by
-- the daemon that is the feed, and …79 by sessions that listen for events.

-- name: FeedTryLead :one
SELECT pg_try_advisory_lock(8386110886476607078) AS leads;

-- name: FeedLeaderList :many
-- The session that is the feed, and for how long it has been silent. A session
-- of another role is not visible, and counts as not silent.
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
-- Ends the session that reads tasksync's replication slot, on behalf of the
-- session that is the feed: no other daemon may read the slot. Does nothing, and
-- returns false, if the reader has let go of the slot or is another program's,
-- or if the caller is no longer the feed. Package feed/wal gives its readers the
-- application_name 'tasksync wal'.
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
-- Makes the server give up a connection that is half open, and a statement that
-- waits for a lock.
SELECT set_config('tcp_keepalives_idle', '2', false), set_config('tcp_keepalives_interval', '1', false),
    set_config('tcp_keepalives_count', '3', false), set_config('tcp_user_timeout', '5000', false),
    set_config('lock_timeout', @lock_timeout::text, false);

-- name: FeedQuietTriggers :exec
SELECT pg_advisory_lock(8386110886476607075);

-- name: FeedWakeTriggers :one
SELECT pg_advisory_unlock(8386110886476607075) AS held;

-- name: FeedHorizon :one
-- Every transaction that has written so far has an id below this one. The xmax
-- of a snapshot would not do: it is one past the last transaction that has
-- ended, and a transaction that is still open may have a higher id.
SELECT pg_current_xact_id()::text::bigint AS horizon;

-- name: FeedWritersEnded :one
-- Whether every transaction below the horizon has ended.
SELECT (pg_snapshot_xmin(pg_current_snapshot())::text::bigint >= @horizon::bigint)::boolean AS ended;

-- name: FeedNotify :exec
SELECT pg_notify(@channel::text, @payload::text);

-- name: FeedLeaseTake :one
-- Takes or keeps the lease, unless another daemon holds it, or a session is the
-- feed. No row means that the lease was not given.
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
-- The triggers of tasksync, by name, their table, and whether they fire: tgenabled is 'D'
-- for a disabled trigger, and 'A' for one that notifies although the server permits
-- two-phase commits. They stand on music_generations or, where that is a view that
-- `tasksync adopt` has made, on the application's table.
SELECT t.tgname::text AS name, n.nspname::text AS schema_name, r.relname::text AS table_name, (t.tgenabled <> 'D')::boolean AS enabled,
    (t.tgenabled = 'A')::boolean AS always, current_setting('max_prepared_transactions')::integer AS max_prepared
FROM pg_catalog.pg_trigger AS t
JOIN pg_catalog.pg_class AS r ON r.oid = t.tgrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = r.relnamespace
JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
JOIN pg_catalog.pg_namespace AS s ON s.oid = p.pronamespace
WHERE t.tgname IN ('tasksync_notify_insert', 'tasksync_notify_update')
    AND t.tgparentid = 0 -- not those of partitions
    AND (t.tgrelid = to_regclass('public.music_generations') OR (s.nspname = 'tasksync' AND p.proname = 'adopted_notify'))
ORDER BY t.tgname;

-- name: WorkerLeaseRenew :exec
-- A daemon that works jobs shows that it lives. The name of its lease is made of the
-- id that River writes into attempted_by. Its holder are the daemon's sessions.
INSERT INTO tasksync.feed_lease (name, holder, expires_at)
VALUES ('jobs ' || @worker::text, @sessions::text, clock_timestamp() + make_interval(secs => @seconds::double precision))
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at;

-- name: WorkerLeaseList :many
-- The daemons that live, by the ids that River gives them: host and time of start.
SELECT substr(name, 6)::text AS worker
FROM tasksync.feed_lease
WHERE name LIKE 'jobs %' AND expires_at > clock_timestamp()
ORDER BY name
LIMIT 100;

-- name: WorkerSessionEnd :one
-- Ends the sessions of this role that daemons have left whose lease ended some time
-- ago: where something between them and the server keeps its side of a connection, the
-- server does not notice that a daemon is gone.
SELECT count(*) FILTER (WHERE pg_terminate_backend(a.pid)) AS ended
FROM (
    SELECT unnest(string_to_array(l.holder, ' ')) AS session
    FROM tasksync.feed_lease AS l
    WHERE l.name LIKE 'jobs %' AND l.expires_at < clock_timestamp() - make_interval(secs => @seconds::double precision)
) AS s
JOIN pg_catalog.pg_stat_activity AS a ON s.session = a.pid || '@' || (extract(epoch FROM a.backend_start) * 1000000)::bigint
WHERE a.usename = current_user AND a.pid <> pg_backend_pid();

-- name: WorkerLeaseRelease :exec
DELETE FROM tasksync.feed_lease
WHERE name = 'jobs ' || @worker::text OR (name LIKE 'jobs %' AND expires_at < clock_timestamp() - interval '1 hour');

-- name: SweepLeaseTake :one
-- No row means that a sweep began a moment ago, in whatever daemon.
INSERT INTO tasksync.feed_lease AS l (name, holder, expires_at)
SELECT 'sweep', @worker::text, clock_timestamp() + make_interval(secs => @seconds::double precision)
WHERE NOT EXISTS (SELECT FROM tasksync.feed_lease AS r WHERE r.name = 'sweep' AND r.expires_at > clock_timestamp())
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
WHERE l.expires_at <= clock_timestamp()
RETURNING holder;
