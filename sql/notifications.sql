-- name: NotificationInsertMany :many
-- Each event for each receiver; an event is one message. An empty payload is none.
WITH events AS MATERIALIZED (
    SELECT gen_random_uuid() AS message_id, u.place, u.type, u.generation_id, u.payload
    FROM (
        SELECT generate_subscripts(@generation_ids::uuid[], 1) AS place, unnest(@generation_ids::uuid[]) AS generation_id,
            unnest(@types::text[]) AS type, unnest(@payloads::text[]) AS payload
    ) AS u
)
INSERT INTO tasksync.notifications (message_id, receiver, type, generation_id, payload)
SELECT e.message_id, r.receiver, e.type, e.generation_id, nullif(e.payload, '')
FROM events AS e
CROSS JOIN (SELECT unnest(@receivers::text[]) AS receiver) AS r
ORDER BY e.place
RETURNING id, receiver;

-- name: NotificationTake :one
-- Takes a notification for one attempt, if it is its turn: it is due, and no earlier one
-- of its generation and receiver is pending. Until the lease ends nobody else takes it.
UPDATE tasksync.notifications AS n
SET next_at = clock_timestamp() + make_interval(secs => @lease_seconds::double precision)
WHERE n.id = @id AND n.state = 'pending' AND n.next_at <= clock_timestamp()
    AND NOT EXISTS (
        SELECT FROM tasksync.notifications AS e
        WHERE e.receiver = n.receiver AND e.generation_id = n.generation_id AND e.state = 'pending' AND e.id < n.id
    )
RETURNING n.id, n.message_id, n.receiver, n.type, n.generation_id, coalesce(n.payload, '')::text AS payload, n.attempts, n.created_at;

-- name: NotificationTurn :one
-- Why a notification could not be taken: it has ended, an earlier one is pending, or it
-- is due in some seconds.
SELECT n.state = 'pending' AS pending, EXISTS (
        SELECT FROM tasksync.notifications AS e
        WHERE e.receiver = n.receiver AND e.generation_id = n.generation_id AND e.state = 'pending' AND e.id < n.id
    ) AS blocked, extract(epoch FROM n.next_at - clock_timestamp())::double precision AS wait_seconds
FROM tasksync.notifications AS n
WHERE n.id = @id;

-- name: NotificationSetPayload :exec
UPDATE tasksync.notifications SET payload = @payload::text WHERE id = @id AND payload IS NULL;

-- name: NotificationPostpone :exec
-- The end of an attempt that has not delivered; one that was cut short counts as none.
UPDATE tasksync.notifications AS n
SET attempts = n.attempts + @attempts::integer, result = coalesce(nullif(@result::text, ''), n.result),
    next_at = clock_timestamp() + make_interval(secs => @wait_seconds::double precision)
WHERE n.id = @id AND n.state = 'pending';

-- name: NotificationEnd :exec
UPDATE tasksync.notifications AS n
SET state = @state::text, attempts = n.attempts + 1, result = @result::text, ended_at = clock_timestamp()
WHERE n.id = @id AND n.state = 'pending';

-- name: NotificationNext :one
-- The notification whose turn it is after one of the same generation and receiver has
-- ended. It must be a statement of its own: a job that found the ended one pending has
-- gone, and its notification is visible to every statement after that end.
SELECT n.id, n.receiver
FROM tasksync.notifications AS d
JOIN tasksync.notifications AS n ON n.receiver = d.receiver AND n.generation_id = d.generation_id AND n.state = 'pending'
WHERE d.id = @id
ORDER BY n.id
LIMIT 1;

-- name: NotificationListLost :many
-- Notifications that have been due for a minute and that no job will send.
SELECT n.id, n.receiver
FROM tasksync.notifications AS n
WHERE n.state = 'pending' AND n.receiver = ANY (@receivers::text[]) AND n.next_at < now() - interval '1 minute'
    AND NOT EXISTS (
        SELECT FROM tasksync.notifications AS e
        WHERE e.receiver = n.receiver AND e.generation_id = n.generation_id AND e.state = 'pending' AND e.id < n.id
    )
    AND NOT EXISTS (
        SELECT FROM tasksync.river_job AS j
        WHERE j.kind = 'notify' AND j.state IN ('available', 'scheduled', 'retryable', 'pending', 'running') AND j.args ->> 'id' = n.id::text
    )
ORDER BY n.id
LIMIT @max_rows;

