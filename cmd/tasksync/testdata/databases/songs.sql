-- The application keeps its songs in a table of its own.
CREATE TABLE public.songs (id bigserial PRIMARY KEY, task_id text, status text NOT NULL DEFAULT 'pending', audio_url text);
