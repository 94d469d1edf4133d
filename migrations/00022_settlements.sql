-- What was told to the application's function of TASKSYNC_SETTLE: one row for each end of
-- a generation, written in the transaction of that end. A generation that ends again,
-- because it was retried or a late result completed it, has one round more. A settlement
-- whose function failed is quarantined, and is called again; the rounds of a generation
-- are called in their order.
--
-- There is no foreign key: the application may delete a generation, and what was settled
-- stays known. created_at is that of the end's event.

-- +goose Up
CREATE TABLE tasksync.settlements (
    generation_id uuid NOT NULL,
    round         integer NOT NULL CHECK (round > 0),
    outcome       text NOT NULL CHECK (outcome IN ('complete', 'failed')),
    code          text NOT NULL DEFAULT '',
    details       jsonb NOT NULL,
    state         text NOT NULL CHECK (state IN ('settled', 'quarantined')),
    settled_by    text, -- the function; null: not settled, or settled by hand
    settled_at    timestamptz,
    attempts      integer NOT NULL DEFAULT 0, -- by the daemons, that failed or were lost
    sqlstate      text, -- of the last attempt that failed
    error         text,
    next_at       timestamptz, -- when a quarantined one is called again; null: when somebody asks for it
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (generation_id, round)
);

CREATE INDEX settlements_quarantined_idx ON tasksync.settlements (next_at) WHERE state = 'quarantined';
CREATE INDEX settlements_created_at_idx ON tasksync.settlements (created_at);

-- +goose Down
DROP TABLE tasksync.settlements;