-- name: NotificationEndUnwanted :execrows
-- Ends what has been due for ten minutes to receivers that are not configured: a daemon
-- that has them would have sent it, unless an earlier one is tried again.
UPDATE tasksync.notifications AS n
SET state = 'dead', result = @result::text, ended_at = now()
WHERE n.id IN (
    SELECT p.id FROM tasksync.notifications AS p
    WHERE p.state = 'pending' AND p.receiver <> ALL (@receivers::text[]) AND p.next_at < now() - interval '10 minutes'
        AND NOT EXISTS (
            SELECT FROM tasksync.notifications AS e
            WHERE e.receiver = p.receiver AND e.generation_id = p.generation_id AND e.state = 'pending' AND e.id < p.id
        )
    ORDER BY p.id
    LIMIT @max_rows
);

-- name: NotificationDeleteStrayJobs :execrows
-- Deletes jobs in queues that nobody has worked for ten minutes although they were due:
-- those of receivers that are not configured any more. A notification of theirs that is
-- pending gets another job from a daemon that has its receiver.
DELETE FROM tasksync.river_job AS j
WHERE j.id IN (
    SELECT s.id FROM tasksync.river_job AS s
    WHERE s.kind = 'notify' AND s.queue <> ALL (@queues::text[]) AND s.scheduled_at < now() - interval '10 minutes'
        AND s.state IN ('available', 'scheduled', 'retryable', 'pending')
    LIMIT @max_rows
    FOR UPDATE SKIP LOCKED
);

-- name: NotificationDeleteOld :execrows
DELETE FROM tasksync.notifications AS n
WHERE n.id IN (
    SELECT o.id FROM tasksync.notifications AS o
    WHERE o.state <> 'pending'
        AND o.ended_at < now() - make_interval(secs => CASE o.state WHEN 'dead' THEN @dead_seconds::double precision ELSE @delivered_seconds::double precision END)
        AND o.ended_at < now() - make_interval(secs => least(@dead_seconds::double precision, @delivered_seconds::double precision))
    ORDER BY o.ended_at
    LIMIT @max_rows
);

-- name: NotificationStats :one
SELECT (SELECT count(*) FROM tasksync.notifications AS p WHERE p.state = 'pending') AS pending,
    coalesce((SELECT extract(epoch FROM now() - min(p.created_at)) FROM tasksync.notifications AS p WHERE p.state = 'pending'), 0)::double precision AS oldest_seconds,
    (SELECT count(*) FROM tasksync.notifications AS d WHERE d.state = 'dead') AS dead;

-- name: NotificationList :many
-- The newest notifications in these states, for people.
SELECT n.message_id, n.receiver, n.type, n.generation_id, n.created_at, n.state, n.attempts, n.next_at,
    coalesce(n.result, '')::text AS result, now()::timestamptz AS seen_at
FROM tasksync.notifications AS n
WHERE n.state = ANY (@states::text[])
ORDER BY n.id DESC
LIMIT @max_rows;

-- name: NotificationCountStrangers :one
-- How many of the chosen notifications are for receivers that are not configured.
SELECT count(*) AS found, count(*) FILTER (WHERE n.receiver <> ALL (@receivers::text[])) AS strangers
FROM tasksync.notifications AS n
WHERE (n.state = ANY (@states::text[]) AND n.created_at >= @since::timestamptz AND coalesce(cardinality(@ids::uuid[]), 0) = 0)
    OR n.message_id = ANY (@ids::uuid[]) OR n.generation_id = ANY (@ids::uuid[]);

-- name: NotificationReplayMany :many
-- Makes notifications pending again, as if they were new. The ids are those of messages
-- or of generations, in any state; without ids, the states and the time choose. One to a
-- receiver that is not configured goes to another, if one is given.
WITH replayed AS (
    UPDATE tasksync.notifications AS n
    SET state = 'pending', attempts = 0, next_at = clock_timestamp(), ended_at = NULL,
        receiver = CASE WHEN n.receiver = ANY (@receivers::text[]) THEN n.receiver ELSE @instead::text END
    WHERE n.id IN (
        SELECT c.id FROM tasksync.notifications AS c
        WHERE c.id > @after_id
            AND ((c.state = ANY (@states::text[]) AND c.created_at >= @since::timestamptz AND coalesce(cardinality(@ids::uuid[]), 0) = 0)
                OR c.message_id = ANY (@ids::uuid[]) OR c.generation_id = ANY (@ids::uuid[]))
            AND (c.receiver = ANY (@receivers::text[]) OR @instead <> '')
        ORDER BY c.id
        LIMIT @max_rows
    )
    RETURNING n.id, n.receiver
)
SELECT r.id, r.receiver FROM replayed AS r ORDER BY r.id;
