-- Tables older than tasksync may have NULL in any column, and 'infinity' as a
-- time; such a row must not break a query for the others. A row without a usable
-- created_at counts from its updated_at; a row with neither is overdue.
--
-- Each query spells out the pending words, in the same way as the partial indexes
-- tasksync_pending_by_…, so that the planner can use these; package task defines the
-- words. Collation "C" keeps what a word means from depending on the database's
-- language. Words that mean complete or failed come as parameters, in lower case,
-- because applications choose their own.

-- name: GenerationList :many
SELECT id, coalesce(user_id::text, '')::text AS user_id, coalesce(task_id, '')::text AS task_id,
    coalesce(task_type, '')::text AS task_type, coalesce(provider, '')::text AS provider, coalesce(status, '')::text AS status,
    coalesce(error_code, '')::text AS error_code, coalesce(error_message, '')::text AS error_message,
    (CASE WHEN isfinite(created_at) THEN created_at WHEN isfinite(updated_at) THEN updated_at ELSE 'epoch' END)::timestamptz AS created_at
FROM public.music_generations
WHERE id = ANY (@ids::uuid[])
ORDER BY id;

-- name: GenerationListWithTwins :many
-- The rows with the given ids, and for each task of a pending one the youngest other
-- pending row with the same task; names are the providers that words mean. OFFSET 0 keeps
-- the planner from anything but one look into the index on task_id for each task, whatever
-- it takes the table for: it must not use the index on task_type, which has all pending
-- rows.
WITH asked AS MATERIALIZED (
    SELECT id, user_id, task_id, task_type, provider, status, error_code, error_message, created_at, updated_at
    FROM public.music_generations
    WHERE id = ANY (@ids::uuid[])
), words AS MATERIALIZED (
    SELECT u.word, u.name
    FROM (SELECT unnest(@words::text[]) AS word, unnest(@names::text[]) AS name) AS u
), tasks AS MATERIALIZED (
    SELECT DISTINCT a.task_id, a.task_type, w.name
    FROM asked AS a
    JOIN words AS w ON w.word = lower(btrim(coalesce(a.provider, '')) COLLATE "C")
    WHERE a.task_id <> ''
        AND lower(a.status COLLATE "C") = ANY ('{submitted,queued,processing,streaming,pending,created,new,waiting,in_progress,in-progress,"in progress",inprogress,running,generating}'::text[])
), twins AS (
    SELECT t.id, t.user_id, t.task_id, t.task_type, t.provider, t.status, t.error_code, t.error_message, t.created_at, t.updated_at
    FROM tasks AS k
    CROSS JOIN LATERAL (
        SELECT y.*
        FROM (
            SELECT g.id, g.user_id, g.task_id, g.task_type, g.provider, g.status, g.error_code, g.error_message, g.created_at, g.updated_at
            FROM public.music_generations AS g
            WHERE g.task_id = k.task_id
                AND g.task_type IS NOT NULL
                AND lower(g.status COLLATE "C") = ANY ('{submitted,queued,processing,streaming,pending,created,new,waiting,in_progress,in-progress,"in progress",inprogress,running,generating}'::text[])
            OFFSET 0
        ) AS y
        WHERE y.task_type = k.task_type
            AND y.id <> ALL (@ids::uuid[])
            AND lower(btrim(coalesce(y.provider, '')) COLLATE "C") IN (SELECT w.word FROM words AS w WHERE w.name = k.name)
        ORDER BY (CASE WHEN isfinite(y.created_at) THEN y.created_at WHEN isfinite(y.updated_at) THEN y.updated_at ELSE 'epoch' END)::timestamptz DESC, y.id DESC
        LIMIT 1
    ) AS t
)
SELECT r.id, coalesce(r.user_id::text, '')::text AS user_id, coalesce(r.task_id, '')::text AS task_id,
    coalesce(r.task_type, '')::text AS task_type, coalesce(r.provider, '')::text AS provider, coalesce(r.status, '')::text AS status,
    coalesce(r.error_code, '')::text AS error_code, coalesce(r.error_message, '')::text AS error_message,
    (CASE WHEN isfinite(r.created_at) THEN r.created_at WHEN isfinite(r.updated_at) THEN r.updated_at ELSE 'epoch' END)::timestamptz AS created_at
