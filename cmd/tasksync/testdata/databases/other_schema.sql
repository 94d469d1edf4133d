-- The application's tables are in a schema of its own.
CREATE SCHEMA app;
CREATE TABLE app.music_generations (id uuid PRIMARY KEY, task_id text, status text);
