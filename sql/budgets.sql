-- name: ShareRenew :one
-- The time is for tests; NULL is the database's own. See migration 00018.
SELECT r.share::integer AS share, r.closed_ms::bigint AS closed_ms, r.agreed::boolean AS agreed
FROM tasksync.renew_share(
    @credential::text, @holder::uuid, @demand::integer, @requests::integer, @window_ms::bigint, @lease_ms::bigint,
    @held::integer, sqlc.narg(since_ms)::bigint, @told_ms::bigint, sqlc.narg(at)::timestamptz
) AS r;

-- name: ShareRelease :exec
-- Ends a lease. What counts for a window more is what was sent in the last one, which
-- the holder knows best.
UPDATE tasksync.budget_shares
SET until = least(until, clock_timestamp()), demand = 0, share = least(share, @used::integer), held = '{}', held_until = '{}'
WHERE credential = @credential AND holder = @holder::uuid;

-- name: BudgetDeleteOld :exec
-- Deletes what was shared of credentials that have had no holder for a week.
DELETE FROM tasksync.budgets
WHERE credential IN (
    SELECT b.credential FROM tasksync.budgets AS b WHERE b.updated_at < now() - interval '7 days' FOR UPDATE SKIP LOCKED
);
