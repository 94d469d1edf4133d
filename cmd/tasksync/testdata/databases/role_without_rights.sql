-- The daemon has a role of its own, which may write some columns only.
\i supabase.sql
ALTER TABLE public.music_generations DISABLE ROW LEVEL SECURITY;
ALTER TABLE public.music_clips DISABLE ROW LEVEL SECURITY;
GRANT SELECT, UPDATE (status) ON public.music_generations TO :role;
GRANT SELECT ON public.music_clips TO :role;
