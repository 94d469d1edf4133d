-- The application's own tables. They are created where they do not exist and
-- completed where they do; nothing that is there is dropped or rewritten, and
-- going down leaves them alone: they were never ours.

-- +goose Up
CREATE TABLE IF NOT EXISTS public.music_generations (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id       uuid,
    task_id       text,
    task_type     text,
    provider      text,
    status        text NOT NULL DEFAULT 'submitted',
    error_code    text,
    error_message text,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    completed_at  timestamptz
);

-- +goose StatementBegin
DO $do$
BEGIN
    IF (SELECT c.relkind FROM pg_catalog.pg_class AS c WHERE c.oid = 'public.music_generations'::regclass) IN ('r', 'p') THEN
        ALTER TABLE public.music_generations
            ADD COLUMN IF NOT EXISTS user_id       uuid,
            ADD COLUMN IF NOT EXISTS task_id       text,
            ADD COLUMN IF NOT EXISTS task_type     text,
            ADD COLUMN IF NOT EXISTS provider      text,
            ADD COLUMN IF NOT EXISTS status        text NOT NULL DEFAULT 'submitted',
            ADD COLUMN IF NOT EXISTS error_code    text,
            ADD COLUMN IF NOT EXISTS error_message text,
            ADD COLUMN IF NOT EXISTS created_at    timestamptz NOT NULL DEFAULT now(),
            ADD COLUMN IF NOT EXISTS updated_at    timestamptz NOT NULL DEFAULT now(),
            ADD COLUMN IF NOT EXISTS completed_at  timestamptz;
    END IF;
END
$do$;
-- +goose StatementEnd

CREATE TABLE IF NOT EXISTS public.music_clips (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    generation_id    uuid NOT NULL REFERENCES public.music_generations (id) ON DELETE CASCADE,
    clip_id          text NOT NULL,
    status           text NOT NULL DEFAULT 'submitted',
    title            text,
    audio_url        text,
    stream_audio_url text,
    video_url        text,
    image_url        text,
    lyrics           text,
    tags             text,
    model_name       text,
    duration         double precision,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (generation_id, clip_id)
);

-- +goose StatementBegin
DO $do$
BEGIN
    IF (SELECT c.relkind FROM pg_catalog.pg_class AS c WHERE c.oid = 'public.music_generations'::regclass) IN ('r', 'p') THEN
        ALTER TABLE public.music_clips
            ADD COLUMN IF NOT EXISTS status           text NOT NULL DEFAULT 'submitted',
            ADD COLUMN IF NOT EXISTS title            text,
            ADD COLUMN IF NOT EXISTS audio_url        text,
            ADD COLUMN IF NOT EXISTS stream_audio_url text,
            ADD COLUMN IF NOT EXISTS video_url        text,
            ADD COLUMN IF NOT EXISTS image_url        text,
            ADD COLUMN IF NOT EXISTS lyrics           text,
            ADD COLUMN IF NOT EXISTS tags             text,
            ADD COLUMN IF NOT EXISTS model_name       text,
            ADD COLUMN IF NOT EXISTS duration         double precision,
            ADD COLUMN IF NOT EXISTS created_at       timestamptz NOT NULL DEFAULT now(),
            ADD COLUMN IF NOT EXISTS updated_at       timestamptz NOT NULL DEFAULT now();
    END IF;
END
$do$;
-- +goose StatementEnd

-- A table that was there before may hold the same clip twice; then it keeps a
-- plain index, which serves the look-ups just as well. Nothing of ours relies
-- on the constraint: a generation's clips are only written under its row lock.
-- +goose StatementBegin
DO $$
BEGIN
    IF (SELECT c.relkind FROM pg_catalog.pg_class AS c WHERE c.oid = 'public.music_clips'::regclass) NOT IN ('r', 'p') THEN
        RETURN;
    END IF;
    IF EXISTS (
        SELECT FROM pg_catalog.pg_index i
        WHERE i.indrelid = 'public.music_clips'::regclass AND i.indisunique AND i.indisvalid AND i.indnkeyatts = 2 AND i.indpred IS NULL
          AND i.indkey[0] = (SELECT attnum FROM pg_catalog.pg_attribute WHERE attrelid = i.indrelid AND attname = 'generation_id')
          AND i.indkey[1] = (SELECT attnum FROM pg_catalog.pg_attribute WHERE attrelid = i.indrelid AND attname = 'clip_id')
    ) THEN
        RETURN;
    END IF;
    BEGIN
        ALTER TABLE public.music_clips ADD UNIQUE (generation_id, clip_id);
    EXCEPTION WHEN unique_violation THEN
        RAISE WARNING 'tasksync: public.music_clips holds the same (generation_id, clip_id) more than once; it gets a plain index instead of a unique one';
        CREATE INDEX IF NOT EXISTS music_clips_generation_id_clip_id_idx ON public.music_clips (generation_id, clip_id);
    END;
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
DO $do$
BEGIN
    IF (SELECT c.relkind FROM pg_catalog.pg_class AS c WHERE c.oid = 'public.music_generations'::regclass) IN ('r', 'p') THEN
        CREATE INDEX IF NOT EXISTS idx_music_generations_task_type
            ON public.music_generations (task_type)
            WHERE task_type IS NOT NULL;
    END IF;
END
$do$;
-- +goose StatementEnd

-- +goose StatementBegin
DO $do$
BEGIN
    IF (SELECT c.relkind FROM pg_catalog.pg_class AS c WHERE c.oid = 'public.music_generations'::regclass) IN ('r', 'p') THEN
        CREATE INDEX IF NOT EXISTS idx_music_generations_v2_pending
            ON public.music_generations (task_type, status)
            WHERE task_type IS NOT NULL
              AND status IN ('submitted', 'queued', 'processing', 'streaming');
    END IF;
END
$do$;
-- +goose StatementEnd

-- +goose Down
SELECT 1;
