-- An application's tables on Supabase, before tasksync. The roles, in double
-- quotes, get the names that the test gives them.
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO "anon", "authenticated", "service_role";
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON FUNCTIONS TO "anon", "authenticated", "service_role";

CREATE TABLE public.music_generations (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL,
    prompt text NOT NULL DEFAULT '',
    task_id varchar(255),
    status varchar(32) DEFAULT 'submitted',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz DEFAULT now(),
    credits numeric(10, 2) NOT NULL DEFAULT 0
);
CREATE INDEX idx_music_generations_task_type ON public.music_generations (user_id);
CREATE INDEX idx_music_generations_v2_pending ON public.music_generations (status);

CREATE TABLE public.music_clips (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    generation_id uuid REFERENCES public.music_generations (id),
    clip_id text,
    status text CHECK (status <> ''),
    title text,
    audio_url text,
    created_at timestamptz,
    play_count bigint NOT NULL DEFAULT 0,
    tags text
);

CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.updated_at = clock_timestamp(); RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON public.music_generations FOR EACH ROW EXECUTE FUNCTION public.touch();

INSERT INTO public.music_generations (user_id, prompt, task_id, status, created_at, updated_at, credits)
SELECT gen_random_uuid(), 'ä "song" ' || n, nullif('task-' || n, 'task-7'),
    (ARRAY['submitted', 'queued', 'processing', 'streaming', 'complete', 'failed', 'draft', NULL])[1 + n % 8],
    now() - n * interval '1 minute', nullif(now(), now() - (n % 3) * interval '1 day'), n / 7.0
FROM generate_series(1, 1000) AS n;
INSERT INTO public.music_clips (generation_id, clip_id, status, title, audio_url, created_at, play_count)
SELECT id, task_id || '-clip-1', status, prompt, 'https://example.com/' || id || '.mp3', created_at, 3 FROM public.music_generations
ORDER BY created_at;
INSERT INTO public.music_clips (generation_id, clip_id, status)
SELECT generation_id, clip_id, 'complete' FROM public.music_clips WHERE clip_id IS NOT NULL ORDER BY id LIMIT 3;
INSERT INTO public.music_clips (clip_id) VALUES ('orphan'), ('orphan'), (NULL);

ALTER TABLE public.music_generations ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.music_clips ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON public.music_generations TO "authenticated"
    USING (user_id = nullif(current_setting('request.uid', true), '')::uuid);
CREATE POLICY add ON public.music_generations FOR INSERT TO "inserter" WITH CHECK (true);
GRANT INSERT ON public.music_generations TO "inserter";
