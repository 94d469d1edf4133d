-- Row security shows the clips of the rows that a role sees.
\i row_security.sql
CREATE POLICY daemon ON public.music_generations TO :role USING (true);
CREATE POLICY daemon ON public.music_clips TO :role USING (EXISTS (SELECT FROM public.music_generations AS g WHERE g.id = music_clips.generation_id));
