-- An enumeration for the words, which a default, a check, a policy, views, a trigger and an index use.
CREATE TYPE public.mood AS ENUM ('submitted', 'processing', 'complete', 'failed');
CREATE TABLE public.music_generations (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL DEFAULT gen_random_uuid(),
    task_id text,
    status public.mood NOT NULL DEFAULT 'submitted',
    hidden boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT hidden_when_failed CHECK (status = 'failed' OR NOT hidden)
);
CREATE TABLE public.music_clips (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    generation_id uuid NOT NULL REFERENCES public.music_generations (id) ON DELETE CASCADE,
    clip_id text NOT NULL,
    status public.mood NOT NULL DEFAULT 'submitted'
);
ALTER TABLE public.music_generations ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.music_clips ENABLE ROW LEVEL SECURITY;
CREATE POLICY ended ON public.music_generations FOR SELECT TO PUBLIC USING (status IN ('complete', 'failed'));
CREATE POLICY ended ON public.music_clips FOR SELECT TO PUBLIC
    USING (EXISTS (SELECT FROM public.music_generations AS g WHERE g.id = generation_id AND g.status = 'complete'));
CREATE VIEW public.done AS SELECT id, status FROM public.music_generations WHERE status = 'complete';
CREATE VIEW public.done_today AS SELECT id FROM public.done WHERE status = 'complete';
CREATE INDEX ended_idx ON public.music_generations (created_at) WHERE status IN ('complete', 'failed');
CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE UPDATE OF status ON public.music_generations FOR EACH ROW WHEN (NEW.status = 'complete') EXECUTE FUNCTION public.touch();
INSERT INTO public.music_generations (user_id, status) VALUES (gen_random_uuid(), 'complete'), (gen_random_uuid(), 'failed');