FROM (SELECT * FROM asked UNION ALL SELECT * FROM twins) AS r
ORDER BY r.id;

-- name: GenerationListTwins :many
-- The pending rows with a task but one, the oldest first, after a known place; OFFSET 0
-- as above.
SELECT t.id, coalesce(t.user_id::text, '')::text AS user_id, coalesce(t.task_id, '')::text AS task_id,
    coalesce(t.task_type, '')::text AS task_type, coalesce(t.provider, '')::text AS provider, coalesce(t.status, '')::text AS status,
    coalesce(t.error_code, '')::text AS error_code, coalesce(t.error_message, '')::text AS error_message, t.created_at
FROM (
    SELECT g.id, g.user_id, g.task_id, g.task_type, g.provider, g.status, g.error_code, g.error_message,
        (CASE WHEN isfinite(g.created_at) THEN g.created_at WHEN isfinite(g.updated_at) THEN g.updated_at ELSE 'epoch' END)::timestamptz AS created_at
    FROM public.music_generations AS g
    WHERE g.task_id = @task_id::text
        AND g.task_type IS NOT NULL
        AND lower(g.status COLLATE "C") = ANY ('{submitted,queued,processing,streaming,pending,created,new,waiting,in_progress,in-progress,"in progress",inprogress,running,generating}'::text[])
    OFFSET 0
) AS t
WHERE t.task_type = @task_type::text
    AND lower(btrim(coalesce(t.provider, '')) COLLATE "C") = ANY (@providers::text[])
    AND t.id <> @but_id::uuid
    AND (t.created_at, t.id) > (@after_time::timestamptz, @after_id::uuid)
ORDER BY t.created_at, t.id
LIMIT @max_rows;

-- name: GenerationLockPending :many
-- Locks in id order, so that two cohorts that share members cannot deadlock.
SELECT id, coalesce(user_id::text, '')::text AS user_id, coalesce(task_id, '')::text AS task_id,
    coalesce(task_type, '')::text AS task_type, coalesce(provider, '')::text AS provider, coalesce(status, '')::text AS status,
    coalesce(error_code, '')::text AS error_code, coalesce(error_message, '')::text AS error_message,
    (CASE WHEN isfinite(created_at) THEN created_at WHEN isfinite(updated_at) THEN updated_at ELSE 'epoch' END)::timestamptz AS created_at
FROM public.music_generations
WHERE id = ANY (@ids::uuid[])
    AND task_type IS NOT NULL
    AND lower(status COLLATE "C") = ANY ('{submitted,queued,processing,streaming,pending,created,new,waiting,in_progress,in-progress,"in progress",inprogress,running,generating}'::text[])
ORDER BY id
FOR NO KEY UPDATE;

-- name: GenerationLockEnded :many
-- Locks ended rows for a late result, in id order.
SELECT id, coalesce(user_id::text, '')::text AS user_id, coalesce(task_id, '')::text AS task_id,
    coalesce(task_type, '')::text AS task_type, coalesce(provider, '')::text AS provider, coalesce(status, '')::text AS status,
    coalesce(error_code, '')::text AS error_code, coalesce(error_message, '')::text AS error_message,
    (CASE WHEN isfinite(created_at) THEN created_at WHEN isfinite(updated_at) THEN updated_at ELSE 'epoch' END)::timestamptz AS created_at
FROM public.music_generations
WHERE id = ANY (@ids::uuid[])
    AND task_type IS NOT NULL
    AND lower(status COLLATE "C") = ANY (@ended_words::text[])
ORDER BY id
FOR NO KEY UPDATE;

