-- name: ShareRenew :one
-- The time is for tests; NULL is the database's own.
SELECT tasksync.renew_share(@credential, @holder, @demand, @requests, @window_ms, @lease_ms, sqlc.narg(at))::integer AS share;

-- name: ShareRelease :exec
-- Ends a lease. The requests that were sent under it still count for a window.
UPDATE tasksync.budget_shares SET until = least(until, clock_timestamp()), demand = 0
WHERE credential = @credential AND holder = @holder::uuid;
