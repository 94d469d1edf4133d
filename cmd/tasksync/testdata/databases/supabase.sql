-- Supabase: row security for users, the daemon connects as the owner.
CREATE SCHEMA auth;
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT nullif(current_setting('request.jwt.claim.sub', true), '')::uuid $$;
CREATE TABLE public.music_generations (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL DEFAULT gen_random_uuid(),
    prompt text NOT NULL DEFAULT '',
    task_id text,
    status text NOT NULL DEFAULT 'submitted',
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE public.music_clips (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    generation_id uuid NOT NULL REFERENCES public.music_generations (id) ON DELETE CASCADE,
    clip_id text NOT NULL,
    play_count bigint NOT NULL DEFAULT 0
);
ALTER TABLE public.music_generations ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.music_clips ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON public.music_generations USING (auth.uid() = user_id);
CREATE POLICY own ON public.music_clips USING (EXISTS (SELECT FROM public.music_generations AS g WHERE g.id = generation_id AND g.user_id = auth.uid()));