-- name: GenerationListRetriable :many
-- Failed V2 rows after a known row, in id order; only those with the given ids,
-- if any are given. With unasked, only rows that failed at their deadline without
-- an answer of the provider, as the event of that end says.
SELECT g.id
FROM public.music_generations AS g
WHERE g.id > @after_id::uuid
    AND g.task_type IS NOT NULL
    AND lower(g.status COLLATE "C") = ANY (@failed_words::text[])
    AND (coalesce(cardinality(@ids::uuid[]), 0) = 0 OR g.id = ANY (@ids::uuid[]))
    AND (@code::text = '' OR g.error_code = @code::text)
    AND coalesce(g.completed_at, g.updated_at, g.created_at) >= @since::timestamptz
    AND (NOT @unasked::boolean OR (g.error_code = 'API_ERROR' AND g.error_message LIKE 'Task timed out after %'
        AND NOT EXISTS (
            SELECT FROM tasksync.generation_events AS e
            WHERE e.generation_id = g.id AND e.to_status = 'failed' AND e.upstream_status IS NOT NULL
        )))
ORDER BY g.id
LIMIT @max_rows;

-- name: GenerationReopenMany :many
-- Makes failed rows pending again, with the application's word for submitted.
UPDATE public.music_generations AS g
SET status = @submitted::text, error_code = NULL, error_message = NULL, completed_at = NULL, updated_at = now()
WHERE g.id = ANY (@ids::uuid[])
    AND g.task_type IS NOT NULL
    AND lower(g.status COLLATE "C") = ANY (@failed_words::text[])
RETURNING g.id, coalesce(g.user_id::text, '')::text AS user_id;

-- name: GenerationListWitnesses :many
-- The last task that the provider completed: a call for it shows whether the
-- provider still knows tasks.
SELECT coalesce(g.task_id, '')::text AS task_id, coalesce(g.task_type, '')::text AS task_type,
    ARRAY(SELECT c.clip_id FROM public.music_clips AS c WHERE c.generation_id = g.id AND c.clip_id <> '' ORDER BY c.clip_id)::text[] AS clip_ids
FROM (
    SELECT l.id, l.generation_id, l.created_at, l.to_status, l.upstream_status
    FROM tasksync.generation_events AS l
    ORDER BY l.id DESC
    LIMIT 2000
) AS e
JOIN public.music_generations AS g ON g.id = e.generation_id
WHERE e.to_status = 'complete'
    AND e.created_at > @since::timestamptz
    AND e.upstream_status IS NOT NULL
    AND lower(btrim(coalesce(g.provider, '')) COLLATE "C") = ANY (@providers::text[])
    AND g.task_id <> ''
ORDER BY e.id DESC
LIMIT 1;

-- name: GenerationUpdateMany :execrows
-- A row that becomes complete keeps no error from an earlier end. The words are the
-- application's for the statuses.
UPDATE public.music_generations AS g
SET status = u.word,
    error_code = CASE WHEN u.status = 'complete' THEN NULL ELSE coalesce(nullif(u.error_code, ''), g.error_code) END,
    error_message = CASE WHEN u.status = 'complete' THEN NULL ELSE coalesce(nullif(u.error_message, ''), g.error_message) END,
    updated_at = now(),
    completed_at = CASE WHEN u.status IN ('complete', 'failed') THEN now() ELSE g.completed_at END
FROM (
    SELECT unnest(@ids::uuid[]) AS id, unnest(@statuses::text[]) AS status, unnest(@words::text[]) AS word,
        unnest(@error_codes::text[]) AS error_code, unnest(@error_messages::text[]) AS error_message
) AS u
WHERE g.id = u.id;

