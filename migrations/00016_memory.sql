-- What is remembered of a row from look to look, beside the row: why it is
-- overdue, that its provider has doubts about it, what was written into its clips.
-- Most rows need no memory and have none. It is written under the row lock of its
-- generation, in the transaction of what follows from it.
--
-- There is no foreign key: the application may delete a generation at any time,
-- and must not wait for us. What is left is swept up.
--
-- Results that come after a row was given up are kept in late_results, unless they
-- complete the row.

-- +goose Up
CREATE TABLE tasksync.generation_memory (
    generation_id uuid PRIMARY KEY,
    began_at      timestamptz,
    doubts        integer NOT NULL DEFAULT 0,
    doubted_at    timestamptz,
    done_at       timestamptz,
    asked_at      timestamptz,
    held_at       timestamptz,
    held_ms       bigint NOT NULL DEFAULT 0,
    reason        text,
    failing_at    timestamptz,
    refused       text,
    refused_at    timestamptz,
    ended_at      timestamptz,
    late_at       timestamptz,
    late_looks    integer NOT NULL DEFAULT 0,
    written       text,
    updated_at    timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX generation_memory_late_at_idx ON tasksync.generation_memory (late_at) WHERE late_at IS NOT NULL;

CREATE TABLE tasksync.late_results (
    generation_id   uuid PRIMARY KEY,
    user_id         text,
    task_id         text NOT NULL,
    upstream_status text,
    clips           jsonb NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now()
);

-- The words are more than before, so that no row need be looked at.
ALTER TABLE tasksync.generation_events DROP CONSTRAINT generation_events_via_check;
ALTER TABLE tasksync.generation_events ADD CONSTRAINT generation_events_via_check
    CHECK (via IN ('poll', 'webhook', 'request', 'timeout', 'late', 'retry')) NOT VALID;

-- +goose Down
DELETE FROM tasksync.generation_events WHERE via IN ('late', 'retry');
ALTER TABLE tasksync.generation_events DROP CONSTRAINT generation_events_via_check;
ALTER TABLE tasksync.generation_events ADD CONSTRAINT generation_events_via_check
    CHECK (via IN ('poll', 'webhook', 'request', 'timeout'));
DROP TABLE tasksync.late_results;
DROP TABLE tasksync.generation_memory;
