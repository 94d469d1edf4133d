-- What was learnt of how long tasks take, by provider and task type: the numbers of
-- package looks, which all daemons add to. A row may be deleted at any time; its
-- model then begins again.

-- +goose Up
CREATE TABLE tasksync.look_models (
    provider   text NOT NULL,
    task_type  text NOT NULL,
    numbers    real[] NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (provider, task_type)
);

-- +goose Down
DROP TABLE tasksync.look_models;
