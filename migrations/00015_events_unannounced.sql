-- Changes of status are announced by the daemon that commits them, after the
-- commit, and no longer by a trigger in it.
--
-- A commit that has notified waits for all others that have, across the whole
-- instance, and writes its WAL meanwhile: 32 clients that end one generation each
-- in a transaction lost a third of their rate, though nobody listened. A trigger that asks first whether somebody
-- does would still cost it while one browser is open. The daemon's own word after
-- the commit (query EventAnnounce) delays no writer, is said at most every 50 ms
-- however much commits, and only while somebody holds advisory lock
-- 8386110886476607079 (shared), as those do who listen. A word that is lost,
-- because the daemon ends in between or because somebody else wrote the event,
-- costs the second until the listeners look by themselves.
--
-- The index is for sweeping up tickets that nobody came with.

-- +goose Up
DROP TRIGGER tasksync_notify_events ON tasksync.generation_events;
DROP FUNCTION tasksync.notify_events();
CREATE INDEX event_tickets_expires_at_idx ON tasksync.event_tickets (expires_at);

-- +goose Down
DROP INDEX tasksync.event_tickets_expires_at_idx;
-- +goose StatementBegin
CREATE FUNCTION tasksync.notify_events() RETURNS trigger
    LANGUAGE plpgsql SET search_path = ''
AS $$
BEGIN
    IF pg_catalog.pg_notification_queue_usage() < 0.9 THEN
        PERFORM pg_catalog.pg_notify('tasksync_events', '');
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION tasksync.notify_events() FROM PUBLIC;
CREATE TRIGGER tasksync_notify_events
    AFTER INSERT ON tasksync.generation_events
    FOR EACH STATEMENT
    EXECUTE FUNCTION tasksync.notify_events();
