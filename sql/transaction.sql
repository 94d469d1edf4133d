-- name: TransactionSetLockTimeout :exec
-- How long a statement of this transaction waits for a row that somebody else
-- holds, before it is refused with lock_not_available.
SELECT set_config('lock_timeout', @lock_timeout::text, true);

-- name: TransactionLockSweep :exec
-- One sweep at a time in the whole database, until the transaction ends. Its
-- queries join two large sets of which Postgres may believe that they are small
-- (the tables were, when it last looked): never row by row.
SELECT pg_advisory_xact_lock(8386110886476607076), set_config('enable_nestloop', 'off', true);

-- name: ClockNow :one
-- The database's clock, which created_at and River's times come from.
SELECT clock_timestamp()::timestamptz AS now;
