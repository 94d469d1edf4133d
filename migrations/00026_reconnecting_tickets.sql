-- Tickets that open a stream again: a browser's EventSource reconnects by itself, with
-- the same address. Its ticket stays, and what reopens the stream beside the address is a
-- key in the ids of its events, which no log of addresses has. openings is NULL for a
-- ticket that is good once, as all were before.

-- +goose Up
-- +goose StatementBegin
ALTER TABLE tasksync.event_tickets
    ADD COLUMN IF NOT EXISTS openings integer,
    ADD COLUMN IF NOT EXISTS reopen_hash bytea,
    ADD COLUMN IF NOT EXISTS used_at timestamptz NOT NULL DEFAULT now();
CREATE INDEX IF NOT EXISTS event_tickets_user_id_idx ON tasksync.event_tickets (user_id);
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
DELETE FROM tasksync.event_tickets WHERE openings IS NOT NULL;
DROP INDEX IF EXISTS tasksync.event_tickets_user_id_idx;
ALTER TABLE tasksync.event_tickets
    DROP COLUMN IF EXISTS openings, DROP COLUMN IF EXISTS reopen_hash, DROP COLUMN IF EXISTS used_at;
-- +goose StatementEnd
