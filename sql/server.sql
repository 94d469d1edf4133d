-- What is asked of a server, before there is any table.

-- name: ServerReadOnlyGet :one
-- Whether the session that asks could not write now.
SELECT (current_setting('transaction_read_only') = 'on')::boolean AS read_only;

-- name: ServerGrantListMissing :many
-- The statements that give the role the rights that the migrations need and that it
-- lacks. Their names are quoted.
WITH grants AS (
    SELECT 1 AS n, NOT has_database_privilege(current_database(), 'create') AS missing, -- CREATE SCHEMA IF NOT EXISTS needs it always
        format('GRANT CREATE ON DATABASE %I TO %I', current_database(), current_user) AS statement
    UNION ALL
    SELECT 2, NOT (has_schema_privilege(to_regnamespace('public'), 'usage') AND has_schema_privilege(to_regnamespace('public'), 'create')),
        format('GRANT USAGE, CREATE ON SCHEMA public TO %I', current_user)
    UNION ALL
    SELECT 3, NOT (has_schema_privilege(to_regnamespace('tasksync'), 'usage') AND has_schema_privilege(to_regnamespace('tasksync'), 'create')),
        format('GRANT USAGE, CREATE ON SCHEMA tasksync TO %I', current_user)
)
SELECT statement::text AS statement
FROM grants
WHERE missing
ORDER BY n;

-- name: ServerSessionEnd :one
-- Ends sessions of this role, by their process and when that began: a process's number
-- is given to later ones again. Returns how many there were.
SELECT count(*) FILTER (WHERE pg_terminate_backend(a.pid)) AS ended
FROM pg_catalog.pg_stat_activity AS a
JOIN (SELECT unnest(@pids::integer[]) AS pid, unnest(@began::bigint[]) AS began) AS l
    ON l.pid = a.pid AND l.began = (extract(epoch FROM a.backend_start) * 1000000)::bigint
WHERE a.usename = current_user AND a.pid <> pg_backend_pid();
