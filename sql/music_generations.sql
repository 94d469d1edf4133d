-- The pending statuses stand literally in each query, so that the planner can
-- use the partial index idx_music_generations_v2_pending; task.Status is where
-- they are defined.

-- name: GenerationList :many
SELECT id, coalesce(user_id::text, '')::text AS user_id, coalesce(task_id, '')::text AS task_id,
    coalesce(task_type, '')::text AS task_type, coalesce(provider, '')::text AS provider, status, created_at
FROM public.music_generations
WHERE id = ANY (@ids::uuid[])
ORDER BY id;

-- name: GenerationLockPending :many
-- Locks in id order, so that two cohorts that share members cannot deadlock.
SELECT id, coalesce(user_id::text, '')::text AS user_id, coalesce(task_id, '')::text AS task_id,
    coalesce(task_type, '')::text AS task_type, coalesce(provider, '')::text AS provider, status, created_at
FROM public.music_generations
WHERE id = ANY (@ids::uuid[])
    AND task_type IS NOT NULL
    AND status IN ('submitted', 'queued', 'processing', 'streaming')
ORDER BY id
FOR NO KEY UPDATE;

-- name: GenerationUpdateMany :exec
UPDATE public.music_generations AS g
SET status = u.status,
    error_code = coalesce(nullif(u.error_code, ''), g.error_code),
    error_message = coalesce(nullif(u.error_message, ''), g.error_message),
    updated_at = now(),
    completed_at = CASE WHEN u.status IN ('complete', 'failed') THEN now() ELSE g.completed_at END
FROM (
    SELECT unnest(@ids::uuid[]) AS id, unnest(@statuses::text[]) AS status,
        unnest(@error_codes::text[]) AS error_code, unnest(@error_messages::text[]) AS error_message
) AS u
WHERE g.id = u.id;

-- name: GenerationListUnfollowed :many
-- Pending V2 rows that no live job follows. A job that has been running for
-- longer than any job may is its dead daemon's. Rows created after @before are
-- left to the feed; a created_at in the future is a clock that is wrong.
WITH followed AS (
    SELECT jsonb_array_elements_text(CASE WHEN jsonb_typeof(j.args -> 'ids') = 'array' THEN j.args -> 'ids' ELSE '[]' END) AS id
    FROM tasksync.river_job AS j
    WHERE j.kind = 'sync'
        AND (j.state IN ('available', 'scheduled', 'retryable', 'pending')
            OR (j.state = 'running' AND j.attempted_at > @running_since::timestamptz))
)
SELECT g.id, coalesce(g.task_type, '')::text AS task_type, coalesce(g.provider, '')::text AS provider
FROM public.music_generations AS g
WHERE g.task_type = ANY (@task_types::text[])
    AND coalesce(g.provider, '') = ANY (@providers::text[])
    AND g.status IN ('submitted', 'queued', 'processing', 'streaming')
    AND (g.created_at < @before::timestamptz OR g.created_at > now())
    AND NOT EXISTS (SELECT FROM followed AS f WHERE f.id = g.id::text)
ORDER BY g.created_at, g.id
LIMIT @max_rows;

-- name: GenerationListOverdue :many
SELECT id
FROM public.music_generations
WHERE task_type = ANY (@task_types::text[])
    AND coalesce(provider, '') = ANY (@providers::text[])
    AND status IN ('submitted', 'queued', 'processing', 'streaming')
    AND created_at < @before::timestamptz
ORDER BY created_at, id
LIMIT @max_rows;

-- name: GenerationPendingStats :many
SELECT coalesce(task_type, '')::text AS task_type, count(*) AS pending,
    extract(epoch FROM now() - min(created_at))::double precision AS oldest_seconds
FROM public.music_generations
WHERE task_type IS NOT NULL
    AND status IN ('submitted', 'queued', 'processing', 'streaming')
GROUP BY task_type
ORDER BY task_type;
