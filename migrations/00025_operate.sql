-- What an operator sees and does.
--
-- generation_looks has, for each row that was looked at lately, when tasksync heard of
-- it, the last looks at it, and the last answer of the provider: fields of a known
-- list, without prompts and lyrics, compressed. Nothing depends on it: daemons write it
-- once a second, apart from passes, and delete it after TASKSYNC_KEEP_ANSWERS. It is
-- unlogged, so that it costs half; after a crash of the server it is empty.
--
-- pauses has the providers that daemons make no calls to, because somebody said so; ''
-- is all of them.

-- +goose Up
CREATE UNLOGGED TABLE tasksync.generation_looks (
    generation_id uuid PRIMARY KEY,
    heard_at    timestamptz,
    heard_by    text,
    looks       jsonb NOT NULL DEFAULT '[]',
    answered_at timestamptz,
    answer_code integer, -- the HTTP status
    answer      bytea,   -- gzip of JSON
    updated_at  timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 80);

CREATE TABLE tasksync.pauses (
    provider  text PRIMARY KEY,
    paused_at timestamptz NOT NULL DEFAULT now(),
    reason    text NOT NULL DEFAULT ''
);

ALTER TABLE tasksync.generation_events ADD COLUMN reason text, ADD COLUMN error_code text;

-- +goose Down
ALTER TABLE tasksync.generation_events DROP COLUMN reason, DROP COLUMN error_code;
DROP TABLE tasksync.pauses;
DROP TABLE tasksync.generation_looks;
