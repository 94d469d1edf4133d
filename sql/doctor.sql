-- What `tasksync doctor` asks. It must work before there is any table.

-- name: DoctorServerGet :one
-- Who and what we are connected to, and what the role may do.
SELECT current_setting('server_version')::text AS version,
    current_setting('server_version_num')::integer AS version_num,
    current_user::text AS role,
    pg_is_in_recovery() AS standby,
    current_setting('wal_level')::text AS wal_level,
    coalesce(has_schema_privilege(to_regnamespace('tasksync'), 'usage'), false)::boolean AS in_schema,
    coalesce(has_table_privilege(to_regclass('public.music_generations'), 'select,update'), false)::boolean AS may_write,
    coalesce(pg_has_role(current_user, (SELECT c.relowner FROM pg_catalog.pg_class AS c WHERE c.oid = to_regclass('public.music_generations')), 'usage'), false)::boolean AS owns_table;

-- name: DoctorPendingList :many
-- Pending V2 rows by what they are: too many kinds are one too many.
SELECT coalesce(task_type, '')::text AS task_type, coalesce(provider, '')::text AS provider, count(*) AS pending,
    count(*) FILTER (WHERE created_at < now() - make_interval(secs => @deadline::double precision)) AS overdue
FROM public.music_generations
WHERE task_type IS NOT NULL
    AND status IN ('submitted', 'queued', 'processing', 'streaming')
GROUP BY task_type, coalesce(provider, '')
ORDER BY task_type, provider
LIMIT 100;