-- name: GenerationListUnfollowed :many
-- Pending V2 rows that no live job follows. A job that has been running for
-- longer than any job may belonged to a daemon that died. Rows created after
-- @before are left to the feed; a created_at in the future comes from a wrong
-- clock. The newest rows come first: their users still wait.
WITH followed AS (
    SELECT jsonb_array_elements_text(CASE WHEN jsonb_typeof(j.args -> 'ids') = 'array' THEN j.args -> 'ids' ELSE '[]' END) AS id
    FROM tasksync.river_job AS j
    WHERE j.kind = 'sync'
        AND (j.state IN ('available', 'scheduled', 'retryable', 'pending')
            OR (j.state = 'running' AND j.attempted_at > @running_since::timestamptz))
)
SELECT g.id, coalesce(g.user_id::text, '')::text AS user_id, coalesce(g.task_id, '')::text AS task_id, coalesce(g.task_type, '')::text AS task_type,
    coalesce(g.provider, '')::text AS provider, coalesce(g.status, '')::text AS status,
    (CASE WHEN isfinite(g.created_at) THEN g.created_at WHEN isfinite(g.updated_at) THEN g.updated_at ELSE 'epoch' END)::timestamptz AS created_at
FROM public.music_generations AS g
WHERE g.task_type = ANY (@task_types::text[])
    AND lower(btrim(coalesce(g.provider, '')) COLLATE "C") = ANY (@providers::text[])
    AND lower(g.status COLLATE "C") = ANY ('{submitted,queued,processing,streaming,pending,created,new,waiting,in_progress,in-progress,"in progress",inprogress,running,generating}'::text[])
    AND (g.created_at < @before::timestamptz OR g.created_at > now() OR g.created_at IS NULL)
    AND NOT EXISTS (SELECT FROM followed AS f WHERE f.id = g.id::text)
ORDER BY g.created_at DESC NULLS LAST, g.id
LIMIT @max_rows;

-- name: GenerationPendingStats :many
-- Pending V2 rows by type, and how many of them are not followed, or not yet. The age
-- of the oldest row leaves out rows that wait for the application to submit their tasks.
SELECT coalesce(task_type, '')::text AS task_type, count(*) AS pending,
    count(*) FILTER (WHERE lower(btrim(coalesce(provider, '')) COLLATE "C") <> ALL (@providers::text[])) AS unknown_provider,
    count(*) FILTER (WHERE coalesce(task_id, '') = '') AS no_task_id,
    coalesce(extract(epoch FROM now() - min(
        CASE WHEN isfinite(created_at) THEN created_at WHEN isfinite(updated_at) THEN updated_at ELSE 'epoch' END
    ) FILTER (WHERE coalesce(task_id, '') <> '' OR lower(status COLLATE "C") IN ('submitted', 'queued', 'processing', 'streaming'))), 0)::double precision AS oldest_seconds
FROM public.music_generations
WHERE task_type IS NOT NULL
    AND lower(status COLLATE "C") = ANY ('{submitted,queued,processing,streaming,pending,created,new,waiting,in_progress,in-progress,"in progress",inprogress,running,generating}'::text[])
GROUP BY task_type
ORDER BY task_type;

-- name: GenerationListNew :many
-- Pending V2 rows in the order of created_at, after a known row. Rows with
-- a created_at in the future, which come from a wrong clock, are left to the
-- sweep: a poll that has read them would miss the rows of the present.
SELECT id, created_at
FROM public.music_generations
WHERE task_type IS NOT NULL
    AND lower(status COLLATE "C") = ANY ('{submitted,queued,processing,streaming,pending,created,new,waiting,in_progress,in-progress,"in progress",inprogress,running,generating}'::text[])
    AND (created_at, id) > (@after_time::timestamptz, @after_id::uuid)
    AND created_at <= now()
ORDER BY created_at, id
LIMIT @max_rows;

-- name: GenerationListPendingByUser :many
-- The user's pending V2 rows, the oldest first; with task ids, only the rows of
-- those tasks. The user has no cast: so the parameter has the type of the
-- column, be it uuid or text, and the index on the column can be used. MATERIALIZED
-- keeps the planner from the index that has all rows of the user in order.
WITH pending AS MATERIALIZED (
    SELECT id, created_at
    FROM public.music_generations
    WHERE user_id = @user_id
        AND task_type IS NOT NULL
        AND lower(status COLLATE "C") = ANY ('{submitted,queued,processing,streaming,pending,created,new,waiting,in_progress,in-progress,"in progress",inprogress,running,generating}'::text[])
        AND (coalesce(cardinality(@task_ids::text[]), 0) = 0 OR task_id = ANY (@task_ids::text[]))
)
SELECT id
FROM pending
ORDER BY created_at, id
LIMIT @max_rows;

