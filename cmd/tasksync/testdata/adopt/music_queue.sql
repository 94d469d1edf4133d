-- All results in one jsonb, and a key that is a small number.
CREATE TABLE music_queue (
    id serial PRIMARY KEY,
    user_id integer NOT NULL DEFAULT 7,
    task_id text NOT NULL,
    status text NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'processing', 'done', 'failed')),
    variants jsonb NOT NULL DEFAULT '[]',
    error_message text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
