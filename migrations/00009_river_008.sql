-- River's own migration 8 (job id autoincrement) for schema tasksync, rendered by go generate: do not edit.
-- The work of River's authors, under the Mozilla Public License 2.0; see NOTICE.

-- +goose Up
-- +goose StatementBegin
-- No-op. Postgres sequences already prevent automatically generated job IDs
-- from being reused.
SELECT 1;
-- +goose StatementEnd
INSERT INTO tasksync.river_migration (line, version) VALUES ('main', 8);

-- +goose Down
DELETE FROM tasksync.river_migration WHERE version = 8;
-- +goose StatementBegin
-- No-op. Postgres sequences already prevent automatically generated job IDs
-- from being reused.
SELECT 1;
-- +goose StatementEnd
