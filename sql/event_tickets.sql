-- name: TicketInsert :exec
-- Removes expired tickets along the way: more of them than are issued, so that
-- none stay, but not so many that it takes time.
WITH expired AS (
    DELETE FROM tasksync.event_tickets
    WHERE hash = ANY (ARRAY(
        SELECT t.hash FROM tasksync.event_tickets AS t
        WHERE t.expires_at < now()
        ORDER BY t.expires_at
        LIMIT 100
        FOR UPDATE SKIP LOCKED
    ))
)
INSERT INTO tasksync.event_tickets (hash, user_id, expires_at, session_expires_at)
VALUES (@hash, @user_id, now() + make_interval(secs => @valid_seconds::double precision), @session_expires_at);

-- name: TicketTake :one
-- A ticket is good once: taking it deletes it.
DELETE FROM tasksync.event_tickets
WHERE hash = @hash AND expires_at >= now()
RETURNING user_id, session_expires_at;

-- name: TicketGet :one
-- The user of a ticket that is still good. The ticket stays good.
SELECT user_id, session_expires_at
FROM tasksync.event_tickets
WHERE hash = @hash AND expires_at >= now();
