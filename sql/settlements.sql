-- The table is read and written only where TASKSYNC_SETTLE is set, and by the commands
-- `tasksync settle` and `tasksync doctor`.

-- name: SettlementInsertMany :many
-- Opens the next round of generations that have just ended, whose rows this transaction
-- has locked. A round waits, as quarantined, while an earlier one is quarantined. Details
-- list the last twenty of the earlier rounds.
INSERT INTO tasksync.settlements (generation_id, round, outcome, code, details, state, settled_by, settled_at, error, next_at)
SELECT u.generation_id, e.rounds + 1, u.outcome, u.code,
    jsonb_build_object(
        'user_id', nullif(u.user_id, ''), 'task_id', nullif(u.task_id, ''), 'task_type', u.task_type, 'provider', nullif(u.provider, ''),
        'clips', c.complete, 'clips_failed', c.failed, 'from', u.from_status, 'via', u.via,
        'upstream_status', nullif(u.upstream_status, ''), 'ended_at', now(), 'earlier', e.earlier
    ),
    CASE WHEN e.waits THEN 'quarantined' ELSE 'settled' END,
    CASE WHEN NOT e.waits THEN @function_name::text END,
    CASE WHEN NOT e.waits THEN now() END,
    CASE WHEN e.waits THEN 'waits for an earlier round' END,
    CASE WHEN e.waits THEN now() END
FROM (
    SELECT unnest(@generation_ids::uuid[]) AS generation_id, unnest(@user_ids::text[]) AS user_id,
        unnest(@task_ids::text[]) AS task_id, unnest(@task_types::text[]) AS task_type, unnest(@providers::text[]) AS provider,
        unnest(@outcomes::text[]) AS outcome, unnest(@codes::text[]) AS code,
        unnest(@from_statuses::text[]) AS from_status, unnest(@vias::text[]) AS via,
        unnest(@upstream_statuses::text[]) AS upstream_status
) AS u
CROSS JOIN LATERAL (
    SELECT coalesce(max(s.round), 0) AS rounds, coalesce(bool_or(s.state = 'quarantined'), false) AS waits,
        coalesce(jsonb_agg(jsonb_build_object('round', s.round, 'outcome', s.outcome, 'code', s.code, 'ended_at', s.created_at) ORDER BY s.round), '[]') AS earlier
    FROM (
        SELECT l.round, l.outcome, l.code, l.state, l.created_at
        FROM tasksync.settlements AS l
        WHERE l.generation_id = u.generation_id
        ORDER BY l.round DESC
        LIMIT 20
    ) AS s
) AS e
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE lower(m.status COLLATE "C") = ANY (@complete_words::text[])) AS complete,
        count(*) FILTER (WHERE lower(m.status COLLATE "C") = ANY (@failed_words::text[])) AS failed
    FROM public.music_clips AS m
    WHERE m.generation_id = u.generation_id
) AS c
RETURNING generation_id, round, state;

-- name: SettlementQuarantineMany :exec
-- The first call of these settlements failed, or was not made.
UPDATE tasksync.settlements AS s
SET state = 'quarantined', settled_by = NULL, settled_at = NULL, attempts = s.attempts + 1, sqlstate = u.sqlstate, error = u.error, next_at = now() + interval '5 seconds'
FROM (
    SELECT unnest(@generation_ids::uuid[]) AS generation_id, unnest(@rounds::integer[]) AS round,
        unnest(@sqlstates::text[]) AS sqlstate, unnest(@errors::text[]) AS error
) AS u
WHERE s.generation_id = u.generation_id AND s.round = u.round;

-- name: SettlementClaimDue :many
-- Quarantined settlements that are due and wait for no earlier round. Each is due again
-- after a space that doubles from ten seconds to an hour, also if its session is lost.
WITH due AS (
    SELECT s.generation_id, s.round
    FROM tasksync.settlements AS s
    WHERE s.state = 'quarantined' AND s.next_at <= now()
        AND NOT EXISTS (
            SELECT FROM tasksync.settlements AS e
            WHERE e.generation_id = s.generation_id AND e.round < s.round AND e.state = 'quarantined'
        )
    ORDER BY s.next_at, s.generation_id
    LIMIT @max_rows
    FOR UPDATE OF s SKIP LOCKED
)
UPDATE tasksync.settlements AS s
SET attempts = s.attempts + 1, next_at = now() + least(interval '5 seconds' * 2 ^ least(greatest(s.attempts, 1), 12), interval '1 hour')
FROM due
WHERE s.generation_id = due.generation_id AND s.round = due.round
RETURNING s.generation_id, s.round;

-- name: SettlementList :many
-- Settlements in the order of their rounds, from one on.
SELECT s.generation_id, s.round, s.outcome, s.code, coalesce(s.details->>'user_id', '')::text AS user_id, s.state,
    coalesce(s.settled_by, '')::text AS settled_by, s.attempts, coalesce(s.sqlstate, '')::text AS sqlstate, coalesce(s.error, '')::text AS error,
    coalesce(s.next_at, '0001-01-01 00:00:00Z')::timestamptz AS next_at, s.created_at
FROM tasksync.settlements AS s
WHERE (s.generation_id, s.round) > (@after_id::uuid, @after_round::integer)
    AND (NOT @quarantined::boolean OR s.state = 'quarantined')
    AND s.created_at >= @since::timestamptz
    AND (coalesce(cardinality(@ids::uuid[]), 0) = 0 OR s.generation_id = ANY (@ids::uuid[]))
ORDER BY s.generation_id, s.round
LIMIT @max_rows;

