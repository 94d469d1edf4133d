-- name: TicketInsert :exec
-- Removes expired tickets along the way: more of them than are issued, so that
-- none stay, but not so many that it takes time. Of a user's reconnecting tickets, those
-- that were used last are kept.
WITH expired AS (
    DELETE FROM tasksync.event_tickets
    WHERE hash = ANY (ARRAY(
        SELECT t.hash FROM tasksync.event_tickets AS t
        WHERE t.expires_at < now()
        ORDER BY t.expires_at
        LIMIT 100
        FOR UPDATE SKIP LOCKED
    ))
), surplus AS (
    DELETE FROM tasksync.event_tickets
    WHERE @reconnects::boolean AND hash = ANY (ARRAY(
        SELECT t.hash FROM tasksync.event_tickets AS t
        WHERE t.user_id = @user_id AND t.openings IS NOT NULL AND t.expires_at >= now()
        ORDER BY t.used_at DESC
        OFFSET @kept::integer
        LIMIT 100
        FOR UPDATE SKIP LOCKED
    ))
)
INSERT INTO tasksync.event_tickets (hash, user_id, expires_at, session_expires_at, openings)
VALUES (@hash, @user_id, now() + make_interval(secs => @valid_seconds::double precision), @session_expires_at,
    CASE WHEN @reconnects::boolean THEN 0 END);

-- name: TicketTake :one
-- Opens a stream. A ticket that is good once is deleted. One that reconnects stays good
-- until its session expires, for those who have the key: the first opening sets its hash,
-- later ones must have the same.
WITH taken AS (
    DELETE FROM tasksync.event_tickets AS t
    WHERE t.hash = @hash AND t.expires_at >= now() AND t.openings IS NULL
    RETURNING t.user_id, t.session_expires_at
), opened AS (
    UPDATE tasksync.event_tickets AS t
    SET openings = t.openings + 1, used_at = now(), expires_at = t.session_expires_at,
        reopen_hash = coalesce(t.reopen_hash, @reopen_hash::bytea)
    WHERE t.hash = @hash AND t.expires_at >= now() AND t.openings IS NOT NULL
        AND (t.reopen_hash IS NULL OR t.reopen_hash = @reopen_hash::bytea)
    RETURNING t.user_id, t.session_expires_at, t.openings
)
SELECT taken.user_id, taken.session_expires_at, 0::integer AS opening FROM taken
UNION ALL
SELECT opened.user_id, opened.session_expires_at, opened.openings::integer AS opening FROM opened;

-- name: TicketGet :one
-- The user of a ticket that would open a stream. The ticket stays good.
SELECT user_id, session_expires_at
FROM tasksync.event_tickets
WHERE hash = @hash AND expires_at >= now()
    AND (reopen_hash IS NULL OR reopen_hash = @reopen_hash::bytea);

-- name: TicketListOpenings :many
-- How often each of the tickets that are still good was opened.
SELECT hash, openings::integer AS opening
FROM tasksync.event_tickets
WHERE hash = ANY (@hashes::bytea[]) AND expires_at >= now() AND openings IS NOT NULL
LIMIT cardinality(@hashes::bytea[]);

-- name: TicketDelete :many
-- Revokes all tickets of a user, or those with these hashes.
DELETE FROM tasksync.event_tickets
WHERE user_id = @user_id AND (cardinality(@hashes::bytea[]) = 0 OR hash = ANY (@hashes::bytea[]))
RETURNING hash;
