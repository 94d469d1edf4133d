-- Row security has a policy for the daemon's role, and another one hides what is deleted.
\i row_security.sql
ALTER TABLE public.music_generations ADD deleted boolean NOT NULL DEFAULT false;
CREATE POLICY daemon ON public.music_generations TO :role USING (true);
CREATE POLICY deleted ON public.music_generations AS RESTRICTIVE USING (NOT deleted);
CREATE POLICY daemon ON public.music_clips TO :role USING (generation_id IS NOT NULL);