-- name: SettlementLock :many
-- A settlement that is to be called: quarantined, after no earlier round that is, and
-- in no other session's hands.
SELECT s.outcome
FROM tasksync.settlements AS s
WHERE s.generation_id = @generation_id AND s.round = @round AND s.state = 'quarantined'
    AND NOT EXISTS (
        SELECT FROM tasksync.settlements AS e
        WHERE e.generation_id = s.generation_id AND e.round < s.round AND e.state = 'quarantined'
    )
ORDER BY s.round
LIMIT 1
FOR UPDATE OF s SKIP LOCKED;

-- name: SettlementSettle :execrows
-- A quarantined settlement is settled; without a function: by hand.
UPDATE tasksync.settlements
SET state = 'settled', settled_by = nullif(@function_name::text, ''), settled_at = now(), next_at = NULL
WHERE generation_id = @generation_id AND round = @round AND state = 'quarantined';

-- name: SettlementFail :exec
-- Another call of a quarantined settlement failed.
UPDATE tasksync.settlements
SET sqlstate = nullif(@sqlstate::text, ''), error = @error::text
WHERE generation_id = @generation_id AND round = @round AND state = 'quarantined';

-- name: SettlementQuarantinedStats :many
-- The quarantined settlements by the SQLSTATE of the last failed attempt, with one of
-- the errors.
SELECT coalesce(sqlstate, '')::text AS sqlstate, count(*) AS found, min(error)::text AS error
FROM tasksync.settlements
WHERE state = 'quarantined'
GROUP BY 1
ORDER BY found DESC, 1
LIMIT 20;

-- name: SettlementQuarantinedCount :one
SELECT count(*) FROM tasksync.settlements WHERE state = 'quarantined';

-- name: SettlementMissing :one
-- Ends since a time that were not settled, although others were before them: a daemon
-- or a command without TASKSYNC_SETTLE wrote them. An end's event and its settlement
-- are of the same transaction, and so have the same time.
SELECT count(*) AS missing, coalesce(max(e.created_at), '0001-01-01 00:00:00Z')::timestamptz AS last_at
FROM tasksync.generation_events AS e
WHERE e.to_status IN ('complete', 'failed') AND e.from_status <> e.to_status
    AND e.created_at >= greatest(@since::timestamptz, (SELECT min(s.created_at) FROM tasksync.settlements AS s))
    AND NOT EXISTS (
        SELECT FROM tasksync.settlements AS s WHERE s.generation_id = e.generation_id AND s.created_at = e.created_at
    );

-- name: SettlementLast :one
-- When a row was settled last; the year 1: never.
SELECT coalesce(max(created_at), '0001-01-01 00:00:00Z')::timestamptz AS last_at
FROM tasksync.settlements
WHERE created_at >= @since::timestamptz;

-- name: SettlementBackfill :execrows
-- Opens a round, quarantined, for the last end since a time of each generation that has
-- ended since it was settled last, or never was. They are called when somebody asks for it.
INSERT INTO tasksync.settlements (generation_id, round, outcome, code, details, state, error, created_at)
SELECT e.generation_id, b.rounds + 1, e.to_status, CASE WHEN e.to_status = 'failed' THEN coalesce(g.error_code, '') ELSE '' END,
    jsonb_build_object(
        'user_id', g.user_id, 'task_id', g.task_id, 'task_type', g.task_type, 'provider', g.provider,
        'clips', c.complete, 'clips_failed', c.failed, 'from', e.from_status, 'via', e.via,
        'upstream_status', e.upstream_status, 'ended_at', e.created_at, 'earlier', b.earlier
    ), 'quarantined', 'ended before it could be settled', e.created_at
FROM (
    SELECT DISTINCT ON (v.generation_id) v.generation_id, v.from_status, v.to_status, v.via, v.upstream_status, v.created_at
    FROM tasksync.generation_events AS v
    WHERE v.created_at >= @since::timestamptz AND v.from_status <> v.to_status
    ORDER BY v.generation_id, v.id DESC
) AS e
JOIN public.music_generations AS g ON g.id = e.generation_id
CROSS JOIN LATERAL (
    SELECT coalesce(max(s.round), 0) AS rounds, coalesce(max(s.created_at), '-infinity') AS settled_at,
        coalesce(jsonb_agg(jsonb_build_object('round', s.round, 'outcome', s.outcome, 'code', s.code, 'ended_at', s.created_at) ORDER BY s.round), '[]') AS earlier
    FROM (
        SELECT l.round, l.outcome, l.code, l.created_at
        FROM tasksync.settlements AS l
        WHERE l.generation_id = e.generation_id
        ORDER BY l.round DESC
        LIMIT 20
    ) AS s
) AS b
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE lower(m.status COLLATE "C") = ANY (@complete_words::text[])) AS complete,
        count(*) FILTER (WHERE lower(m.status COLLATE "C") = ANY (@failed_words::text[])) AS failed
    FROM public.music_clips AS m
    WHERE m.generation_id = e.generation_id
) AS c
WHERE e.to_status IN ('complete', 'failed') AND b.settled_at < e.created_at
ON CONFLICT DO NOTHING;

-- name: SettleFunctionList :many
-- The functions of a name, whatever their arguments, and what this role may do.
SELECT p.prokind::text AS kind, p.provolatile::text AS volatility, oidvectortypes(p.proargtypes)::text AS arguments,
    has_function_privilege(p.oid, 'EXECUTE')::boolean AS may_execute, has_schema_privilege(n.oid, 'USAGE')::boolean AS may_use,
    quote_ident(current_user)::text AS role
FROM pg_catalog.pg_proc AS p
JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
WHERE n.nspname = @schema_name::text AND p.proname = @name::text
ORDER BY arguments
LIMIT 20;
