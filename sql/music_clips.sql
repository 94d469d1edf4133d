-- name: ClipLockByGenerations :exec
-- Keeps the application from changing the clips until the transaction ends.
-- Locks in id order, like every query here that locks rows.
SELECT id FROM public.music_clips
WHERE generation_id = ANY (@generation_ids::uuid[])
ORDER BY id
FOR NO KEY UPDATE;

-- name: ClipListByGenerations :many
SELECT id, generation_id, clip_id, coalesce(status, '')::text AS status, coalesce(title, '')::text AS title,
    coalesce(audio_url, '')::text AS audio_url, coalesce(stream_audio_url, '')::text AS stream_audio_url,
    coalesce(video_url, '')::text AS video_url, coalesce(image_url, '')::text AS image_url,
    coalesce(lyrics, '')::text AS lyrics, coalesce(tags, '')::text AS tags,
    coalesce(model_name, '')::text AS model_name, coalesce(duration, 0)::double precision AS duration,
    (CASE WHEN isfinite(created_at) THEN created_at ELSE '0001-01-01 00:00:00Z' END)::timestamptz AS created_at
FROM public.music_clips
WHERE generation_id = ANY (@generation_ids::uuid[])
    AND clip_id <> ''
ORDER BY generation_id, created_at, length(clip_id), clip_id, id;

-- name: ClipInsertMany :execrows
-- Package internal/clips makes another statement with the same parameters where
-- the table needs more than this. A clip's created_at is a microsecond after that
-- of the clip before it, so that created_at orders them.
INSERT INTO public.music_clips (
    generation_id, clip_id, status, title, audio_url, stream_audio_url, video_url, image_url, lyrics, tags, model_name, duration, created_at
)
SELECT u.generation_id, u.clip_id, u.status, nullif(u.title, ''), nullif(u.audio_url, ''), nullif(u.stream_audio_url, ''),
    nullif(u.video_url, ''), nullif(u.image_url, ''), nullif(u.lyrics, ''), nullif(u.tags, ''), nullif(u.model_name, ''),
    nullif(u.duration, 0), now() - (cardinality(@generation_ids::uuid[]) - u.place) * interval '1 microsecond'
FROM (
    SELECT generate_subscripts(@generation_ids::uuid[], 1) AS place, unnest(@generation_ids::uuid[]) AS generation_id, unnest(@clip_ids::text[]) AS clip_id,
        unnest(@statuses::text[]) AS status, unnest(@titles::text[]) AS title, unnest(@audio_urls::text[]) AS audio_url,
        unnest(@stream_audio_urls::text[]) AS stream_audio_url, unnest(@video_urls::text[]) AS video_url,
        unnest(@image_urls::text[]) AS image_url, unnest(@lyrics::text[]) AS lyrics, unnest(@tags::text[]) AS tags,
        unnest(@model_names::text[]) AS model_name, unnest(@durations::double precision[]) AS duration
) AS u;

-- name: ClipUpdateMany :execrows
-- A column without a value keeps what it has: it may be NOT NULL.
UPDATE public.music_clips AS c
SET clip_id = u.clip_id, status = u.status, title = coalesce(nullif(u.title, ''), c.title),
    audio_url = coalesce(nullif(u.audio_url, ''), c.audio_url),
    stream_audio_url = coalesce(nullif(u.stream_audio_url, ''), c.stream_audio_url),
    video_url = coalesce(nullif(u.video_url, ''), c.video_url), image_url = coalesce(nullif(u.image_url, ''), c.image_url),
    lyrics = coalesce(nullif(u.lyrics, ''), c.lyrics), tags = coalesce(nullif(u.tags, ''), c.tags),
    model_name = coalesce(nullif(u.model_name, ''), c.model_name), duration = coalesce(nullif(u.duration, 0), c.duration),
    updated_at = now()
FROM (
    SELECT unnest(@ids::uuid[]) AS id, unnest(@clip_ids::text[]) AS clip_id,
        unnest(@statuses::text[]) AS status, unnest(@titles::text[]) AS title, unnest(@audio_urls::text[]) AS audio_url,
        unnest(@stream_audio_urls::text[]) AS stream_audio_url, unnest(@video_urls::text[]) AS video_url,
        unnest(@image_urls::text[]) AS image_url, unnest(@lyrics::text[]) AS lyrics, unnest(@tags::text[]) AS tags,
        unnest(@model_names::text[]) AS model_name, unnest(@durations::double precision[]) AS duration
) AS u
WHERE c.id = u.id;

-- name: ClipShiftMany :execrows
-- Moves the created_at of clips, by microseconds.
UPDATE public.music_clips AS c
SET created_at = c.created_at + u.shift * interval '1 microsecond'
FROM (SELECT unnest(@ids::uuid[]) AS id, unnest(@shifts::bigint[]) AS shift) AS u
WHERE c.id = u.id;

-- name: ClipReopenMany :exec
-- Reopens the failed clips of rows that are made pending again; the words are the
-- application's.
UPDATE public.music_clips AS c
SET status = @submitted::text, updated_at = now()
WHERE c.generation_id = ANY (@generation_ids::uuid[])
    AND lower(c.status COLLATE "C") = ANY (@failed_words::text[]);

