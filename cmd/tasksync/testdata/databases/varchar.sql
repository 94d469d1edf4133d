-- varchar everywhere, as many frameworks make it.
CREATE TABLE public.music_generations (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL DEFAULT gen_random_uuid(),
    task_id varchar(255),
    status varchar(255) NOT NULL DEFAULT 'submitted',
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE public.music_clips (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    generation_id uuid NOT NULL REFERENCES public.music_generations (id) ON DELETE CASCADE,
    clip_id varchar(255) NOT NULL,
    title varchar(255),
    lyrics varchar(255),
    audio_url varchar(255)
);
