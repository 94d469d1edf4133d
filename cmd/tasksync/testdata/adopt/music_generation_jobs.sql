-- Results in a table of their own, keys that the application makes itself (cuid), a
-- trigger and row security of the application's.
CREATE TABLE music_generation_jobs (
    id text PRIMARY KEY,
    user_id text NOT NULL,
    provider_task_id text,
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'running', 'succeeded', 'failed')),
    failure_reason text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL,
    finished_at timestamptz
);
CREATE TABLE generated_songs (
    id text PRIMARY KEY,
    job_id text NOT NULL REFERENCES music_generation_jobs (id) ON DELETE CASCADE,
    user_id text NOT NULL,
    suno_id text,
    title text NOT NULL,
    audio_url text,
    image_url text,
    duration_seconds numeric(6, 1),
    is_public boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL
);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.updated_at := now(); RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON music_generation_jobs FOR EACH ROW EXECUTE FUNCTION touch();
ALTER TABLE music_generation_jobs ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON music_generation_jobs USING (user_id = current_user);
