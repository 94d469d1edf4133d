-- The year 1, Go's zero time, stands for NULL.

-- name: MemoryListByGenerations :many
SELECT generation_id,
    coalesce(began_at, '0001-01-01 00:00:00Z')::timestamptz AS began_at, doubts,
    coalesce(doubted_at, '0001-01-01 00:00:00Z')::timestamptz AS doubted_at,
    coalesce(done_at, '0001-01-01 00:00:00Z')::timestamptz AS done_at,
    coalesce(asked_at, '0001-01-01 00:00:00Z')::timestamptz AS asked_at,
    coalesce(held_at, '0001-01-01 00:00:00Z')::timestamptz AS held_at, held_ms,
    coalesce(reason, '')::text AS reason,
    coalesce(failing_at, '0001-01-01 00:00:00Z')::timestamptz AS failing_at,
    coalesce(refused, '')::text AS refused,
    coalesce(refused_at, '0001-01-01 00:00:00Z')::timestamptz AS refused_at,
    coalesce(ended_at, '0001-01-01 00:00:00Z')::timestamptz AS ended_at,
    coalesce(late_at, '0001-01-01 00:00:00Z')::timestamptz AS late_at, late_looks,
    coalesce(written, '')::text AS written
FROM tasksync.generation_memory
WHERE generation_id = ANY (@generation_ids::uuid[])
ORDER BY generation_id;

-- name: MemoryUpsertMany :exec
INSERT INTO tasksync.generation_memory (
    generation_id, began_at, doubts, doubted_at, done_at, asked_at, held_at, held_ms, reason, failing_at, refused, refused_at,
    ended_at, late_at, late_looks, written
)
SELECT u.generation_id, nullif(u.began_at, '0001-01-01 00:00:00Z'), u.doubts, nullif(u.doubted_at, '0001-01-01 00:00:00Z'),
    nullif(u.done_at, '0001-01-01 00:00:00Z'), nullif(u.asked_at, '0001-01-01 00:00:00Z'),
    nullif(u.held_at, '0001-01-01 00:00:00Z'), u.held_ms, nullif(u.reason, ''), nullif(u.failing_at, '0001-01-01 00:00:00Z'),
    nullif(u.refused, ''), nullif(u.refused_at, '0001-01-01 00:00:00Z'), nullif(u.ended_at, '0001-01-01 00:00:00Z'),
    nullif(u.late_at, '0001-01-01 00:00:00Z'), u.late_looks, nullif(u.written, '')
FROM (
    SELECT unnest(@generation_ids::uuid[]) AS generation_id, unnest(@began_ats::timestamptz[]) AS began_at,
        unnest(@doubts::integer[]) AS doubts, unnest(@doubted_ats::timestamptz[]) AS doubted_at,
        unnest(@done_ats::timestamptz[]) AS done_at, unnest(@asked_ats::timestamptz[]) AS asked_at,
        unnest(@held_ats::timestamptz[]) AS held_at, unnest(@held_ms::bigint[]) AS held_ms,
        unnest(@reasons::text[]) AS reason, unnest(@failing_ats::timestamptz[]) AS failing_at,
        unnest(@refusals::text[]) AS refused, unnest(@refused_ats::timestamptz[]) AS refused_at,
        unnest(@ended_ats::timestamptz[]) AS ended_at, unnest(@late_ats::timestamptz[]) AS late_at,
        unnest(@late_looks::integer[]) AS late_looks, unnest(@writtens::text[]) AS written
) AS u
ON CONFLICT (generation_id) DO UPDATE
SET began_at = EXCLUDED.began_at, doubts = EXCLUDED.doubts, doubted_at = EXCLUDED.doubted_at, done_at = EXCLUDED.done_at,
    asked_at = EXCLUDED.asked_at, held_at = EXCLUDED.held_at, held_ms = EXCLUDED.held_ms, reason = EXCLUDED.reason,
    failing_at = EXCLUDED.failing_at, refused = EXCLUDED.refused, refused_at = EXCLUDED.refused_at,
    ended_at = EXCLUDED.ended_at, late_at = EXCLUDED.late_at, late_looks = EXCLUDED.late_looks, written = EXCLUDED.written,
    updated_at = now();

-- name: MemoryDeleteMany :exec
DELETE FROM tasksync.generation_memory WHERE generation_id = ANY (@generation_ids::uuid[]);

