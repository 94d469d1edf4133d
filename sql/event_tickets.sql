-- name: TicketInsert :exec
-- Tickets that nobody came with are removed along the way.
WITH expired AS (
    DELETE FROM tasksync.event_tickets WHERE expires_at < now()
)
INSERT INTO tasksync.event_tickets (hash, user_id, expires_at, session_expires_at)
VALUES (@hash, @user_id, now() + make_interval(secs => @valid_seconds::double precision), @session_expires_at);

-- name: TicketTake :one
-- A ticket is good once: whoever deletes it has it.
DELETE FROM tasksync.event_tickets
WHERE hash = @hash AND expires_at >= now()
RETURNING user_id, session_expires_at;
