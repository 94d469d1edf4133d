-- River's own migration 1 (create river migration) for schema tasksync, rendered by go generate: do not edit.
-- The work of River's authors, under the Mozilla Public License 2.0; see NOTICE.

-- +goose Up
CREATE SCHEMA IF NOT EXISTS tasksync;
-- +goose StatementBegin
CREATE TABLE tasksync.river_migration(
  id bigserial PRIMARY KEY,
  created_at timestamptz NOT NULL DEFAULT NOW(),
  version bigint NOT NULL,
  CONSTRAINT version CHECK (version >= 1)
);

CREATE UNIQUE INDEX ON tasksync.river_migration USING btree(version);
-- +goose StatementEnd
INSERT INTO tasksync.river_migration (version) VALUES (1);

-- +goose Down
-- +goose StatementBegin
DROP TABLE tasksync.river_migration;
-- +goose StatementEnd
DROP SCHEMA tasksync;
