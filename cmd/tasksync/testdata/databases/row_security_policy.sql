-- Row security has a policy for the daemon's role.
\i row_security.sql
CREATE POLICY daemon ON public.music_generations TO :role USING (true);
CREATE POLICY daemon ON public.music_clips TO :role USING (generation_id IS NOT NULL);
