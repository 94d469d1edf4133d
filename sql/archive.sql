-- The year 1, Go's zero time, stands for NULL.

-- name: ArchiveEnqueueMany :many
-- Plans the files of complete clips of these rows, and returns what was not planned yet. Own
-- URLs are no sources. leave_theirs: nor are those that the application wrote over a source. A file that is planned already, or under way, stays as it is; one
-- whose column has a source again, because a row was reopened, is due again. What is known
-- of a stored copy stays while the source does.
INSERT INTO tasksync.archived_files AS f (generation_id, clip_id, kind, source_url, ended_at)
SELECT DISTINCT ON (c.generation_id, c.clip_id, v.kind) c.generation_id, c.clip_id, v.kind, v.url,
    CASE WHEN isfinite(g.completed_at) THEN g.completed_at WHEN isfinite(g.created_at) THEN g.created_at ELSE now() END
FROM public.music_generations AS g
JOIN public.music_clips AS c ON c.generation_id = g.id
CROSS JOIN LATERAL (VALUES ('audio', c.audio_url), ('image', c.image_url), ('video', c.video_url)) AS v (kind, url)
WHERE g.id = ANY (@generation_ids::uuid[])
    AND c.clip_id <> ''
    AND lower(c.status COLLATE "C") = ANY (@complete_words::text[])
    AND v.kind = ANY (@kinds::text[])
    AND v.url ~* '^https?://'
    AND NOT starts_with(v.url, @own_prefix::text)
    AND (cardinality(@hosts::text[]) = 0 OR lower(substring(v.url FROM '^[a-zA-Z]+://([^/?#:]+)')) = ANY (@hosts::text[]))
ORDER BY c.generation_id, c.clip_id, v.kind, c.id
ON CONFLICT (generation_id, clip_id, kind) DO UPDATE
SET source_url = EXCLUDED.source_url, state = 'pending', attempts = 0, error = NULL, due_at = now(), alarm_at = NULL,
    fetch_url = NULL, recovered_at = NULL, created_at = now(), claim = NULL, claimed_job = NULL, claimed_until = NULL, ended_at = EXCLUDED.ended_at, updated_at = now(),
    bytes = CASE WHEN f.source_url = EXCLUDED.source_url THEN f.bytes END
WHERE (f.state <> 'pending' OR f.source_url <> EXCLUDED.source_url)
    AND NOT (@leave_theirs::boolean AND f.state = 'superseded' AND f.error IS NULL AND f.source_url <> EXCLUDED.source_url)
RETURNING generation_id;

-- name: ArchiveCandidateList :many
-- Complete rows after a known row, in id order, that have ended since then.
SELECT g.id
FROM public.music_generations AS g
WHERE g.id > @after_id::uuid
    AND g.task_type IS NOT NULL
    AND lower(g.status COLLATE "C") = ANY (@complete_words::text[])
    AND coalesce(g.completed_at, g.updated_at, g.created_at) >= @since::timestamptz
ORDER BY g.id
LIMIT @max_rows;

-- name: ArchiveCandidateCount :one
SELECT count(*)
FROM public.music_generations AS g
WHERE g.task_type IS NOT NULL
    AND lower(g.status COLLATE "C") = ANY (@complete_words::text[])
    AND coalesce(g.completed_at, g.updated_at, g.created_at) >= @since::timestamptz;

-- name: ArchiveCandidateStats :many
-- The files that a backfill would copy, by kind and by the host that has them.
SELECT v.kind::text AS kind, coalesce(lower(substring(v.url FROM '^[a-zA-Z]+://([^/?#:]+)')), '')::text AS host, count(*) AS files
FROM public.music_generations AS g
JOIN public.music_clips AS c ON c.generation_id = g.id
CROSS JOIN LATERAL (VALUES ('audio', c.audio_url), ('image', c.image_url), ('video', c.video_url)) AS v (kind, url)
WHERE g.task_type IS NOT NULL
    AND lower(g.status COLLATE "C") = ANY (@complete_words::text[])
    AND coalesce(g.completed_at, g.updated_at, g.created_at) >= @since::timestamptz
    AND c.clip_id <> ''
    AND lower(c.status COLLATE "C") = ANY (@complete_words::text[])
    AND v.kind = ANY (@kinds::text[])
    AND v.url ~* '^https?://'
    AND NOT starts_with(v.url, @own_prefix::text)
    AND (cardinality(@hosts::text[]) = 0 OR lower(substring(v.url FROM '^[a-zA-Z]+://([^/?#:]+)')) = ANY (@hosts::text[]))
