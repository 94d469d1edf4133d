-- name: TransactionSetLockTimeout :exec
-- How long a statement of this transaction waits for a lock that another session
-- holds, before it fails with lock_not_available. The locks of the transaction end when
-- nobody goes on with it: the daemon may be cut off.
SELECT set_config('lock_timeout', @lock_timeout::text, true), set_config('idle_in_transaction_session_timeout', '10s', true);

-- name: TransactionSetStatementTimeout :exec
-- How long a statement of this transaction may take before it fails with
-- query_canceled.
SELECT set_config('statement_timeout', @statement_timeout::text, true);

-- name: TransactionLockSweep :exec
-- Holds the lock of the sweep until the transaction ends: one sweep runs at a
-- time in the whole database. Its queries join two large sets that Postgres may
-- take for small ones, as they were when it last analyzed the tables: a nested
-- loop would take for ever, so it is turned off. A daemon that is cut off or stopped
-- in the midst of a sweep must not hold up the others.
SELECT pg_advisory_xact_lock(8386110886476607076), set_config('enable_nestloop', 'off', true),
    set_config('idle_in_transaction_session_timeout', '10s', true);

-- name: ClockNow :one
-- The database's clock, which created_at and River's times come from.
SELECT clock_timestamp()::timestamptz AS now;