-- name: GenerationListByUser :many
-- A page of the user's V2 rows, the newest first, after a known row; rows without a
-- created_at come last. With words, in lower case, only the rows with one of them as
-- their status. Each half is one look into index tasksync_user_rows_idx. A place in
-- time is in microseconds since 1970, with the ends of bigint for the infinite times:
-- drivers have no other number that is as exact.
SELECT p.id, p.undated, p.at
FROM (
    (SELECT g.id, false AS undated, (CASE g.created_at
            WHEN 'infinity' THEN 9223372036854775807
            WHEN '-infinity' THEN -9223372036854775808
            ELSE (extract(epoch FROM g.created_at::timestamptz) * 1000000)::bigint
        END)::bigint AS at, g.created_at::timestamptz AS created_at
    FROM public.music_generations AS g
    WHERE g.user_id = @user_id
        AND g.task_type IS NOT NULL
        AND NOT @after_undated::boolean
        AND (g.created_at, g.id) < (CASE CAST(@after_at AS bigint)
                WHEN 9223372036854775807 THEN 'infinity'
                WHEN -9223372036854775808 THEN '-infinity'
                ELSE 'epoch'::timestamptz + interval '1 microsecond' * CAST(@after_at AS bigint)
            END, @after_id::uuid)
        AND (coalesce(cardinality(@words::text[]), 0) = 0 OR lower(g.status COLLATE "C") = ANY (@words::text[]))
    ORDER BY g.created_at DESC, g.id DESC
    LIMIT @max_rows)
    UNION ALL
    (SELECT g.id, true, 0, NULL
    FROM public.music_generations AS g
    WHERE g.user_id = @user_id
        AND g.task_type IS NOT NULL
        AND g.created_at IS NULL
        AND (NOT @after_undated::boolean OR g.id < @after_id::uuid)
        AND (coalesce(cardinality(@words::text[]), 0) = 0 OR lower(g.status COLLATE "C") = ANY (@words::text[]))
    ORDER BY g.id DESC
    LIMIT @max_rows)
) AS p
ORDER BY p.undated, p.created_at DESC, p.id DESC
LIMIT @max_rows;

-- name: GenerationListPendingByTask :many
-- Of each task at any of the providers ('' is the default one), a pending V2 row of each
-- task type and word for the provider: a look at it is one at all of them.
SELECT DISTINCT ON (task_id, task_type, lower(btrim(coalesce(provider, '')) COLLATE "C")) id, coalesce(task_id, '')::text AS task_id
FROM public.music_generations
WHERE task_id = ANY (@task_ids::text[])
    AND lower(btrim(coalesce(provider, '')) COLLATE "C") = ANY (@providers::text[])
    AND task_type IS NOT NULL
    AND lower(status COLLATE "C") = ANY ('{submitted,queued,processing,streaming,pending,created,new,waiting,in_progress,in-progress,"in progress",inprogress,running,generating}'::text[])
ORDER BY task_id, task_type, lower(btrim(coalesce(provider, '')) COLLATE "C"), id
LIMIT @max_rows;