-- name: ClipListViews :many
-- Whole clips, as the HTTP side shows them; times as in GenerationListViews.
SELECT id, generation_id, coalesce(clip_id, '')::text AS clip_id, coalesce(status, '')::text AS status, coalesce(title, '')::text AS title,
    coalesce(audio_url, '')::text AS audio_url, coalesce(stream_audio_url, '')::text AS stream_audio_url,
    coalesce(video_url, '')::text AS video_url, coalesce(image_url, '')::text AS image_url,
    coalesce(lyrics, '')::text AS lyrics, coalesce(tags, '')::text AS tags,
    coalesce(model_name, '')::text AS model_name, coalesce(duration, 0)::double precision AS duration,
    (CASE WHEN isfinite(created_at) THEN created_at ELSE '0001-01-01 00:00:00Z' END)::timestamptz AS created_at,
    (CASE WHEN isfinite(updated_at) THEN updated_at ELSE '0001-01-01 00:00:00Z' END)::timestamptz AS updated_at
FROM public.music_clips AS c
WHERE c.generation_id = ANY (@generation_ids::uuid[])
ORDER BY c.generation_id, c.created_at, length(c.clip_id), c.clip_id, c.id;

-- name: ClipColumnList :many
-- The columns of music_clips, for the statement that inserts clips. The type of a
-- domain is the type below it. shared: music_generations has a column of the same
-- name that may be read; its type is generation_base.
WITH RECURSIVE typed AS (
    SELECT a.attrelid, a.attnum, a.attname, a.atttypid AS base, a.atttypmod AS modifier, a.attnotnull AS required
    FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid IN (to_regclass('public.music_generations'), to_regclass('public.music_clips'))
        AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT c.attrelid, c.attnum, c.attname, d.typbasetype, CASE WHEN c.modifier = -1 THEN d.typtypmod ELSE c.modifier END,
        c.required OR d.typnotnull
    FROM typed AS c
    JOIN pg_catalog.pg_type AS d ON d.oid = c.base AND d.typtype = 'd'
), columns AS (
    SELECT c.attrelid, c.attnum, c.attname, c.base, c.modifier, c.required, t.typname
    FROM typed AS c
    JOIN pg_catalog.pg_type AS t ON t.oid = c.base AND t.typtype <> 'd'
)
SELECT a.attname::text AS name, format_type(a.atttypid, a.atttypmod)::text AS shown, c.typname::text AS base, c.modifier::integer AS modifier,
    c.required::boolean AS required,
    (a.attgenerated <> '' OR a.attidentity <> '')::boolean AS generated,
    coalesce(CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END, t.typdefault, '')::text AS default_value,
    has_column_privilege(a.attrelid, a.attnum, 'INSERT')::boolean AS may_insert,
    EXISTS (
        SELECT FROM pg_catalog.pg_index AS i
        WHERE i.indrelid = a.attrelid AND i.indisunique AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum
    )::boolean AS is_unique,
    (has_column_privilege(a.attrelid, a.attnum, 'SELECT') AND EXISTS (
        SELECT FROM pg_catalog.pg_index AS i
        JOIN pg_catalog.pg_attribute AS r ON r.attrelid = i.indrelid AND r.attnum = ANY (i.indkey) AND r.attname = 'generation_id'
        WHERE i.indrelid = a.attrelid AND i.indisunique AND i.indnkeyatts = 2
            AND a.attnum = ANY (i.indkey[0:1]::smallint[])
            AND r.attnum = ANY (i.indkey[0:1]::smallint[])
    ))::boolean AS once_per_generation,
    EXISTS (
        SELECT FROM pg_catalog.pg_trigger AS g
        WHERE g.tgrelid = a.attrelid AND (g.tgtype & 64) <> 0 AND (g.tgtype & 4) <> 0
    )::boolean AS instead, -- the triggers of a view that insert in its stead
    coalesce(has_column_privilege(s.attrelid, s.attnum, 'SELECT'), false)::boolean AS shared,
    coalesce(s.base = c.base, false)::boolean AS same_type,
    coalesce(s.typname, '')::text AS generation_base, coalesce(s.modifier, -1)::integer AS generation_modifier
FROM columns AS c
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.attrelid AND a.attnum = c.attnum
JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN columns AS s ON s.attrelid = to_regclass('public.music_generations') AND s.attname = c.attname
WHERE c.attrelid = to_regclass('public.music_clips')
ORDER BY c.attnum
LIMIT 1600;

-- name: ClipOwnerList :many
-- The rows that have clips with these ids, and the tasks of the rows.
SELECT DISTINCT g.id, coalesce(g.task_id, '')::text AS task_id, coalesce(g.task_type, '')::text AS task_type,
    coalesce(g.provider, '')::text AS provider, coalesce(g.status, '')::text AS status
FROM public.music_clips AS c
JOIN public.music_generations AS g ON g.id = c.generation_id
WHERE c.clip_id = ANY (@clip_ids::text[])
ORDER BY g.id
LIMIT 100;
