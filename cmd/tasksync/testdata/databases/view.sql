-- A view that nobody can write, of the name of our table.
CREATE TABLE public.songs (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), task_id text, status text);
CREATE VIEW public.music_generations AS SELECT id, task_id, status, count(*) OVER () AS songs FROM public.songs;