-- name: GenerationListViews :many
-- Whole rows, as the HTTP side shows them, and when their time began. The year 1,
-- Go's zero time, stands for a time that is missing or infinite.
SELECT g.id, coalesce(g.user_id::text, '')::text AS user_id, coalesce(g.task_id, '')::text AS task_id,
    coalesce(g.task_type, '')::text AS task_type, coalesce(g.provider, '')::text AS provider, coalesce(g.status, '')::text AS status,
    coalesce(g.error_code, '')::text AS error_code, coalesce(g.error_message, '')::text AS error_message,
    (CASE WHEN isfinite(g.created_at) THEN g.created_at ELSE '0001-01-01 00:00:00Z' END)::timestamptz AS created_at,
    (CASE WHEN isfinite(g.updated_at) THEN g.updated_at ELSE '0001-01-01 00:00:00Z' END)::timestamptz AS updated_at,
    (CASE WHEN isfinite(g.completed_at) THEN g.completed_at ELSE '0001-01-01 00:00:00Z' END)::timestamptz AS completed_at,
    coalesce(m.began_at, '0001-01-01 00:00:00Z')::timestamptz AS began_at
FROM public.music_generations AS g
LEFT JOIN tasksync.generation_memory AS m ON m.generation_id = g.id
WHERE g.id = ANY (@ids::uuid[])
ORDER BY g.created_at, g.id;

-- name: GenerationListOddWords :many
-- The words in column status, of V2 rows, that mean neither a pending row nor, by
-- usual words or those given, one that has ended: 50 words at most, with the number
-- of their rows, 1000 at most each. Index tasksync_odd_status_idx holds just these
-- rows; it is searched for one word after the other, whatever the number of rows. A
-- word is cut, as it is in the index, because a text of any length may stand there.
WITH RECURSIVE words AS (
    (SELECT left(lower(coalesce(o.status, '') COLLATE "C"), 40) AS word, 1 AS n
    FROM public.music_generations AS o
    WHERE o.task_type IS NOT NULL AND (lower(o.status COLLATE "C") = ANY ('{submitted,queued,processing,streaming,pending,created,new,waiting,in_progress,in-progress,"in progress",inprogress,running,generating,complete,completed,done,finished,success,succeeded,successful,failed,fail,failure,error,errored,cancelled,canceled,aborted,expired,timeout,timed_out,rejected,refunded,deleted,archived}'::text[])) IS NOT TRUE
    ORDER BY left(lower(coalesce(o.status, '') COLLATE "C"), 40)
    LIMIT 1)
    UNION ALL
    SELECT (
        SELECT left(lower(coalesce(g.status, '') COLLATE "C"), 40)
        FROM public.music_generations AS g
        WHERE g.task_type IS NOT NULL AND (lower(g.status COLLATE "C") = ANY ('{submitted,queued,processing,streaming,pending,created,new,waiting,in_progress,in-progress,"in progress",inprogress,running,generating,complete,completed,done,finished,success,succeeded,successful,failed,fail,failure,error,errored,cancelled,canceled,aborted,expired,timeout,timed_out,rejected,refunded,deleted,archived}'::text[])) IS NOT TRUE
            AND left(lower(coalesce(g.status, '') COLLATE "C"), 40) > w.word
        ORDER BY left(lower(coalesce(g.status, '') COLLATE "C"), 40)
        LIMIT 1
    ), w.n + 1
    FROM words AS w
    WHERE w.word IS NOT NULL AND w.n < 50
)
SELECT w.word::text AS word, (
        SELECT count(*) FROM (
            SELECT FROM public.music_generations AS g
            WHERE g.task_type IS NOT NULL AND (lower(g.status COLLATE "C") = ANY ('{submitted,queued,processing,streaming,pending,created,new,waiting,in_progress,in-progress,"in progress",inprogress,running,generating,complete,completed,done,finished,success,succeeded,successful,failed,fail,failure,error,errored,cancelled,canceled,aborted,expired,timeout,timed_out,rejected,refunded,deleted,archived}'::text[])) IS NOT TRUE
                AND left(lower(coalesce(g.status, '') COLLATE "C"), 40) = w.word
            LIMIT 1000
        ) AS some_rows
    )::bigint AS found
FROM words AS w
WHERE w.word IS NOT NULL AND w.word <> ALL (@ended_words::text[])
ORDER BY w.word
LIMIT 50;

