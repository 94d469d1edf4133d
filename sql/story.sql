-- The queries of `tasksync explain` and of the console: one row, whatever it costs. An
-- application's table has no index on task_id or clip_id for rows that have ended, so
-- that a row of theirs may take a read of the table.

-- name: StoryFindByIds :many
-- The rows that a UUID names, as their own id or as the id of one of their clips.
SELECT g.id FROM public.music_generations AS g WHERE g.id = @id::uuid
UNION
SELECT c.generation_id FROM public.music_clips AS c WHERE c.id = @id::uuid
ORDER BY 1
LIMIT 20;

-- name: StoryFindPendingByTask :many
SELECT id
FROM public.music_generations
WHERE task_id = @task_id::text
    AND task_type IS NOT NULL
    AND lower(status COLLATE "C") = ANY ('{submitted,queued,processing,streaming,pending,created,new,waiting,in_progress,in-progress,"in progress",inprogress,running,generating}'::text[])
ORDER BY created_at DESC NULLS LAST, id
LIMIT 20;

-- name: StoryFindByTask :many
SELECT id FROM public.music_generations WHERE task_id = @task_id::text ORDER BY created_at DESC NULLS LAST, id LIMIT 20;

-- name: StoryFindByClip :many
SELECT DISTINCT generation_id FROM public.music_clips WHERE clip_id = @clip_id::text ORDER BY 1 LIMIT 20;

-- name: StoryJobList :many
-- The live jobs that follow a row, the first to run first, and when each of them plans
-- to look at this row, in milliseconds since 1970; 0: at its next run.
SELECT j.id, j.state::text AS state, j.queue, j.attempt, j.scheduled_at, j.created_at,
    coalesce(jsonb_array_length(CASE WHEN jsonb_typeof(j.args -> 'ids') = 'array' THEN j.args -> 'ids' END), 0)::integer AS members,
    coalesce(j.attempted_by[array_upper(j.attempted_by, 1)], '')::text AS worker,
    (CASE WHEN jsonb_typeof(j.metadata #> ARRAY['output', 'due', p.place]) = 'number' THEN (j.metadata #>> ARRAY['output', 'due', p.place])::numeric ELSE 0 END)::bigint AS due_ms,
    left(coalesce(j.errors[array_upper(j.errors, 1)] ->> 'error', ''), 300)::text AS last_error
FROM tasksync.river_job AS j
CROSS JOIN LATERAL (
    SELECT (e.place - 1)::text AS place
    FROM jsonb_array_elements_text(CASE WHEN jsonb_typeof(j.args -> 'ids') = 'array' THEN j.args -> 'ids' ELSE '[]' END) WITH ORDINALITY AS e (id, place)
    WHERE lower(e.id) = @id::text
    LIMIT 1
) AS p
WHERE j.kind = 'sync' AND j.args @> jsonb_build_object('ids', jsonb_build_array(@id::text))
    AND j.state IN ('available', 'scheduled', 'retryable', 'pending', 'running')
ORDER BY j.scheduled_at, j.id
LIMIT 5;

-- name: StoryLateResultGet :many
-- The late result that is kept beside a row, if there is one.
SELECT created_at, coalesce(upstream_status, '')::text AS upstream_status, jsonb_array_length(clips)::integer AS clips
FROM tasksync.late_results
WHERE generation_id = @generation_id::uuid;