-- name: MemoryClaimLate :many
-- Ended rows whose late look is due; the row that ended last comes first. The
-- claim postpones the next look for as long as this one may take, so that no
-- other daemon makes it too.
WITH due AS (
    SELECT m.generation_id
    FROM tasksync.generation_memory AS m
    JOIN public.music_generations AS g ON g.id = m.generation_id
    WHERE m.late_at <= @before::timestamptz
        AND g.task_type = ANY (@task_types::text[])
        AND lower(btrim(coalesce(g.provider, '')) COLLATE "C") = ANY (@providers::text[])
    ORDER BY m.ended_at DESC, m.generation_id
    LIMIT @max_rows
    FOR UPDATE OF m SKIP LOCKED
)
UPDATE tasksync.generation_memory AS m
SET late_at = @until::timestamptz
FROM due
WHERE m.generation_id = due.generation_id
RETURNING m.generation_id;

-- name: MemoryDeleteStale :execrows
-- Deletes memories of rows that are gone, or that have ended and have no late
-- look to come.
DELETE FROM tasksync.generation_memory
WHERE generation_id IN (
    SELECT m.generation_id
    FROM tasksync.generation_memory AS m
    LEFT JOIN public.music_generations AS g ON g.id = m.generation_id
    WHERE m.updated_at < @before::timestamptz
        AND (g.id IS NULL OR (m.late_at IS NULL AND (lower(g.status COLLATE "C") = ANY ('{submitted,queued,processing,streaming,pending,created,new,waiting,in_progress,in-progress,"in progress",inprogress,running,generating}'::text[])) IS NOT TRUE))
    ORDER BY m.generation_id
    LIMIT @max_rows
);

-- name: MemoryOverdueStats :many
-- Pending rows past their deadline by the reason why they have not ended:
-- commit_refused if the database rejects their results, backlog if no look has
-- been sent since the deadline. A row that waits for its task is not late.
SELECT (CASE
        WHEN m.refused IS NOT NULL THEN 'commit_refused'
        WHEN m.asked_at IS NULL THEN 'backlog'
        ELSE coalesce(m.reason, 'unconfirmed')
    END)::text AS reason, count(*) AS overdue
FROM public.music_generations AS g
LEFT JOIN tasksync.generation_memory AS m ON m.generation_id = g.id
WHERE g.task_type = ANY (@task_types::text[])
    AND lower(btrim(coalesce(g.provider, '')) COLLATE "C") = ANY (@providers::text[])
    AND lower(g.status COLLATE "C") = ANY ('{submitted,queued,processing,streaming,pending,created,new,waiting,in_progress,in-progress,"in progress",inprogress,running,generating}'::text[])
    AND m.reason IS DISTINCT FROM 'no_task_id'
    AND (coalesce(g.task_id, '') <> '' OR lower(g.status COLLATE "C") IN ('submitted', 'queued', 'processing', 'streaming'))
    AND (coalesce(m.began_at, CASE WHEN isfinite(g.created_at) THEN g.created_at WHEN isfinite(g.updated_at) THEN g.updated_at ELSE 'epoch' END) < @before::timestamptz OR m.refused IS NOT NULL)
GROUP BY 1
ORDER BY 1;

-- name: MemoryRefusedList :many
-- What in the database rejects results, with the number of rows that wait for
-- its repair. Rows with the same cause may have different texts, from the first
-- colon on; one of them is shown.
SELECT min(m.refused)::text AS refused, count(*) AS waiting
FROM tasksync.generation_memory AS m
JOIN public.music_generations AS g ON g.id = m.generation_id
WHERE m.refused IS NOT NULL
    AND lower(g.status COLLATE "C") = ANY ('{submitted,queued,processing,streaming,pending,created,new,waiting,in_progress,in-progress,"in progress",inprogress,running,generating}'::text[])
GROUP BY split_part(m.refused, ': ', 1)
ORDER BY waiting DESC, refused
LIMIT 20;

-- name: LateResultInsertMany :exec
INSERT INTO tasksync.late_results (generation_id, user_id, task_id, upstream_status, clips)
SELECT u.generation_id, nullif(u.user_id, ''), u.task_id, nullif(u.upstream_status, ''), u.clips
FROM (
    SELECT unnest(@generation_ids::uuid[]) AS generation_id, unnest(@user_ids::text[]) AS user_id,
        unnest(@task_ids::text[]) AS task_id, unnest(@upstream_statuses::text[]) AS upstream_status,
        unnest(@clips::jsonb[]) AS clips
) AS u
ON CONFLICT (generation_id) DO UPDATE
SET task_id = EXCLUDED.task_id, upstream_status = EXCLUDED.upstream_status, clips = EXCLUDED.clips, created_at = now();

-- name: LateResultCount :one
-- Late results whose rows are still failed, in one of the words for it.
SELECT count(*)
FROM tasksync.late_results AS l
JOIN public.music_generations AS g ON g.id = l.generation_id
WHERE lower(g.status COLLATE "C") = ANY (@failed_words::text[]);
