-- River's own migration 3 (river job tags non null) for schema tasksync, rendered by go generate: do not edit.
-- The work of River's authors, under the Mozilla Public License 2.0; see NOTICE.

-- +goose Up
-- +goose StatementBegin
ALTER TABLE tasksync.river_job ALTER COLUMN tags SET DEFAULT '{}';
UPDATE tasksync.river_job SET tags = '{}' WHERE tags IS NULL;
ALTER TABLE tasksync.river_job ALTER COLUMN tags SET NOT NULL;
-- +goose StatementEnd
INSERT INTO tasksync.river_migration (version) VALUES (3);

-- +goose Down
DELETE FROM tasksync.river_migration WHERE version = 3;
-- +goose StatementBegin
ALTER TABLE tasksync.river_job
    ALTER COLUMN tags DROP NOT NULL,
    ALTER COLUMN tags DROP DEFAULT;
-- +goose StatementEnd
