-- What happened to a generation: one row for every change of its status,
-- written in the transaction of that change. There is no foreign key: the
-- application may delete a generation, and its story stays until it ages out.

-- +goose Up
CREATE TABLE tasksync.generation_events (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    generation_id uuid NOT NULL,
    user_id       uuid,
    created_at    timestamptz NOT NULL DEFAULT now(),
    from_status   text NOT NULL,
    to_status     text NOT NULL,
    via           text NOT NULL CHECK (via IN ('poll', 'webhook', 'request', 'timeout')),
    upstream_status text
);

CREATE INDEX generation_events_generation_id_idx ON tasksync.generation_events (generation_id, id);
CREATE INDEX generation_events_created_at_idx ON tasksync.generation_events USING brin (created_at);

-- +goose Down
DROP TABLE tasksync.generation_events;
