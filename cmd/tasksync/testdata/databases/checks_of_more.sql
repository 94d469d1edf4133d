-- A CHECK that wants something else of a row that is complete; here, a trigger gives it.
CREATE TABLE public.music_generations (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL DEFAULT gen_random_uuid(),
    task_id text,
    status text NOT NULL DEFAULT 'submitted',
    published_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE public.music_generations ADD CONSTRAINT published CHECK (status <> 'complete' OR published_at IS NOT NULL);
CREATE FUNCTION public.publish() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.status = 'complete' THEN NEW.published_at := now(); END IF; RETURN NEW; END $$;
CREATE TRIGGER publish BEFORE UPDATE ON public.music_generations FOR EACH ROW EXECUTE FUNCTION public.publish();
CREATE TABLE public.music_clips (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    generation_id uuid NOT NULL REFERENCES public.music_generations (id) ON DELETE CASCADE,
    clip_id text NOT NULL
);
