-- Row security holds for the owner too.
\i supabase.sql
ALTER TABLE public.music_generations FORCE ROW LEVEL SECURITY;
ALTER TABLE public.music_clips FORCE ROW LEVEL SECURITY;
