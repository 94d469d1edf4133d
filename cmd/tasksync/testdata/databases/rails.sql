-- Rails: bigint keys, timestamps without a time zone.
CREATE TABLE public.users (id bigserial PRIMARY KEY, email varchar NOT NULL);
CREATE TABLE public.music_generations (
    id bigserial PRIMARY KEY,
    user_id bigint REFERENCES public.users (id),
    task_id varchar,
    status varchar NOT NULL DEFAULT 'submitted',
    created_at timestamp(6) NOT NULL DEFAULT now(),
    updated_at timestamp(6) NOT NULL DEFAULT now()
);
CREATE TABLE public.music_clips (
    id bigserial PRIMARY KEY,
    music_generation_id bigint,
    generation_id bigint NOT NULL REFERENCES public.music_generations (id) ON DELETE CASCADE,
    clip_id varchar NOT NULL,
    created_at timestamp(6) NOT NULL DEFAULT now()
);
CREATE INDEX index_music_clips_on_generation_id ON public.music_clips (generation_id);
CREATE TABLE public.likes (id bigserial PRIMARY KEY, song bigint NOT NULL REFERENCES public.music_generations (id));
CREATE VIEW public.liked AS SELECT g.id, count(*) AS likes FROM public.music_generations AS g JOIN public.likes AS l ON l.song = g.id GROUP BY g.id;
INSERT INTO public.music_generations (task_id, status) VALUES ('old', 'complete');
INSERT INTO public.music_clips (generation_id, clip_id) SELECT id, 'old-1' FROM public.music_generations;
INSERT INTO public.likes (song) SELECT id FROM public.music_generations;
