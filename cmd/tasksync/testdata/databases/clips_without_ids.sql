-- Clips without the columns by which they are known.
CREATE TABLE public.music_generations (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid,
    task_id text,
    status text NOT NULL DEFAULT 'submitted',
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE public.music_clips (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), song text, audio_url text);
INSERT INTO public.music_clips (song) VALUES ('an old one');
