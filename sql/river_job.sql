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

-- name: JobGiveBack :execrows
-- Makes jobs available that were being worked by daemons without a lease. What a job
-- remembers, and its attempts, are as before. If its daemon lives after all, rows are
-- looked at twice, and notifications sent twice. The periodic jobs come again anyway.
UPDATE tasksync.river_job AS j
SET state = 'available', attempt = greatest(j.attempt - 1, 0), scheduled_at = now()
WHERE j.kind NOT IN ('sweep', 'expire') AND j.state = 'running'
    AND j.attempted_at < clock_timestamp() - make_interval(secs => @seconds::double precision)
    AND NOT EXISTS (
        SELECT FROM tasksync.feed_lease AS l
        WHERE l.name = 'jobs ' || j.attempted_by[array_upper(j.attempted_by, 1)] AND l.expires_at > clock_timestamp()
    )
    AND j.attempted_by[array_upper(j.attempted_by, 1)] <> @worker::text;
