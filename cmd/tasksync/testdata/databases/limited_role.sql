-- The daemon has a role of its own, which may do all that it must.
\i supabase.sql
ALTER TABLE public.music_generations DISABLE ROW LEVEL SECURITY;
ALTER TABLE public.music_clips DISABLE ROW LEVEL SECURITY;
GRANT SELECT, UPDATE ON public.music_generations TO :role;
GRANT SELECT, INSERT, UPDATE ON public.music_clips TO :role;
