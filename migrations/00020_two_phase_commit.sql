-- On a server that permits two-phase commits the triggers stay quiet.
--
-- PREPARE TRANSACTION refuses a transaction that has notified, so a trigger that
-- notifies would break every application that prepares its inserts. Whether one
-- does cannot be seen; that the server permits it can: max_prepared_transactions
-- is above 0. The function asks at each call, so that it needs no daemon to be
-- right: before the first start, between two starts, and when the setting is
-- raised later, which needs a restart of the server. The two conditions are apart
-- because the first alone costs no query.
--
-- ENABLE ALWAYS (tasksync feed trigger on) is the word of an operator who knows
-- that no application prepares transactions: such a trigger notifies all the same.

-- +goose Up
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION tasksync.notify_generation() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
    IF pg_catalog.current_setting('max_prepared_transactions') <> '0' THEN
        IF NOT EXISTS (
            SELECT FROM pg_catalog.pg_trigger AS t
            WHERE t.tgrelid = TG_RELID AND t.tgname = TG_NAME AND t.tgenabled = 'A'
        ) THEN
            RETURN NULL;
        END IF;
    END IF;
    IF pg_catalog.pg_notification_queue_usage() < 0.9 THEN
        PERFORM pg_catalog.pg_notify('tasksync', NEW.id::pg_catalog.text);
    END IF;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END
$$;
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION tasksync.notify_generation() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
    IF pg_catalog.pg_notification_queue_usage() < 0.9 THEN
        PERFORM pg_catalog.pg_notify('tasksync', NEW.id::pg_catalog.text);
    END IF;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END
$$;
-- +goose StatementEnd