-- name: GenerationIgnoredStats :one
-- Numbers of pending V2 rows that are not followed, or not yet.
SELECT count(*) FILTER (WHERE task_type <> ALL (@task_types::text[])) AS unknown_type,
    count(*) FILTER (WHERE lower(btrim(coalesce(provider, '')) COLLATE "C") <> ALL (@providers::text[])) AS unknown_provider,
    count(*) FILTER (WHERE coalesce(task_id, '') = '') AS no_task_id
FROM public.music_generations
WHERE task_type IS NOT NULL
    AND lower(status COLLATE "C") = ANY ('{submitted,queued,processing,streaming,pending,created,new,waiting,in_progress,in-progress,"in progress",inprogress,running,generating}'::text[]);

-- name: GenerationColumnDefault :one
-- The default of column status, as SQL.
SELECT coalesce(pg_get_expr(d.adbin, d.adrelid), (SELECT t.typdefault FROM pg_catalog.pg_type AS t WHERE t.oid = a.atttypid), '')::text AS default_sql
FROM pg_catalog.pg_attribute AS a
LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = to_regclass('public.music_generations') AND a.attname = 'status' AND NOT a.attisdropped;

-- name: GenerationListWaiting :many
-- V2 rows that have not ended, the oldest first, with what is known of why: the job
-- that follows each, and what is remembered of it. Rows whose status is a word that
-- nobody understands follow the pending ones. With @ignored, only rows that no daemon
-- with these types and providers follows; with @overdue, rows that may be past the
-- time-out, and those whose results the database rejects. Column now is the database's
-- clock, which is the one that counts. With @grace, only rows that were asked for past
-- their deadline, without an answer.
WITH waiting AS (
    (SELECT g.id, g.task_id, g.task_type, g.provider, g.status, (CASE WHEN isfinite(g.created_at) THEN g.created_at WHEN isfinite(g.updated_at) THEN g.updated_at ELSE 'epoch' END)::timestamptz AS created_at, 1 AS part
    FROM public.music_generations AS g
    WHERE g.task_type IS NOT NULL AND lower(g.status COLLATE "C") = ANY ('{submitted,queued,processing,streaming,pending,created,new,waiting,in_progress,in-progress,"in progress",inprogress,running,generating}'::text[])
        AND (NOT @ignored::boolean OR g.task_type <> ALL (@task_types::text[]) OR coalesce(g.task_id, '') = ''
            OR lower(btrim(coalesce(g.provider, '')) COLLATE "C") <> ALL (@providers::text[]))
        AND (NOT @overdue::boolean OR g.created_at < now() - make_interval(secs => @timeout_seconds::double precision) OR isfinite(g.created_at) IS NOT TRUE
            OR EXISTS (SELECT FROM tasksync.generation_memory AS r WHERE r.generation_id = g.id AND r.refused IS NOT NULL))
        AND (NOT @grace::boolean OR EXISTS (SELECT FROM tasksync.generation_memory AS a WHERE a.generation_id = g.id AND a.asked_at IS NOT NULL))
    ORDER BY g.created_at, g.id
    LIMIT @max_rows)
    UNION ALL
    (SELECT g.id, g.task_id, g.task_type, g.provider, g.status, (CASE WHEN isfinite(g.created_at) THEN g.created_at WHEN isfinite(g.updated_at) THEN g.updated_at ELSE 'epoch' END)::timestamptz AS created_at, 2 AS part
    FROM public.music_generations AS g
    WHERE g.task_type IS NOT NULL AND (lower(g.status COLLATE "C") = ANY ('{submitted,queued,processing,streaming,pending,created,new,waiting,in_progress,in-progress,"in progress",inprogress,running,generating,complete,completed,done,finished,success,succeeded,successful,failed,fail,failure,error,errored,cancelled,canceled,aborted,expired,timeout,timed_out,rejected,refunded,deleted,archived}'::text[])) IS NOT TRUE
        AND left(lower(coalesce(g.status, '') COLLATE "C"), 40) <> ALL (@ended_words::text[])
        AND NOT @overdue::boolean AND NOT @grace::boolean
    LIMIT @max_rows)
)
SELECT w.id, coalesce(w.task_id, '')::text AS task_id, coalesce(w.task_type, '')::text AS task_type, coalesce(w.provider, '')::text AS provider,
    left(coalesce(w.status, ''), 40)::text AS status, w.created_at, coalesce(j.state::text, '')::text AS job_state,
    coalesce(j.scheduled_at, '0001-01-01 00:00:00Z')::timestamptz AS scheduled_at,
    coalesce(m.reason, '')::text AS reason, coalesce(m.refused, '')::text AS refused,
    coalesce(m.began_at, '0001-01-01 00:00:00Z')::timestamptz AS began_at, now()::timestamptz AS now
