-- Results on the row, keys that are uuids, and words of the application's own without a
-- check.
CREATE TABLE songs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL DEFAULT gen_random_uuid(),
    task_id text,
    prompt text NOT NULL DEFAULT '',
    title text,
    status text NOT NULL DEFAULT 'pending',
    audio_url text,
    image_url text,
    duration integer,
    error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
