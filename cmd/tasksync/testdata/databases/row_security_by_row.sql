-- Row security shows the daemon's role the rows of one tenant.
\i row_security.sql
ALTER TABLE public.music_generations ADD COLUMN tenant text NOT NULL DEFAULT lower('ACME');
CREATE POLICY daemon ON public.music_generations TO :role USING (tenant = 'acme');
CREATE POLICY daemon ON public.music_clips TO :role USING (EXISTS (SELECT FROM public.music_generations AS g WHERE g.id = music_clips.generation_id));
INSERT INTO public.music_generations (status) VALUES ('complete');