GROUP BY 1, 2
ORDER BY files DESC, kind, host
LIMIT 50;

-- name: ArchiveClaim :many
-- Claims the files of a row that are due. A job claims again what it claimed before the
-- daemon that worked it died.
WITH due AS (
    SELECT d.clip_id, d.kind
    FROM tasksync.archived_files AS d
    WHERE d.generation_id = @generation_id::uuid
        AND d.state = 'pending' AND d.due_at <= now()
        AND (d.claimed_until IS NULL OR d.claimed_until < now() OR d.claimed_job = nullif(@job::bigint, 0))
    ORDER BY d.clip_id, d.kind
    FOR UPDATE SKIP LOCKED
)
UPDATE tasksync.archived_files AS f
SET claim = @claim::text, claimed_job = nullif(@job::bigint, 0), claimed_until = now() + make_interval(secs => @seconds::double precision),
    attempts = f.attempts + 1, updated_at = now()
FROM due
WHERE f.generation_id = @generation_id::uuid AND f.clip_id = due.clip_id AND f.kind = due.kind
RETURNING f.clip_id, f.kind, f.source_url, coalesce(f.fetch_url, '')::text AS fetch_url,
    coalesce(f.recovered_at, '0001-01-01 00:00:00Z')::timestamptz AS recovered_at, coalesce(f.key, '')::text AS key, coalesce(f.url, '')::text AS url,
    coalesce(f.bytes, 0)::bigint AS bytes, coalesce(f.sha256, '')::text AS sha256, f.attempts, f.ended_at, f.created_at,
    coalesce(f.upload_id, '')::text AS upload_id;

-- name: ArchiveUploadSet :execrows
-- Notes, before the first part is sent, which multipart upload is under way; '': none.
UPDATE tasksync.archived_files
SET key = @key::text, upload_id = nullif(@upload_id::text, ''), updated_at = now()
WHERE generation_id = @generation_id::uuid AND clip_id = @clip_id::text AND kind = @kind::text AND claim = @claim::text;

-- name: ArchiveStoredSet :execrows
UPDATE tasksync.archived_files
SET key = @key::text, url = @url::text, bytes = @bytes::bigint, sha256 = @sha256::text, content_type = @content_type::text,
    upload_id = NULL, error = NULL, updated_at = now()
WHERE generation_id = @generation_id::uuid AND clip_id = @clip_id::text AND kind = @kind::text AND claim = @claim::text;

-- name: ArchiveFinishMany :exec
-- Gives files their last state, or plans their next attempt.
UPDATE tasksync.archived_files AS f
SET state = u.state, url = coalesce(nullif(u.url, ''), f.url), error = nullif(u.error, ''), due_at = u.due_at, alarm_at = nullif(u.alarm_at, '0001-01-01 00:00:00Z'),
    claim = NULL, claimed_job = NULL, claimed_until = NULL, updated_at = now()
FROM (
    SELECT unnest(@clip_ids::text[]) AS clip_id, unnest(@kinds::text[]) AS kind, unnest(@states::text[]) AS state,
        unnest(@urls::text[]) AS url, unnest(@errors::text[]) AS error, unnest(@due_ats::timestamptz[]) AS due_at, unnest(@alarm_ats::timestamptz[]) AS alarm_at
) AS u
WHERE f.generation_id = @generation_id::uuid AND f.clip_id = u.clip_id AND f.kind = u.kind AND f.claim = @claim::text;