FROM waiting AS w
LEFT JOIN tasksync.generation_memory AS m ON m.generation_id = w.id
LEFT JOIN LATERAL (
    SELECT r.state, r.scheduled_at
    FROM tasksync.river_job AS r
    WHERE r.kind = 'sync' AND r.args @> jsonb_build_object('ids', jsonb_build_array(w.id::text))
        AND r.state IN ('available', 'scheduled', 'retryable', 'pending', 'running')
    ORDER BY r.scheduled_at
    LIMIT 1
) AS j ON true
ORDER BY w.part, w.created_at, w.id
LIMIT @max_rows;

-- name: GenerationListRecent :many
-- V2 rows, those that ended or changed last first, by the words for a status and by the
-- code; empty: any. It reads the table: a person has asked.
SELECT g.id, coalesce(g.user_id::text, '')::text AS user_id, coalesce(g.task_id, '')::text AS task_id, coalesce(g.task_type, '')::text AS task_type,
    coalesce(g.provider, '')::text AS provider, left(coalesce(g.status, ''), 40)::text AS status,
    coalesce(g.error_code, '')::text AS error_code, coalesce(g.error_message, '')::text AS error_message,
    (CASE WHEN isfinite(g.created_at) THEN g.created_at ELSE '0001-01-01 00:00:00Z' END)::timestamptz AS created_at,
    (CASE WHEN isfinite(g.completed_at) THEN g.completed_at ELSE '0001-01-01 00:00:00Z' END)::timestamptz AS completed_at
FROM public.music_generations AS g
WHERE g.task_type IS NOT NULL
    AND (coalesce(cardinality(@words::text[]), 0) = 0 OR lower(g.status COLLATE "C") = ANY (@words::text[]))
    AND (@code::text = '' OR g.error_code = @code::text)
ORDER BY coalesce(g.completed_at, g.updated_at, g.created_at) DESC NULLS LAST, g.id
LIMIT @max_rows;

-- name: GenerationListRecentByUser :many
-- As GenerationListRecent, for one user: by index tasksync_user_rows_idx. The user has no
-- cast, so that the parameter has the type of the column.
SELECT g.id, coalesce(g.user_id::text, '')::text AS user_id, coalesce(g.task_id, '')::text AS task_id, coalesce(g.task_type, '')::text AS task_type,
    coalesce(g.provider, '')::text AS provider, left(coalesce(g.status, ''), 40)::text AS status,
    coalesce(g.error_code, '')::text AS error_code, coalesce(g.error_message, '')::text AS error_message,
    (CASE WHEN isfinite(g.created_at) THEN g.created_at ELSE '0001-01-01 00:00:00Z' END)::timestamptz AS created_at,
    (CASE WHEN isfinite(g.completed_at) THEN g.completed_at ELSE '0001-01-01 00:00:00Z' END)::timestamptz AS completed_at
FROM public.music_generations AS g
WHERE g.user_id = @user_id
    AND g.task_type IS NOT NULL
    AND (coalesce(cardinality(@words::text[]), 0) = 0 OR lower(g.status COLLATE "C") = ANY (@words::text[]))
    AND (@code::text = '' OR g.error_code = @code::text)
ORDER BY coalesce(g.completed_at, g.updated_at, g.created_at) DESC NULLS LAST, g.id
LIMIT @max_rows;
