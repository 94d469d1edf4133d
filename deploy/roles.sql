-- Three roles, each with the least that works, for a database in which the application's
-- tables belong to another role. Run it as a superuser, or as the owner of the database
-- with CREATEROLE; set the passwords yourself, or let the roles log in another way:
--
--   psql "$ADMIN_URL" -f deploy/roles.sql
--   psql "$ADMIN_URL" -c "ALTER ROLE tasksync_migrator PASSWORD '…'" -c "ALTER ROLE tasksync PASSWORD '…'"
--
--   tasksync_owner      owns what tasksync creates; nobody logs in as it
--   tasksync_migrator   tasksync migrate up, or stock goose, in CI
--   tasksync            tasksync run --no-migrate, and every other command
--
-- The migrator alters music_generations and music_clips, so it must own them: if the
-- application has made them, grant it their owner: GRANT app_owner TO tasksync_migrator.
-- After the migrations, run this file again: it grants what they have made.
--
-- With TASKSYNC_SETTLE the runtime role calls a function of yours, too:
--
--   GRANT USAGE ON SCHEMA credits TO tasksync;
--   GRANT EXECUTE ON FUNCTION credits.settle_generation(uuid, integer, text, text, jsonb) TO tasksync;
DO $$
BEGIN
    IF to_regrole('tasksync_owner') IS NULL THEN CREATE ROLE tasksync_owner NOLOGIN; END IF;
    IF to_regrole('tasksync_migrator') IS NULL THEN CREATE ROLE tasksync_migrator LOGIN; END IF;
    IF to_regrole('tasksync') IS NULL THEN CREATE ROLE tasksync LOGIN; END IF;
    EXECUTE format('GRANT CONNECT, CREATE ON DATABASE %I TO tasksync_owner', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO tasksync_migrator, tasksync', current_database());
    -- What the migrator creates belongs to tasksync_owner.
    EXECUTE format('ALTER ROLE tasksync_migrator IN DATABASE %I SET role = tasksync_owner', current_database());
END $$;
GRANT tasksync_owner TO tasksync_migrator;
GRANT USAGE, CREATE ON SCHEMA public TO tasksync_owner;
GRANT USAGE ON SCHEMA public TO tasksync;

-- The runtime role reads and writes rows, and changes no table.
DO $$
BEGIN
    IF to_regclass('public.music_generations') IS NOT NULL THEN
        GRANT SELECT, UPDATE ON public.music_generations TO tasksync;
        GRANT SELECT, INSERT, UPDATE ON public.music_clips TO tasksync;
        GRANT SELECT ON public.tasksync_goose_version TO tasksync;
        GRANT USAGE ON SCHEMA tasksync TO tasksync;
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA tasksync TO tasksync;
        GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA tasksync TO tasksync;
        GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA tasksync TO tasksync;
        ALTER DEFAULT PRIVILEGES FOR ROLE tasksync_owner IN SCHEMA tasksync GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO tasksync;
        ALTER DEFAULT PRIVILEGES FOR ROLE tasksync_owner IN SCHEMA tasksync GRANT USAGE, SELECT ON SEQUENCES TO tasksync;
    END IF;
END $$;
