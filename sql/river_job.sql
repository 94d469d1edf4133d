-- name: JobListRedundant :many
-- Waiting sync jobs of which an older live job follows every id too. They do no
-- harm to the rows, but they cost calls.
WITH follows AS (
    SELECT j.id AS job_id, j.state,
        jsonb_array_elements_text(CASE WHEN jsonb_typeof(j.args -> 'ids') = 'array' THEN j.args -> 'ids' ELSE '[]' END) AS generation_id
    FROM tasksync.river_job AS j
    WHERE j.kind = 'sync'
        AND (j.state IN ('available', 'scheduled', 'retryable', 'pending')
            OR (j.state = 'running' AND j.attempted_at > @running_since::timestamptz))
), first AS (
    SELECT f.generation_id, min(f.job_id) AS job_id
    FROM follows AS f
    GROUP BY f.generation_id
)
SELECT f.job_id
FROM follows AS f
JOIN first USING (generation_id)
WHERE f.state <> 'running'
GROUP BY f.job_id
HAVING bool_and(first.job_id < f.job_id)
ORDER BY f.job_id
LIMIT @max_rows;
