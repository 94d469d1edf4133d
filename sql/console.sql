-- The queries of the console. Each is made at most every few seconds, however many
-- people look.

-- name: ConsolePendingAges :many
-- Pending V2 rows by type and age: the number of those in each of six classes, up to half a
-- minute, a minute, two, five, ten and more.
SELECT left(coalesce(task_type, ''), 40)::text AS task_type,
    count(*) FILTER (WHERE created_at > now() - interval '30 seconds')::bigint AS to_half,
    count(*) FILTER (WHERE created_at <= now() - interval '30 seconds' AND created_at > now() - interval '1 minute')::bigint AS to_one,
    count(*) FILTER (WHERE created_at <= now() - interval '1 minute' AND created_at > now() - interval '2 minutes')::bigint AS to_two,
    count(*) FILTER (WHERE created_at <= now() - interval '2 minutes' AND created_at > now() - interval '5 minutes')::bigint AS to_five,
    count(*) FILTER (WHERE created_at <= now() - interval '5 minutes' AND created_at > now() - interval '10 minutes')::bigint AS to_ten,
    count(*) FILTER (WHERE created_at <= now() - interval '10 minutes' OR created_at IS NULL)::bigint AS older
FROM public.music_generations
WHERE task_type IS NOT NULL
    AND lower(status COLLATE "C") = ANY ('{submitted,queued,processing,streaming,pending,created,new,waiting,in_progress,in-progress,"in progress",inprogress,running,generating}'::text[])
GROUP BY 1
ORDER BY count(*) DESC, 1
LIMIT 20;

-- name: ConsoleFinished :many
-- Ends in each of the last 60 minutes, of the last 50000 events: 0 is this minute.
SELECT floor(extract(epoch FROM now() - e.created_at) / 60)::integer AS minutes_ago,
    count(*) FILTER (WHERE e.to_status = 'complete') AS complete, count(*) FILTER (WHERE e.to_status = 'failed') AS failed
FROM (SELECT l.created_at, l.from_status, l.to_status FROM tasksync.generation_events AS l ORDER BY l.id DESC LIMIT 50000) AS e
WHERE e.created_at > now() - interval '60 minutes' AND e.to_status IN ('complete', 'failed') AND e.from_status <> e.to_status
GROUP BY 1
ORDER BY 1;

-- name: ConsoleFailures :many
-- Rows that failed in the last day, of the last 50000 events, by their code, with the last
-- three of each.
SELECT coalesce(e.error_code, 'unknown')::text AS error_code, count(*) AS failed,
    ((array_agg(e.generation_id ORDER BY e.id DESC))[1:3])::uuid[] AS examples, max(e.created_at)::timestamptz AS last_at
FROM (SELECT l.id, l.generation_id, l.created_at, l.from_status, l.to_status, l.error_code FROM tasksync.generation_events AS l ORDER BY l.id DESC LIMIT 50000) AS e
WHERE e.created_at > now() - interval '24 hours' AND e.to_status = 'failed' AND e.from_status <> 'failed'
GROUP BY 1
ORDER BY failed DESC, 1
LIMIT 20;

-- name: ConsoleDaemons :many
-- What daemons hold by a lease, and for how many seconds still.
SELECT name::text AS name, extract(epoch FROM expires_at - clock_timestamp())::double precision AS seconds
FROM tasksync.feed_lease
WHERE expires_at > clock_timestamp()
ORDER BY name
LIMIT 100;
