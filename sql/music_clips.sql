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
    coalesce(model_name, '')::text AS model_name, coalesce(duration, 0)::double precision AS duration
FROM public.music_clips
WHERE generation_id = ANY (@generation_ids::uuid[])
    AND clip_id <> ''
ORDER BY generation_id, created_at, id;

-- name: ClipInsertMany :execrows
INSERT INTO public.music_clips (
    generation_id, clip_id, status, title, audio_url, stream_audio_url, video_url, image_url, lyrics, tags, model_name, duration
)
SELECT u.generation_id, u.clip_id, u.status, nullif(u.title, ''), nullif(u.audio_url, ''), nullif(u.stream_audio_url, ''),
    nullif(u.video_url, ''), nullif(u.image_url, ''), nullif(u.lyrics, ''), nullif(u.tags, ''), nullif(u.model_name, ''),
    nullif(u.duration, 0)
FROM (
    SELECT unnest(@generation_ids::uuid[]) AS generation_id, unnest(@clip_ids::text[]) AS clip_id,
        unnest(@statuses::text[]) AS status, unnest(@titles::text[]) AS title, unnest(@audio_urls::text[]) AS audio_url,
        unnest(@stream_audio_urls::text[]) AS stream_audio_url, unnest(@video_urls::text[]) AS video_url,
        unnest(@image_urls::text[]) AS image_url, unnest(@lyrics::text[]) AS lyrics, unnest(@tags::text[]) AS tags,
        unnest(@model_names::text[]) AS model_name, unnest(@durations::double precision[]) AS duration
) AS u;

-- name: ClipUpdateMany :execrows
UPDATE public.music_clips AS c
SET clip_id = u.clip_id, status = u.status, title = nullif(u.title, ''), audio_url = nullif(u.audio_url, ''),
    stream_audio_url = nullif(u.stream_audio_url, ''), video_url = nullif(u.video_url, ''),
    image_url = nullif(u.image_url, ''), lyrics = nullif(u.lyrics, ''), tags = nullif(u.tags, ''),
    model_name = nullif(u.model_name, ''), duration = nullif(u.duration, 0), updated_at = now()
FROM (
    SELECT unnest(@ids::uuid[]) AS id, unnest(@clip_ids::text[]) AS clip_id,
        unnest(@statuses::text[]) AS status, unnest(@titles::text[]) AS title, unnest(@audio_urls::text[]) AS audio_url,
        unnest(@stream_audio_urls::text[]) AS stream_audio_url, unnest(@video_urls::text[]) AS video_url,
        unnest(@image_urls::text[]) AS image_url, unnest(@lyrics::text[]) AS lyrics, unnest(@tags::text[]) AS tags,
        unnest(@model_names::text[]) AS model_name, unnest(@durations::double precision[]) AS duration
) AS u
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
ORDER BY c.generation_id, c.created_at, c.id;
