-- name: TransactionSetLockTimeout :exec
-- How long a statement of this transaction waits for a row that somebody else
-- holds, before it is refused with lock_not_available.
SELECT set_config('lock_timeout', @lock_timeout::text, true);

-- name: TransactionLockSweep :exec
-- One sweep at a time in the whole database, until the transaction ends.
SELECT pg_advisory_xact_lock(8386110886476607076);
