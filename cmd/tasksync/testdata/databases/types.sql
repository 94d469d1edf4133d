-- Other types: epochs, JSON, an array, an interval, text for times.
CREATE TABLE public.music_generations (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid,
    task_id bigint,
    status text NOT NULL DEFAULT 'submitted',
    error_message jsonb,
    created_at bigint NOT NULL DEFAULT extract(epoch FROM now()) * 1000,
    completed_at text
);
CREATE TABLE public.music_clips (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    generation_id text NOT NULL,
    clip_id uuid NOT NULL,
    tags text[] DEFAULT '{}',
    duration interval,
    created_at date DEFAULT now()
);
INSERT INTO public.music_generations (task_id, status, error_message, completed_at) VALUES (1, 'failed', '"no"', ''), (2, 'complete', '{"a": 1}', '2026-01-01');
INSERT INTO public.music_clips (generation_id, clip_id, tags, duration) SELECT id, gen_random_uuid(), '{pop,rock}', '3 min' FROM public.music_generations WHERE task_id = 2;
