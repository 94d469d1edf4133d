-- What the application's servers are told by signed requests: one row for each event and
-- receiver, written in the transaction of the event. An id is taken under the row lock of
-- its generation, so that the ids of a generation are in the order of its events.
--
-- A receiver is known by its host and a hash of its URL, which may hold a secret.
-- payload is the body as it was at the event; null: it is made when it is sent.

-- +goose Up
CREATE TABLE tasksync.notifications (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id    uuid NOT NULL, -- the same for all receivers and attempts
    receiver      text NOT NULL,
    type          text NOT NULL,
    generation_id uuid NOT NULL,
    payload       text,
    created_at    timestamptz NOT NULL DEFAULT now(),
    state         text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'dead')),
    attempts      integer NOT NULL DEFAULT 0,
    next_at       timestamptz NOT NULL DEFAULT now(), -- no attempt begins before
    result        text, -- of the last attempt
    ended_at      timestamptz
);

CREATE INDEX notifications_pending_idx ON tasksync.notifications (receiver, generation_id, id) WHERE state = 'pending';
CREATE INDEX notifications_dead_idx ON tasksync.notifications (id) WHERE state = 'dead';
CREATE INDEX notifications_ended_at_idx ON tasksync.notifications (ended_at) WHERE state <> 'pending';

-- +goose Down
DROP TABLE tasksync.notifications;