-- name: ArchiveRelease :exec
-- Gives back what a run has claimed and not finished, as if it had not begun.
UPDATE tasksync.archived_files
SET claim = NULL, claimed_job = NULL, claimed_until = NULL, attempts = greatest(attempts - 1, 0), updated_at = now()
WHERE generation_id = @generation_id::uuid AND claim = @claim::text;

-- name: ArchiveRecoverySet :exec
-- Notes that the provider was asked to make a row's files anew.
UPDATE tasksync.archived_files
SET recovered_at = now(), updated_at = now()
WHERE generation_id = @generation_id::uuid AND state = 'pending';

-- name: ArchiveFetchSet :exec
UPDATE tasksync.archived_files
SET fetch_url = @fetch_url::text, updated_at = now()
WHERE generation_id = @generation_id::uuid AND clip_id = @clip_id::text AND kind = @kind::text AND claim = @claim::text;

-- name: ArchiveNextDue :one
-- When a file of a row is due next; the year 1 if none is, or others work on them.
SELECT coalesce(min(f.due_at), '0001-01-01 00:00:00Z')::timestamptz AS due_at, now()::timestamptz AS now
FROM tasksync.archived_files AS f
WHERE f.generation_id = @generation_id::uuid AND f.state = 'pending'
    AND (f.claimed_until IS NULL OR f.claimed_until < now());

-- name: ArchiveListOverdue :many
-- Rows with files that nobody works on, although they have been due for a while.
SELECT f.generation_id
FROM tasksync.archived_files AS f
WHERE f.state = 'pending' AND f.due_at < now() - make_interval(secs => @seconds::double precision)
    AND (f.claimed_until IS NULL OR f.claimed_until < now())
GROUP BY f.generation_id
ORDER BY min(f.due_at)
LIMIT @max_rows;

-- name: ArchiveListPending :many
-- Those of these rows that have files to copy now.
SELECT DISTINCT f.generation_id
FROM tasksync.archived_files AS f
WHERE f.generation_id = ANY (@generation_ids::uuid[]) AND f.state = 'pending' AND f.due_at <= now()
    AND (f.claimed_until IS NULL OR f.claimed_until < now())
ORDER BY f.generation_id;

-- name: ArchiveClipUpdateMany :execrows
-- Puts own URLs into clips; '' leaves a column as it is.
UPDATE public.music_clips AS c
SET audio_url = coalesce(nullif(u.audio_url, ''), c.audio_url), video_url = coalesce(nullif(u.video_url, ''), c.video_url),
    image_url = coalesce(nullif(u.image_url, ''), c.image_url), updated_at = now()
FROM (
    SELECT unnest(@ids::uuid[]) AS id, unnest(@audio_urls::text[]) AS audio_url,
        unnest(@video_urls::text[]) AS video_url, unnest(@image_urls::text[]) AS image_url
) AS u
WHERE c.id = u.id;

-- name: ArchiveStats :one
SELECT count(*) FILTER (WHERE state = 'pending') AS pending,
    coalesce(extract(epoch FROM now() - min(created_at) FILTER (WHERE state = 'pending')), 0)::double precision AS oldest_seconds,
    count(*) FILTER (WHERE state = 'pending' AND alarm_at < now()) AS endangered
FROM tasksync.archived_files
WHERE state = 'pending';

-- name: ArchiveStateList :many
-- All files by state, kind and error.
SELECT state, kind, coalesce(error, '')::text AS error, count(*) AS files, coalesce(sum(bytes), 0)::bigint AS bytes,
    (count(*) FILTER (WHERE state = 'pending' AND alarm_at < now()))::bigint AS endangered
FROM tasksync.archived_files
GROUP BY 1, 2, 3
ORDER BY 1, 2, files DESC
LIMIT 100;

-- name: ArchiveLostStats :one
-- Files that were lost lately.
SELECT count(*) AS lost
FROM tasksync.archived_files
WHERE state = 'lost' AND updated_at > now() - interval '30 days';
