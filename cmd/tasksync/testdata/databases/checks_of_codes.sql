-- CHECKs that permit the application's own error codes, and want a code for each failure.
CREATE TABLE public.music_generations (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL DEFAULT gen_random_uuid(),
    task_id text,
    status text NOT NULL DEFAULT 'submitted' CONSTRAINT words CHECK (status <> ''),
    error_code text CONSTRAINT codes CHECK (error_code IN ('API_ERROR', 'NO_CREDITS')),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE public.music_clips (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    generation_id uuid NOT NULL REFERENCES public.music_generations (id) ON DELETE CASCADE,
    clip_id text NOT NULL
);
