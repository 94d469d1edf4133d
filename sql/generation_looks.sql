-- The year 1, Go's zero time, stands for NULL.

-- name: LooksUpsertMany :exec
-- Adds to what is kept of rows: the last 40 looks, the last answer.
INSERT INTO tasksync.generation_looks AS l (generation_id, heard_at, heard_by, looks, answered_at, answer_code, answer)
SELECT u.generation_id, nullif(u.heard_at, '0001-01-01 00:00:00Z'), nullif(u.heard_by, ''), u.looks::jsonb,
    nullif(u.answered_at, '0001-01-01 00:00:00Z'), nullif(u.answer_code, 0), u.answer
FROM (
    SELECT unnest(@generation_ids::uuid[]) AS generation_id, unnest(@heard_ats::timestamptz[]) AS heard_at, unnest(@heard_bys::text[]) AS heard_by,
        unnest(@looks::text[]) AS looks, unnest(@answered_ats::timestamptz[]) AS answered_at, unnest(@answer_codes::integer[]) AS answer_code,
        unnest(@answers::bytea[]) AS answer
) AS u
ORDER BY u.generation_id
ON CONFLICT (generation_id) DO UPDATE
SET heard_at = coalesce(l.heard_at, EXCLUDED.heard_at), heard_by = coalesce(l.heard_by, EXCLUDED.heard_by),
    looks = jsonb_path_query_array(l.looks || EXCLUDED.looks, '$[last - 39 to last]'),
    answered_at = CASE WHEN EXCLUDED.answer IS NULL THEN l.answered_at ELSE EXCLUDED.answered_at END,
    answer_code = CASE WHEN EXCLUDED.answer IS NULL THEN l.answer_code ELSE EXCLUDED.answer_code END,
    answer = coalesce(EXCLUDED.answer, l.answer), updated_at = now();

-- name: LooksGet :many
-- What is kept of a row, if anything is.
SELECT coalesce(heard_at, '0001-01-01 00:00:00Z')::timestamptz AS heard_at, coalesce(heard_by, '')::text AS heard_by, looks,
    coalesce(answered_at, '0001-01-01 00:00:00Z')::timestamptz AS answered_at, coalesce(answer_code, 0)::integer AS answer_code, answer
FROM tasksync.generation_looks
WHERE generation_id = @generation_id::uuid;

-- name: LooksDeleteOlderThan :execrows
DELETE FROM tasksync.generation_looks
WHERE generation_id IN (
    SELECT o.generation_id
    FROM tasksync.generation_looks AS o
    WHERE o.updated_at < now() - make_interval(secs => @keep_seconds::double precision)
    LIMIT @max_rows
);
