-- name: LookModelLearn :one
-- Adds a lesson to what is known, number by number: known * keep + add. Products
-- too small for the type would be an error, so what is that small is nothing, like
-- what no model has: NaN, infinity, null. An array of another length belongs to
-- another version, and is replaced.
INSERT INTO tasksync.look_models AS m (provider, task_type, numbers)
VALUES (@provider, @task_type, @add::real[])
ON CONFLICT (provider, task_type) DO UPDATE
SET updated_at = now(), numbers = CASE
    WHEN cardinality(m.numbers) = cardinality(EXCLUDED.numbers) THEN (
        SELECT array_agg(u.add + CASE WHEN abs(u.known) BETWEEN 1e-9 AND 1e6 AND u.keep >= 1e-9 THEN u.known * u.keep ELSE 0 END ORDER BY u.n)
        FROM (
            SELECT generate_subscripts(m.numbers, 1) AS n, unnest(m.numbers) AS known, unnest(@keep::real[]) AS keep,
                unnest(EXCLUDED.numbers) AS add
        ) AS u
    )
    ELSE EXCLUDED.numbers
END
RETURNING numbers;

-- name: LookModelListSince :many
-- The models that have changed since a time of the database's clock, which is the
-- same as that of their updates.
SELECT provider, task_type, numbers, updated_at
FROM tasksync.look_models
WHERE updated_at > @since::timestamptz AND array_position(numbers, NULL) IS NULL
ORDER BY updated_at, provider, task_type
LIMIT @max_rows;
