-- The daemon has a role of its own, and row security knows only users.
\i supabase.sql
GRANT SELECT, UPDATE ON public.music_generations TO :role;
GRANT SELECT, INSERT, UPDATE ON public.music_clips TO :role;
GRANT USAGE ON SCHEMA auth TO :role;
