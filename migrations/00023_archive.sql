-- Files that tasksync copies from the provider to the application's own storage, one row
-- for each file of a clip. source_url is what the clip's column held; the column gets the
-- own url once the copy is complete. fetch_url is where the file is taken from instead, if
-- the provider has made it anew.
--
-- The row is the truth; a River job only says when to look at it. claim is of the job that
-- works on the file until claimed_until: it changes nothing once another one has claimed it.
-- upload_id is a multipart upload under way, which a crash leaves behind.
--
-- There is no foreign key: the application may delete a generation at any time, and must
-- not wait for us.

-- +goose Up
CREATE TABLE tasksync.archived_files (
    generation_id uuid NOT NULL,
    clip_id       text NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('audio', 'image', 'video')),
    source_url    text NOT NULL,
    fetch_url     text,
    recovered_at  timestamptz, -- when the provider was asked to make the file anew
    state         text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'archived', 'superseded', 'removed', 'lost')),
    key           text,
    url           text,
    bytes         bigint, -- once the file is stored
    sha256        text,
    content_type  text,
    attempts      integer NOT NULL DEFAULT 0,
    error         text,
    ended_at      timestamptz NOT NULL, -- the provider's retention counts from then
    alarm_at      timestamptz,          -- set by the first attempt that failed
    due_at        timestamptz NOT NULL DEFAULT now(),
    claim         text,
    claimed_job   bigint,
    claimed_until timestamptz,
    upload_id     text,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (generation_id, clip_id, kind)
);

CREATE INDEX archived_files_due_at_idx ON tasksync.archived_files (due_at) WHERE state = 'pending';
CREATE INDEX archived_files_lost_idx ON tasksync.archived_files (updated_at) WHERE state = 'lost';

-- The words are more than before, so that no row need be looked at.
ALTER TABLE tasksync.generation_events DROP CONSTRAINT generation_events_via_check;
ALTER TABLE tasksync.generation_events ADD CONSTRAINT generation_events_via_check
    CHECK (via IN ('poll', 'webhook', 'request', 'timeout', 'late', 'retry', 'insert', 'archive')) NOT VALID;

-- +goose Down
DELETE FROM tasksync.generation_events WHERE via = 'archive';
ALTER TABLE tasksync.generation_events DROP CONSTRAINT generation_events_via_check;
ALTER TABLE tasksync.generation_events ADD CONSTRAINT generation_events_via_check
    CHECK (via IN ('poll', 'webhook', 'request', 'timeout', 'late', 'retry', 'insert')) NOT VALID;
DROP TABLE tasksync.archived_files;
